"""Which tools there are: the kernel, and the programs of each world, each at its exact version.

The words of ``--tool``: ``NAME`` and ``NAME@WORLD`` choose, ``NAME=PATH`` adds a program (see ``harness.tools.given``). Without a
choice, every tool is taken whose version no earlier world has already.
"""

from __future__ import annotations

import difflib
import platform
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.drivers import SETUPS, setups_of
from harness.errors import LabError, UsageError
from harness.machine.cache import Say
from harness.machine.packages import package_of
from harness.machine.process import which
from harness.tools.asked import FUSE, KERNEL, NATIVE, Word, parse_words
from harness.tools.crate import crates_in_place, ensure_crate
from harness.tools.given import by_digest, given_programs
from harness.tools.installed import installations, installed_tools
from harness.worlds.host import host_world
from harness.worlds.ledger import Ledger
from harness.worlds.model import HOST, Excluded, Part, Tool, Unavailable, World
from harness.worlds.suites import IMAGES, SUITES
from harness.worlds.versions import kernel_number, number_in, upstream

APPTAINER = "apptainer"
INSTALLED = tuple(setup.name for setup in setups_of(NATIVE))  # what one installation of SingularityCE is
CRATE = "crate"
_FOLDERS = ("usr/bin", "usr/sbin", "bin", "sbin")


Found = Tool | Unavailable | Excluded


def _asked(tool: Found, words: Sequence[Word]) -> bool:
    return not words or any(word.name == tool.name for word in words)


def asked_by(word: Word) -> tuple[str, ...]:
    """The tools that a word asks for: an installation of SingularityCE is several."""
    return INSTALLED if word.name == NATIVE and word.path is not None else (word.name,)


def discover(
    worlds: Sequence[World],
    given: Sequence[str] = (),
    kernel: str | None = None,
    *,
    say: Say = lambda _line: None,
    host: World | None = None,
) -> list[Found]:
    """Every tool of *worlds* (suites; the host is added when it is not among them), the chosen ones of it, and the programs to add.

    *given*: the words of ``--tool``; *kernel*: the release of the running kernel, asked for when it is None. Asking for
    ``fuse-overlayfs@crate`` builds it when it is not in place. A start with nothing new to learn starts no process.
    """
    words = parse_words(given)
    host = next((world for world in worlds if world.is_host), None) or host or host_world()
    suites = [world for world in worlds if not world.is_host]
    broken = _build_crate(words, say)
    ledger = Ledger.open()
    try:
        found = [*_all(suites, host, kernel or platform.release(), ledger), *broken]
        added = _given(words, suites, host, ledger)
    finally:
        ledger.close()
    choosing = [word for word in words if word.path is None]
    chosen = choose(found, choosing, added)
    return [*chosen, *distinguished(chosen, added, behind=0 if choosing else 1)]


def _given(words: Sequence[Word], suites: Iterable[World], host: World, ledger: Ledger) -> list[Found]:
    """What the user named with a path, each once, and what is installed here unasked."""
    images = next((world for world in suites if world.name == IMAGES), None)
    brought = [word for word in words if word.path is not None]
    named = [word for word in brought if word.name == NATIVE]
    unasked = [] if named or (words and not any(word.name in INSTALLED for word in words)) else installations()
    here = named or [
        Word(NATIVE, path=path, place=place, text=f"{NATIVE}={path}") for place, path in enumerate(unasked)
    ]
    installed = installed_tools(here, images, ledger, part_of, host)
    return [
        *given_programs([word for word in brought if word.name == FUSE], host, ledger),
        *(tool for tool in installed if named or _asked(tool, words)),
    ]


