"""Worlds of today: where a suite has newer packages than its world, a new world is built beside the old one.

The suite's index is asked by ``mmdebstrap --simulate``, with the options of a build: some 11 MB are fetched, and no package. What runs in
the old world is not disturbed, and a program of it stays a tool while no newer world has its version.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.errors import BrokenMachinery, LabError, WorldError
from harness.machine.cache import Say, locked
from harness.machine.guarded import remove_tree
from harness.worlds.build import SIMULATE, build_beside, building, prune_suite, unpack, world_in_place
from harness.worlds.suites import SUITES

_WOULD = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)  # apt-get(8), --simulate


def refresh(suites: Sequence[str], say: Say) -> list[WorldError]:
    """Build what is missing, and what is older than its suite, side by side; returns why some could not be asked for, or built.

    A world that is there stays there. *say* gets a line for each stage.
    """
    with ThreadPoolExecutor(max(1, len(suites))) as pool:
        return [error for error in pool.map(lambda suite: _refresh_one(suite, say), suites) if error is not None]


def _refresh_one(suite: str, say: Say) -> WorldError | None:
    try:
        with locked(f"{suite}.build", lambda: say(f"{suite}: another program is building it, waiting")):
            there = world_in_place(suite)
            if there is not None:
                newer = sorted(set(packages_of_today(suite, say).items()) ^ set(there.packages.items()))
                if not newer:
                    say(f"{suite}: as its suite is")
                    return None
                names = sorted({name for name, _ in newer})
                say(
                    f"{suite}: {', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}: other versions"
                )
            new = build_beside(suite, say)
            if (
                there is not None and new.packages == there.packages
            ):  # a mirror of the user's own, with more than a release in it
                say(f"{suite}: it is as it was")
                remove_tree(new.root.parent)
            for name in prune_suite(suite):
                say(f"{suite}: {name} is not needed any more")
    except LabError as error:
        return WorldError(error.what, where=error.where or suite, remedy=error.remedy)
    except OSError as error:
        return WorldError(
            f"cannot be built: {error}", where=suite, remedy="see that the cache folder can be written to"
        )
    return None


def packages_of_today(suite: str, say: Say) -> dict[str, str]:
    """The packages, with versions, that a world of the suite would have now. The lock of its builds must be held. Raises WorldError."""
    folder, lock = building(suite, say)
    try:
        found = dict(_WOULD.findall(unpack(SUITES[suite], folder / "root", lock, say, SIMULATE)))
    finally:
        with contextlib.suppress(BrokenMachinery):
            remove_tree(folder)
    if not set(SUITES[suite].packages) <= found.keys():
        raise WorldError(
            "mmdebstrap does not say which packages it would take",
            where=suite,
            remedy="try again with its newest version",
        )
    return found
