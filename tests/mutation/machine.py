"""The edge to the machine: what is left behind, what was cut, what is written. Mutants that could reach outside of a test are not here.

So what confines a cell is tried by tests that make words alone, never by a cell that tries to get out.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.changes import Mutant, gives, in_place, inverted, made, replaced, silent

_LAUNCH = "harness/launch"


def every() -> Iterator[Mutant]:
    """Leaks, room, evidence that is whole, and the files of a run."""
    leaks = ("tests/machine/test_workfolder.py", "-k", "that_are_left")
    yield from silent(f"{_LAUNCH}/leaks.py", leaks, ("find_leaks", "_mounts", "_processes", "_loops", "_folders"))
    yield from inverted(f"{_LAUNCH}/leaks.py", leaks)
    exits = ("tests/cli/test_progress.py",)
    yield from inverted("harness/cli/progress.py", exits, ("Progress.exit_code",))
    yield from made(
        "harness/cli/progress.py", exits,
        ("Progress.exit_code", "does not look at leaks", replaced("self.run.leaks", "()")),
        ("Progress.exit_code", "does not look at problems", replaced("self.run.problems", "()")),
    )  # fmt: skip
    yield from made(
        "harness/runs/run.py",
        exits,
        ("Run.finish", "asks for no leaks", replaced("find_leaks(Path(self.plan.work))", "[]")),
    )
    yield from _whole()
    yield from _evidence()
    yield from _written()


def _whole() -> Iterator[Mutant]:
    room = ("tests/machine/test_room.py", "-k", "begin_without or with_room or for_a_moment or is_little or least")
    yield from inverted("harness/machine/room.py", room, ("Room.look", "Room.problem", "Room.need"))
    yield from made(
        "harness/machine/room.py", room,
        ("Room.look", "sees nothing", gives("None")),
        ("Room.look", "minds no bytes", replaced("free < LEAST", "False")),
        ("Room.look", "minds no inodes", replaced("now.f_favail < LEAST_FILES", "False")),
        ("Room.look", "takes what is root's", replaced("now.f_bavail", "now.f_bfree")),
        ("Room.problem", "is none", gives("''")),
    )  # fmt: skip
    yield from made(
        f"{_LAUNCH}/cell.py", room,
        ("_run", "does not watch the room", replaced("room.problem", "''")),
        ("_run", "does not look while it runs", replaced("room.look", "lambda: None")),
    )  # fmt: skip
    whole = ("tests/evidence/test_whole.py",)
    yield from inverted("harness/evidence/whole.py", whole)
    yield from silent("harness/evidence/whole.py", whole, ("unwritten", "cut", "steps_cut", "too_short"))
    files = ("tests/launch/test_untouched.py",)
    yield from inverted(f"{_LAUNCH}/untouched.py", files)


def _evidence() -> Iterator[Mutant]:
    near = ("tests/evidence/test_trees.py",)
    yield from inverted("harness/evidence/trees.py", near)
    yield from silent(
        "harness/evidence/trees.py", near,
        ("unseen", "steps", "phase", "broken", "refused", "leftovers", "daemon_exits", "mounts", "log"),
    )  # fmt: skip


def _written() -> Iterator[Mutant]:
    near: tuple[str, ...] = ("tests/launch/test_enclosure.py",)
    yield from made(f"{_LAUNCH}/enclosure.py", near, ("fstab_word", "escapes nothing", gives("str(path)")))
    yield from inverted(
        f"{_LAUNCH}/enclosure.py",
        near,
        ("fstab_word", "read_mountinfo", "Enclosure.mounts", "Enclosure._host", "Enclosure._closed"),
    )
    yield from made(
        "harness/machine/guarded.py", ("tests/machine/test_guarded.py",),
        ("_remove", "crosses mounts", replaced("here != expected", "False")),
        ("is_marked", "says that all is ours", gives("True")),
    )  # fmt: skip
    near = ("tests/evidence/test_recording.py", "tests/report/test_load.py")
    yield from inverted("harness/evidence/recording.py", near, ("write", "read", "damage"))
    yield from made(
        "harness/evidence/recording.py", near,
        ("write", "writes in place", in_place),
        ("damage", "is never seen", gives("''")),
    )  # fmt: skip
    near = ("tests/runs/test_results.py",)
    yield from made("harness/runs/results.py", near, ("write_results", "writes in place", in_place))
    near = ("tests/scenario/test_options.py",)
    yield from inverted("harness/scenario/options.py", near)
    near = ("tests/cli/test_inspect_words.py", "tests/cli/test_inspect.py")
    yield from inverted("harness/cli/inspect.py", near, ("_exit_code", "_chosen", "_repair"))
    yield from inverted("harness/cli/inspect_words.py", near)
    yield from made(
        "harness/cli/inspect_words.py", near,
        ("layer_lines", "lets notes live", replaced("one_line(note)", "note")),
        ("layer_lines", "lets names live", replaced("one_line(layer.name)", "layer.name")),
        ("_unseen_lines", "lets what was not seen live", replaced("one_line(words)", "words")),
        ("_marker_line", "lets paths live", replaced("escape(marker.path)", "marker.path.decode()")),
        ("_marker_line", "lets places live", replaced("escape(marker.at)", "marker.at.decode()")),
        ("image_lines", "lets notes live", replaced("one_line(note)", "note")),
        ("unread_line", "lets names live", replaced("one_line(layer.name)", "layer.name")),
        ("unread_line", "lets words live", replaced("one_line(layer.unread)", "layer.unread")),
    )  # fmt: skip
    yield from made(
        "harness/cli/inspect.py", near,
        ("_print_text", "lets its path live", replaced("escape(os.fsencode(path))", "path")),
        ("_print_mtree", "lets names live", replaced("one_line(layer.name)", "layer.name")),
    )  # fmt: skip
    yield from inverted("harness/layers/hiding.py", ("tests/layers/test_hiding.py",))
    yield from inverted("harness/judge/defects/likely.py", ("tests/judge/test_likely.py",))
    yield from inverted("harness/judge/rules/packed.py", ("tests/readings/test_packed.py",))