def distinguished(chosen: Iterable[Found], added: Sequence[Found], *, behind: int) -> list[Found]:
    """What is added, without what is chosen already. Raises UsageError where two programs would have one label or one id. Pure.

    *behind*: what is added to the ranks, 1 where nothing was chosen by a word: what is there unasked comes before what is given.
    """
    taken: dict[str, Tool] = {tool.key: tool for tool in chosen if isinstance(tool, Tool)}
    out: list[Found] = []
    for one in added:
        if isinstance(one, Tool):
            twin = taken.setdefault(one.key, one)
            if twin is not one and twin.main.sha256 != one.main.sha256 and not one.main.mark:
                one = replace(one, main=replace(one.main, mark=by_digest(one.main.sha256)))  # noqa: PLW2901
                twin = taken.setdefault(one.key, one)
            if twin is not one and twin.main.sha256 == one.main.sha256:
                continue  # the host's own program, given once more
            if twin is not one:
                raise UsageError(
                    f"two programs would be called {one.label}: {twin.main.path} and {one.main.path}",
                    where="--tool",
                    remedy=f"call each by another name: --tool {one.main.name}:{one.version}:NAME=PATH",
                )
            out.append(replace(one, rank=behind + one.rank))
        else:
            out.append(one)
    return out


def unmet(words: Iterable[Word], found: Sequence[Found]) -> list[Unavailable]:
    """Why words mean nothing that can be used here: of each for which there is no tool, what would have been one. Pure."""
    missing: list[Unavailable] = []
    for word in words:
        meant = [one for one in found if _meant(word, one)]
        if not any(isinstance(one, Tool) for one in meant):
            missing += [one for one in meant if isinstance(one, Unavailable)]
    return missing


def _meant(word: Word, one: Found) -> bool:
    if word.path is None:
        return _matches(word, one)
    return one.name in asked_by(word) and (not isinstance(one, Unavailable) or one.where == str(word.path))


def _build_crate(words: Iterable[Word], say: Say) -> list[Unavailable]:
    if not any(word.where == CRATE and word.name == FUSE for word in words):
        return []
    try:
        ensure_crate(say)
    except LabError as error:
        return [Unavailable(FUSE, CRATE, error.what, error.remedy)]
    return []


def _all(suites: Sequence[World], host: World, kernel: str, ledger: Ledger) -> list[Found]:
    found: list[Found] = list(_kernel_tools(kernel, host))
    built = {world.name for world in suites}
    for suite in (name for name in SUITES if name not in built):
        remedy = f"whiteout-lab worlds build {suite}"
        # what runs in that world is the user's: nothing is missing
        provided = () if suite == IMAGES else SUITES[suite].provides
        found += [Unavailable(name, suite, f"the world {suite} is not built", remedy, suite) for name in provided]
    for world in suites:
        if APPTAINER in _provides(world) and (own := part_of(APPTAINER, world, ledger)):
            for setup in setups_of(APPTAINER):
                called = tuple(part for program in setup.parts if (part := part_of(program, world, ledger)))
                found.append(Tool(setup.name, own, world, called, origin="world"))
    for world in (*suites, host):
        if FUSE not in _provides(world):
            continue
        main = part_of(FUSE, world, ledger)
        for setup in setups_of(FUSE) if main else ():
            parts = tuple(part for name in setup.parts if (part := part_of(name, world, ledger)))
            if main and len(parts) == len(setup.parts) and all(find_program(helper, world) for helper in setup.helpers):
                found.append(Tool(setup.name, main, world, parts, origin=HOST if world.is_host else "world"))
    for version, program in crates_in_place():
        known = ledger.program(program, host)
        found.append(Tool(FUSE, Part(FUSE, version, "", str(program), known.sha256, known.says), host, origin=CRATE))
    return found


def _provides(world: World) -> tuple[str, ...]:
    """The tools that are looked for in a world."""
    suite = SUITES.get(world.suite)
    return suite.provides if suite is not None else tuple(setup.name for setup in setups_of(FUSE))


def _kernel_tools(release: str, host: World) -> list[Tool]:
    says = (
        f"Linux {release}"
        if release != platform.release()
        else f"Linux {release} {platform.version()} {platform.machine()}"
    )
    main = Part(KERNEL, kernel_number(release), release, "", "", says)
    return [Tool(setup.name, main, host, origin=HOST) for setup in setups_of(KERNEL)]


