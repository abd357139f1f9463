"""What a driver is: how one kind of tool mounts a stack and lets go, as shell text. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.scenario.layers import Profile
from harness.scenario.model import Scenario
from harness.worlds.model import Tool


@dataclass(frozen=True)
class Stack:
    """What a driver is asked to mount: folders of the cell, all relative to it."""

    scenario: Scenario
    tool: Tool
    profile: Profile
    lowers: tuple[str, ...]  # the lowest first; at least one
    upper: str
    work: str
    merged: str
    program: str  # the shell word that calls the tool's main program


@dataclass(frozen=True)
class Plan:
    """The shell text of a driver: functions that the script calls. Each is whole lines.

    ``prepare`` runs once before the first mount, ``mount`` and ``unmount`` are bodies of the functions of that name; a
    mount that the tool refuses must ``die``; one whose daemon ended by a signal must not.
    """

    mount: str
    unmount: str
    prepare: str = ""
    release: str = ""  # once, at the very end


@dataclass(frozen=True)
class Driver:
    """One kind of tool.

    ``needs`` are capabilities of the host per profile (keys of ``harness.doctor``'s facts); ``programs`` must be in the world;
    ``fs_of_its_own``: the stack brings the file system below the upper, so a scenario that names one is not for it.
    ``has_program``: the tool is a program, and another one can take its place in the script.
    """

    name: str
    title: str
    profiles: tuple[Profile, ...]
    plan: Callable[[Stack], Plan]
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    fs_of_its_own: bool = False
    has_program: bool = True


def option_words(*parts: str) -> str:
    """Mount options in one word; empty parts fall away."""
    return ",".join(part for part in parts if part)
