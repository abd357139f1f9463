"""What a driver is: how one kind of program mounts a stack, or runs containers, and lets go, as shell text. Pure.

A driver is a class, a *setup* one row of it: a program as it is used. What sets a setup apart from the program's others is a field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from harness.machine.quote import quote
from harness.profile import Profile
from harness.worlds.inside import CELL, SCRIPT

# What every container sees of the cell besides its image: the world's programs, and the cell's folder.
BINDS = f'--bind /usr:/usr --bind "$cell":{CELL}'
# The command that a container runs: the script again, with the word "inside".
INSIDE = f'/bin/sh {SCRIPT} {CELL} inside "$@"'

# How the image is called that importers get: in the layout, and for docker, whose names have no place without a repository.
IMAGE_NAME, IMAGE_TAG = "latest", "lab/image:latest"


@dataclass(frozen=True)
class Stack:
    """What a driver is asked to mount: folders of the cell, all relative to it; and what the scenario says to the program."""

    profile: Profile
    lowers: tuple[str, ...]  # the lowest first; at least one
    upper: str
    work: str
    merged: str
    program: str  # the shell word that calls the tool's main program
    options: Mapping[str, str] = field(default_factory=dict)  # program -> mount options
    env: Mapping[str, str] = field(default_factory=dict)  # variables of the program's environment
    prepared: bool = False  # whether there is something in the upper already


@dataclass(frozen=True)
class Typed:
    """The same as a person types it to see what happens: for the text of a bug report. Each part is whole lines, or empty.

    ``begin`` once before all else, ``mount`` and ``unmount`` around the steps, ``end`` after all. ``run``: of a container, the words behind
    which a command stands that is done in it. ``upper``: the folder in which the marks then lie, where it is one.
    """

    begin: str = ""
    mount: str = ""
    unmount: str = ""
    end: str = ""
    run: str = ""
    upper: str = ""


@dataclass(frozen=True)
class MountText:
    """The shell text of a driver that mounts a stack. Each part is whole lines.

    ``prepare`` runs once before the first mount, ``mount`` and ``unmount`` are bodies of the functions of that name; a
    mount that the tool refuses must ``refuse`` with the tool's words; one whose daemon ended by a signal must not.
    """

    mount: str
    unmount: str
    prepare: str = ""
    release: str = ""  # once, at the very end
    typed: Typed = Typed()


@dataclass(frozen=True)
class ContainerText:
    """The shell text of a driver that runs containers: what becomes of an image and of its overlay.

    The tree under test is the folder ``/lab`` of the image. ``prepare`` makes the image of the folders ``image/1``, ``image/2`` …,
    which hold ``lab`` and empty mount points. ``enter`` is the body of a function: ``$1`` is ``writable`` or ``readonly``; ``"$@"``
    after a shift are words to run in the container, which must see the cell's folder at ``/mnt`` and the world's ``/usr``.
    ``upper`` leaves the upper in ``$out/upper.tar`` or, as an ext3 image, ``$out/upper.img``; empty where nothing of it is left.
    ``onward``: what happens after that. ``switch``: lines that go on in the program's other mode, where the setup has one.
    """

    prepare: str
    enter: str
    upper: str
    onward: str = ""
    switch: str = ""
    typed: Typed = Typed()


@dataclass(frozen=True)
class ReadingText:
    """The shell text of who is given layers, again and again. Each part is whole lines.

    ``begin`` runs once before all readings, as root or as the ordinary user whose they are: a daemon is started there. ``reading`` is the
    body of a function that runs in a folder of the reading's own, in a subshell, whose output is kept as the words; what it ends with
    other than 0 is a refusal. ``end`` runs once after all, whatever came of them. ``$out``: where the evidence of a reading goes.

    An importer finds ``image``, an OCI layout whose image is called IMAGE_NAME, and the same as ``image.tar``, which has ``manifest.json``
    for ``docker load`` besides, by the name IMAGE_TAG. It says ``show FOLDER`` while that folder is the tree that it made of the image.
    A packer finds ``lower/1``, ``lower/2`` … (the lowest first) and ``upper``, as folders. It says ``packed FILE``: the layer, a tar or
    a squashfs.
    """

    reading: str
    begin: str = ""
    end: str = ""


@dataclass(frozen=True, kw_only=True)
class Setup(ABC):
    """One row: a program as it is used.

    ``called``: the program, and ``how`` the setup, as people say them; ``how`` is empty for the plain setup. ``needs`` are
    capabilities of the host per profile (keys of ``harness.doctor.probe``'s facts); ``parts`` are the programs that it calls
    and that a recording names. ``fs_of_its_own``: it brings the file system below the upper, so a scenario that names one is not
    for it. ``helpers``: programs that make what it mounts; they are not under test, but without them there is no such tool.
    ``on_request``: it runs the scenarios that name it alone, since it says little new in others and costs much.
    ``owners``: whether the tree that it shows has the owners that it was given, or all are mapped to whoever runs it.
    ``container``: whether it needs the surroundings of programs that run containers: a machine of its own, whose user the ordinary one is.
    """

    kind: ClassVar[Literal["mounts", "containers", "imports", "packs"]]

    program: str
    setup: str = ""
    called: str
    how: str = ""
    profiles: tuple[Profile, ...] = (Profile.ROOT, Profile.USER)
    needs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    on_request: bool = False
    fs_of_its_own: bool = False
    owners: Literal["visible", "mapped"] = "visible"
    container: bool = False

    @property
    def name(self) -> str:
        """``apptainer``, ``apptainer+ext3``: how scenarios and the command line speak of it."""
        return f"{self.program}+{self.setup}" if self.setup else self.program

    @property
    def title(self) -> str:
        """``SingularityCE OCI mode with ext3``: how sentences speak of it."""
        return f"{self.called} {self.how}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Mounter(Setup):
    """A driver that mounts a stack.

    ``is_program``: it is a program, and another one can take its place in the script. ``upper``, ``work``: where in the cell the
    stack has them.
    """

    kind = "mounts"

    is_program: bool = True
    upper: str = "upper"
    work: str = "work"

    @abstractmethod
    def script(self, stack: Stack) -> MountText:
        """The lines that mount a stack, and let go of it."""


@dataclass(frozen=True, kw_only=True)
class Runner(Setup):
    """A driver that runs containers from images.

    ``keeps_upper``: whether the upper outlives the run. ``mode``: "native" or "oci", where an image and its overlay can be handed over
    to the other one. ``flattened``: whether the image is made of the layers merged, or of one layer each.
    """

    kind = "containers"

    needs: tuple[str, ...] = ("container",)
    on_request: bool = True
    fs_of_its_own: bool = True
    container: bool = True
    keeps_upper: bool = True
    mode: Literal["", "native", "oci"] = ""
    flattened: bool = True

    @abstractmethod
    def script(self, stack: Stack) -> ContainerText:
        """The lines that make an image, run it, and go on with it."""


@dataclass(frozen=True, kw_only=True)
class Importer(Setup):
    """A driver that takes images: what it makes of one is the tree that it shows.

    ``adds``: paths that it puts into every tree by itself, one that ends with ``/`` with all below it: where an image has none of these,
    they say nothing of how it was read. ``since``: the first version of the program that has the setup at all.
    """

    kind = "imports"

    container: bool = True
    adds: tuple[bytes, ...] = ()
    since: str = ""

    @abstractmethod
    def script(self, profile: Profile) -> ReadingText:
        """The lines that take an image, and show its tree."""


@dataclass(frozen=True, kw_only=True)
class Packer(Setup):
    """A driver that makes a layer of an upper. ``form``: of the layer, ``tar`` or ``squashfs``."""

    kind = "packs"

    form: Literal["tar", "squashfs"] = "tar"

    @abstractmethod
    def script(self, profile: Profile) -> ReadingText:
        """The lines that make a layer."""


def exports(env: Mapping[str, str]) -> str:
    """Lines that put an environment in place for a tool that runs containers; none when it is empty."""
    return "".join(f"export {key}={quote(value)}\n" for key, value in env.items())


def assigned(env: Mapping[str, str]) -> str:
    """The same as words before a command, which has it alone."""
    return "".join(f"{key}={quote(value)} " for key, value in env.items())


def option_words(*parts: str) -> str:
    """Mount options in one word; empty parts fall away."""
    return ",".join(part for part in parts if part)