def find_program(program: str, world: World) -> Path | None:
    if world.is_host:
        return which(program)
    return next((path for folder in _FOLDERS if (path := world.root / folder / program).is_file()), None)


def part_of(name: str, world: World, ledger: Ledger) -> Part | None:
    file = find_program(name, world)
    if file is None:
        return None
    known = ledger.program(file, world)
    inside = file if world.is_host else Path("/") / file.relative_to(world.root)
    # A program that somebody put into /usr/local is not the one of the package.
    package = world.packages.get(package_of(name), "") if not inside.is_relative_to("/usr/local") else ""
    version = upstream(package) if package else number_in(known.says)
    mark = "" if package else f"+{known.sha256[:8]}"
    return Part(name, version, package, str(inside), known.sha256, known.says, mark)


def where_of(found: Found) -> str:
    """What stands after the ``@``: the world's name, or ``crate``."""
    if isinstance(found, Tool):
        return CRATE if found.origin == CRATE else found.world.name
    return found.where


def choose(found: Sequence[Found], words: Sequence[Word], added: Sequence[Found] = ()) -> list[Found]:
    """What the words choose of everything found; without words, all of it, a version that an earlier world has being excluded. Pure.

    *added*: tools that the user brings; a word that names one of them is not absent.
    """
    for word in words:
        _check(word, found)
    chosen: list[Found] = []
    first: dict[str, Tool] = {}
    for one in found:
        asked = [word for word in words if _matches(word, one)]
        if words and not asked:
            continue
        if not isinstance(one, Tool):
            chosen.append(one)
        elif one.key not in first:
            first[one.key] = one
            chosen.append(replace(one, rank=_rank(asked)))
        elif any(word.where for word in asked):
            main = replace(one.main, mark=f"{one.main.mark}~{where_of(one)}")
            chosen.append(replace(one, main=main, rank=_rank(asked)))
        else:
            same = where_of(first[one.key])
            chosen.append(Excluded(one.name, where_of(one), f"the same version, {one.main.shown}, as in {same}"))
    return [*chosen, *_absent(words, [*found, *added])]


def _rank(asked: Iterable[Word]) -> int:
    return min((word.place for word in asked), default=0)


def _matches(word: Word, one: Found) -> bool:
    name = {one.name, one.key} if isinstance(one, Tool) else {one.name}
    return word.name in name and word.where in {"", where_of(one)}


def _absent(words: Iterable[Word], found: Sequence[Found]) -> list[Unavailable]:
    """Words that mean something, but not on this machine."""
    return [_why_absent(word, found) for word in words if not any(_matches(word, one) for one in found)]


def _why_absent(word: Word, found: Iterable[Found]) -> Unavailable:
    where = word.where or "any world"
    program = SETUPS[word.name].program if word.name in SETUPS else ""
    for one in found:  # the program that this is one setup of
        if isinstance(one, Unavailable) and one.name == program and word.where in {"", one.where}:
            return replace(one, name=word.name)
    hints = {HOST: "install it on this machine", CRATE: "whiteout-lab worlds build crate"}
    own = dict.fromkeys(INSTALLED, f"name your installation: --tool {NATIVE}=FOLDER")
    remedy = hints.get(word.where) or own.get(word.name, "whiteout-lab worlds build")
    return Unavailable(word.name, where, "it is not here", remedy)


def _check(word: Word, found: Sequence[Found]) -> None:
    keys = [one.key for one in found if isinstance(one, Tool)]
    for name, known, what in (
        (word.name, [*SETUPS, *keys], "tool"),
        (word.where, ["", HOST, CRATE, *SUITES, *map(where_of, found)], "world"),
    ):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            guess = f"did you mean {near[0]}? " if near else ""
            names = ", ".join(dict.fromkeys(name for name in known if name))
            raise UsageError(f"there is no {what} {name!r}", where="--tool", remedy=f"{guess}known: {names}")
