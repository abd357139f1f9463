"""What a driver is: how one kind of tool mounts a stack and lets go, as shell text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.machine.quote import quote
from harness.profile import Profile
from harness.worlds.model import Tool

# What every container sees of the cell besides its image: the world's programs, and the cell's folder.
BINDS = '--bind /usr:/usr --bind "$cell":/mnt'


@dataclass(frozen=True)
class Stack:
    """What a driver is asked to mount: folders of the cell, all relative to it; and what the scenario says to the program."""

    tool: Tool
    profile: Profile
    lowers: tuple[str, ...]  # the lowest first; at least one
    upper: str
    work: str
    merged: str
    program: str  # the shell word that calls the tool's main program
    options: Mapping[str, str] = field(default_factory=dict)  # mount options for the kernel, for fuse-overlayfs
    env: Mapping[str, str] = field(default_factory=dict)  # variables of the program's environment
    prepared: bool = False  # whether there is something in the upper already


@dataclass(frozen=True)
class Plan:
    """The shell text of a driver: functions that the script calls. Each is whole lines.

    ``prepare`` runs once before the first mount, ``mount`` and ``unmount`` are bodies of the functions of that name; a
    mount that the tool refuses must ``refuse`` with the tool's words; one whose daemon ended by a signal must not.
    """

    mount: str
    unmount: str
    prepare: str = ""
    release: str = ""  # once, at the very end


@dataclass(frozen=True)
class Way:
    """The shell text of a driver that runs containers: the way of an image and of its overlay.

    The tree under test is the folder ``/lab`` of the image. ``prepare`` makes the image of the folders ``image/1``, ``image/2`` …,
    which hold ``lab`` and empty mount points. ``enter`` is the body of a function: ``$1`` is ``writable`` or ``readonly``; ``"$@"``
    after a shift are words to run in the container, which must see the cell's folder at ``/mnt`` and the world's ``/usr``.
    ``upper`` leaves the upper in ``$out/upper.tar`` or, as an ext3 image, ``$out/upper.img``. ``onward``: what happens after that.
    """

    prepare: str
    enter: str
    upper: str  # empty: nothing of the writable layer is left to look at, and it cannot be run again
    onward: str = ""
    other: str | None = (
        None  # lines that switch to the program's other mode (native, OCI), where that takes the same image
    )
    flattened: bool = True  # whether the image is made of the layers merged, or of one layer each


@dataclass(frozen=True)
class Driver:
    """One kind of tool, with a ``plan`` when it mounts a stack, or a ``way`` when it runs containers from images.

    ``needs`` are capabilities of the host per profile (keys of ``harness.doctor.probe``'s facts); ``programs`` are the others that it calls
    and that a recording names; ``family``: the program whose installation it needs, where one installation is several tools.
    ``fs_of_its_own``: the stack brings the file system below the upper, so a scenario that names one is not for it.
    ``has_program``: the tool is a program, and another one can take its place in the script.
    """

    name: str
    title: str
    profiles: tuple[Profile, ...]
    plan: Callable[[Stack], Plan] | None = None
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    family: str = ""
    keeps_upper: bool = True  # whether the upper outlives the run
    as_root: bool = False  # whether an ordinary user is shown as root inside, and so owners are no evidence
    mode: str = ""  # "native" or "oci", where an image and its overlay can be handed over to the other one
    fs_of_its_own: bool = False
    has_program: bool = True
    way: Callable[[Stack], Way] | None = None

    def stack(self, stack: Stack) -> Plan:
        """The plan of a driver that mounts a stack."""
        assert self.plan is not None, self.name
        return self.plan(stack)


def exports(env: Mapping[str, str]) -> str:
    """Lines that put an environment in place for a tool that runs containers; none when it is empty."""
    return "".join(f"export {key}={quote(value)}\n" for key, value in env.items())


def option_words(*parts: str) -> str:
    """Mount options in one word; empty parts fall away."""
    return ",".join(part for part in parts if part)
