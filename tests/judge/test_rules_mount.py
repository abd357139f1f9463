"""A tool that refuses to mount has answered."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from harness.evidence.recording import Answer, Recording
from harness.judge.rules import mount
from harness.judge.rules.evidence import Evidence
from tests.judge.evidence import evidence, messages

WORDS = "mount: merged: wrong fs type, bad option, bad superblock on overlay."


def seen(**changes: object) -> Evidence:
    """A cell that ended at its first mount, unless it is said otherwise."""
    whole = evidence()
    refuses = changes.pop("refuses", ())
    recording = msgspec.structs.replace(
        whole.recording,
        scenario=msgspec.structs.replace(whole.recording.scenario, refuses=refuses),
        **{"phase": "mount", "exit_code": 5, "refused": WORDS} | changes,
    )
    return Evidence(recording, {})


def test_a_refusal_is_a_finding_in_the_tools_own_words() -> None:
    assert messages(mount.mount_refused, seen()) == [f"refuses to mount the stack: {WORDS}"]


@pytest.mark.parametrize("phase", ["remount", "mount again"])
def test_a_refusal_after_the_first_mount_is_told_as_one(phase: str) -> None:
    for refuses in ((), ("fuse-overlayfs",)):
        (said,) = messages(mount.mount_refused, seen(phase=phase, refuses=refuses))
        assert said.startswith("refuses to mount the stack again: ")


def test_what_changes_from_run_to_run_is_no_part_of_it() -> None:
    one, other = (
        messages(mount.mount_refused, seen(refused=f"exit code 1: fuse-overlayfs[{pid}]: at {at}: no"))
        for pid, at in ((812, "0x7ffc01"), (70155, "0x55aa99"))
    )
    assert one == other == ["refuses to mount the stack: exit code 1: fuse-overlayfs…: at 0x…: no"]


def test_the_lines_of_a_refusal_are_one_sentence() -> None:
    said = messages(mount.mount_refused, seen(refused="mount: merged: wrong fs type.\n       dmesg(1) may have more."))
    assert said == ["refuses to mount the stack: mount: merged: wrong fs type. dmesg(1) may have more."]


@pytest.mark.parametrize("pattern", ["fuse-overlayfs", "fuse-overlayfs>=1.8,<2", "fuse-*"])
def test_a_refusal_that_the_scenario_demands_is_as_it_should_be(pattern: str) -> None:
    assert messages(mount.mount_refused, seen(refuses=("kernel", pattern))) == []


def test_a_refusal_that_the_scenario_demands_of_another_version_is_a_finding() -> None:
    assert len(messages(mount.mount_refused, seen(refuses=("fuse-overlayfs<1.8", "kernel")))) == 1


def test_a_mount_that_must_be_refused_is_a_finding() -> None:
    done = seen(refused="", phase="end", exit_code=0, refuses=("fuse-overlayfs",))
    assert messages(mount.mount_refused, done) == ["mounts the stack, which it must refuse"]
    assert messages(mount.mount_refused, seen(refused="", phase="end", exit_code=0)) == []
    hung = seen(refused="", timed_out=True, refuses=("fuse-overlayfs",))  # not seen to mount
    assert messages(mount.mount_refused, hung) == []


def test_the_exit_code_of_a_refusal_is_no_second_finding() -> None:
    assert messages(mount.died, seen(daemon_exits=(1,))) == []


@pytest.mark.parametrize(
    "words",
    [
        "exit code 1: fuse: device not found, try 'modprobe fuse' first",
        "exit code 1: fuse: failed to open /dev/fuse: Operation not permitted",
        "exit code 127: script.sh: 90: fuse-overlayfs: not found",
        "mount: merged: mount(2) system call failed: No space left on device.",
        "exit code 1: fuse-overlayfs: cannot open lower: Too many open files",
        "exit code 1: cannot allocate: Cannot allocate memory",
    ],
)
def test_trouble_of_the_machine_is_no_answer(words: str) -> None:
    recording: Recording = seen(refused=words).recording
    assert words in mount.refused_by_the_machine(recording)
    assert mount.refused_by_the_machine(seen().recording) == ""


LOOP = "while mounting image: failed to attach loop device: could not open /dev/loop0: no such device or address"


def test_a_loop_device_that_another_process_took_is_no_answer_and_tried_again() -> None:
    """Seen with apptainer 1.4.5, two cells at a time."""
    for lost in (
        seen(refused=LOOP).recording,
        replace(seen(refused="").recording, answers=(Answer("a run", 255, LOOP),)),
    ):
        assert mount.lost_a_race(lost)
        assert "another process" in mount.refused_by_the_machine(lost)
    done = replace(seen(refused="").recording, answers=(Answer("a run", 0, LOOP),))
    assert not mount.lost_a_race(done)
    assert not mount.lost_a_race(seen(refused="could not open /dev/loop0: permission denied").recording)


def test_an_image_that_the_program_does_not_make_is_refused_once() -> None:
    """SingularityCE's pull, of a layer with a name beside its whiteout: nothing was mounted before it, so nothing is mounted again."""
    (said,) = messages(mount.mount_refused, seen(phase="image", refused="pull --oci: tar2sqfs error"))
    assert said == "refuses to mount the stack: pull --oci: tar2sqfs error"
