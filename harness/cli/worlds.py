"""``whiteout-lab worlds``: the userlands in the cache."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence

from harness.cli.working import say
from harness.compare.words import count
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, UsageError, WorldError
from harness.machine.cache import cache_folder, prune_folder
from harness.names import one_line
from harness.tools.asked import NATIVE, parse_words
from harness.tools.crate import crates_in_place, ensure_crate
from harness.tools.installed import installations
from harness.worlds.build import ensure, generations, prune, world_in_place
from harness.worlds.refresh import refresh
from harness.worlds.suites import GUESTS_RUN_ON, SUITES, Taking, wanted

_CRATE = "crate"


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="which worlds there are, and which are built").set_defaults(handler=_list)
    build = actions.add_parser("build", help="build worlds that are not in place yet")
    build.add_argument(
        "names",
        nargs="*",
        metavar="SUITE",
        help=f"{', '.join(SUITES)} (default: those that can be used here); or {_CRATE}",
    )
    build.add_argument(
        "--refresh",
        action="store_true",
        help="ask the archive too: where a suite has newer packages, a new world is built beside the old one",
    )
    build.set_defaults(handler=_build)
    gone = actions.add_parser("prune", help="delete worlds that nobody needs any more, and what killed builds left")
    gone.add_argument(
        "--all", action="store_true", help="delete every world and crate, and what was unpacked of archives"
    )
    gone.set_defaults(handler=_prune)


def unasked(tools: Sequence[str] = (), taking: Taking = Taking.NONE, *, guests: bool = False) -> list[str]:
    """The worlds that can be used here. *tools*: the words of ``--tool``; *guests*: whether machines are to crash."""
    here = guests and platform.machine() in GUESTS_RUN_ON
    given = any(word.name.partition("+")[0] == NATIVE for word in parse_words(tools)) or bool(installations())
    return wanted(containers=os.geteuid() == 0, singularity=given, taking=taking, guests=here)


def _list(_arguments: argparse.Namespace) -> int:
    width = max(map(len, SUITES))
    print(f"in {one_line(str(cache_folder()))}:")
    for suite in SUITES.values():
        world = world_in_place(suite.name)
        state = (
            f"built, {count(len(world.packages), 'package')}"
            if world
            else f"not built: whiteout-lab worlds build {suite.name}"
        )
        print(f"  {suite.name:{width}} {state}\n  {'':{width}} {suite.why}")
        for older in generations(suite.name)[1:]:
            print(f"  {older.name:{width}} its world of before, {count(len(older.packages), 'package')}")
    crates = ", ".join(version for version, _ in crates_in_place())
    print(
        f"  {_CRATE:{width}} {f'built: fuse-overlayfs {crates}' if crates else 'not built: whiteout-lab worlds build crate'}"
    )
    print(f"  {'':{width}} fuse-overlayfs 2, the rewrite in Rust (needs cargo)")
    return EXIT_AS_EXPECTED


def _build(arguments: argparse.Namespace) -> int:
    known = (*SUITES, _CRATE)
    if unknown := [name for name in arguments.names if name not in known]:
        raise UsageError(f"there is no world {unknown[0]!r}", where="worlds build", remedy=f"known: {', '.join(known)}")
    suites = (
        [name for name in arguments.names if name != _CRATE]
        if arguments.names
        else unasked(taking=Taking.ONE, guests=True)
    )
    if arguments.refresh:
        failed = refresh(suites, say)
    else:
        failed = [world for world in ensure(suites, say).values() if isinstance(world, WorldError)]
    if _CRATE in arguments.names:
        ensure_crate(say)
    for error in failed:
        print(f"whiteout-lab: {error}", file=sys.stderr)
    return EXIT_BROKEN if failed else EXIT_AS_EXPECTED


def _prune(arguments: argparse.Namespace) -> int:
    gone = [
        *prune(everything=arguments.all),
        *([*prune_folder("crates"), *prune_folder("installed")] if arguments.all else []),
    ]
    for name in gone:
        print(f"deleted {one_line(name)}")
    if not gone:
        print("there is nothing to delete")
    return EXIT_AS_EXPECTED
