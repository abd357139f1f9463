"""``make bench``: what this program costs on top of plain shell doing the same. Ratios, never a test.

Each figure is a median over several rounds of both sides in turn, so that a machine whose speed drifts does not decide.
"""

from __future__ import annotations

import os
import platform
import shlex
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from harness.cells.plan import Cell
from harness.cli.nightly import write_night
from harness.compare.changes import changes
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING
from harness.evidence.recording import read
from harness.judge.findings import Outcome
from harness.judge.judge import judge
from harness.launch.cell import CellContext, enclosure_of, run_cell
from harness.machine.workfolder import work_folder
from harness.names import one_line
from harness.profile import Profile
from harness.readings.taker import Role
from harness.report.html import write_report
from harness.runs.accounts import accounts
from harness.runs.baseline import read_baseline, write_baseline
from harness.runs.decide import Wanted, decide, obstacles_here
from harness.runs.folders import project_folder, work_parent
from harness.runs.givings import CORPUS, Which, cases, uppers
from harness.runs.planfile import PLAN, read_plan
from harness.runs.readings import BATCH, of_roles
from harness.runs.results import Results, read_results, write_results
from harness.tools.takers import discover_takers
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Tool
from harness.worlds.suites import IMPORTERS
from tests.bench.bare import bare
from tests.bench.grid import Plain, by_this_program
from tests.bench.kills import killed_nights
from tests.bench.measure import NotDone, counted, done, failed, ratio, row, timed
from tests.bench.parts import CELLS, PARTS, deal_out, merged
from tests.bench.why import why


@dataclass(frozen=True)
class Loop:
    """Scripts of cells by plain ``sh``. ``phases``: where it writes the last phase of each; *wanted*: those of their recordings."""

    whole: Path
    phases: tuple[Path, ...]
    wanted: Sequence[str]

    def __call__(self) -> Callable[[], None]:
        for path in self.phases:
            path.unlink(missing_ok=True)
        done("plain shell", ["sh", self.whole])
        return self.look

    def look(self) -> None:
        lines = Counter(line for path in self.phases if path.exists() for line in path.read_text().splitlines())
        if lines != Counter(self.wanted):
            missing = Counter(self.wanted) - lines
            raise NotDone(f"plain shell: {missing.total()} of {len(self.wanted)} cells did not come to their end")


def shell_loop(
    cells: list[tuple[Cell, Path]],
    work: Path,
    jobs: int,
    shared: Path | None = None,
    change: Callable[[bytes], bytes] | None = None,
) -> Loop:
    """A shell program that runs the scripts of cells in the namespaces that this program uses, *jobs* at a time.

    The scripts lie in their recordings. *shared*: a run's folder whose images it copies, as that run does. *change*: what is made of each
    script first.
    """
    lines = []
    scripts = [script for _, script in cells]
    if change is not None:
        (work / "changed").mkdir()
        for number, script in enumerate(scripts):
            scripts[number] = work / "changed" / str(number)
            scripts[number].write_bytes(change(script.read_bytes()))
    for number, ((cell, _), script) in enumerate(zip(cells, scripts, strict=True)):
        folder = work / f"plain-{number}" / "cell"
        enclosure = enclosure_of(cell, work=shared)
        own = f"; chown {enclosure.uid}:{enclosure.uid} {folder} {folder}/*" if enclosure.goes_down else ""
        place = f"; touch {folder}/tool" if enclosure.tool else ""
        environment = " ".join(f"{k}={shlex.quote(v)}" for k, v in enclosure.environment().items())
        argv = " ".join(shlex.quote(word) for word in enclosure.argv(folder))
        lines.append(
            f"mkdir -p {folder} {folder.parent}/root {folder.parent}/dev; cp {shlex.quote(str(script))} {folder}/script.sh{place}{own}; "
            f"env -i {environment} {argv} <&9 2>/dev/null; last=; "
            f'while read -r phase; do last=$phase; done <{folder}/out/phases; echo "$last" >&8; rm -rf {folder.parent}'
        )
    parts = []
    for job in range(jobs):
        part = work / f"plain-{jobs}-{job}.sh"
        part.write_text("\n".join(lines[job::jobs]) + "\n", encoding="utf-8", errors="surrogateescape")
        parts.append(part)
    fifo = work / f"lifeline-{jobs}"
    os.mkfifo(fifo)
    whole = work / f"plain-{jobs}.sh"
    said = tuple(part.with_suffix(".phases") for part in parts)
    started = "\n".join(f"sh {part} 8>{phases} &" for part, phases in zip(parts, said, strict=True))
    whole.write_text(f"exec 9<>{fifo}\n{started}\nwait\n", encoding="utf-8")
    return Loop(whole, said, [read(script.parent).phase for _, script in cells])


def one_more_cell(work: Path) -> None:
    """One cell through this program, recording, judging and all, and the same script by plain ``sh``."""
    _cells_of("fuse-overlayfs", 6, work / "cells")


def one_more_image(work: Path) -> None:
    """The same for SingularityCE's OCI mode: create, run, run again, read-only, sync, seal, push, pull, and every place read."""
    _cells_of("singularity-ce+oci", 4, work / "images")


def _cells_of(tool: str, most: int, work: Path) -> None:
    work.mkdir()
    decided = decide(Wanted(("ghost-marker",)), obstacles_here(), print)
    cells = [one for one in decided.cells() if isinstance(one, Cell) and one.tool.name == tool][:most]
    bench = CellContext(work, decided.kernel, decided.environment)
    recordings = work / "recordings"

    def mine() -> Callable[[], None]:
        verdicts = []
        for cell in cells:
            ran = run_cell(cell, bench, recordings / cell.id)
            verdicts.append((cell.id, judge(ran.recording, ran.trees, ran.raw)))
        return lambda: unbroken({cell: (verdict.outcome, verdict.reason) for cell, verdict in verdicts})

    def measure() -> str:
        if not cells:
            raise NotDone(f"{tool} is not here: see whiteout-lab doctor")
        timed(mine)
        return ratio(
            mine, shell_loop([(cell, recordings / cell.id / "script.sh") for cell in cells], work, 1, shared=work)
        )

    row(f"{len(cells)} more cells of {tool}", measure, "1.15")


def unbroken(cells: Mapping[str, tuple[Outcome, str]]) -> None:
    """Raises NotDone for a cell whose machinery broke."""
    for cell, (outcome, reason) in cells.items():
        if outcome is Outcome.BROKEN:
            raise NotDone(f"this program: {cell} broke: {reason}")


def run_of(folder: Path) -> Results:
    """A run of the default matrix by this program. Raises NotDone where it broke."""
    program: list[str | Path] = [sys.executable, "-m", "harness", "run", "--jobs", "2", "--out", folder]
    done("this program", program, fine=(EXIT_AS_EXPECTED, EXIT_FINDING))
    results = read_results(folder)
    unbroken({cell.id: (cell.outcome, cell.reason) for cell in results.cells})
    return results


def whole_matrix(work: Path) -> None:
    """The default matrix with start-up, comparison and report, and all its scripts by plain ``sh``, two at a time."""
    row("the default matrix, 2 workers, with report", lambda: _against(work / "scripts", None), "1.5")


def bare_matrix(work: Path) -> None:
    """The same, and its bare mounts and steps by plain ``sh``, two at a time: no tree is taken, and nothing is compared."""
    row("the default matrix, and its bare mounts and steps", lambda: _against(work / "bare", bare), "1.5")


def _against(work: Path, change: Callable[[bytes], bytes] | None) -> str:
    work.mkdir()
    count = iter(range(1000))

    def mine() -> None:
        run_of(work / f"matrix-{next(count)}")

    first = work / "matrix"
    results = run_of(first)
    decided = {c.id: c for c in decide(Wanted(), obstacles_here(), print).cells() if isinstance(c, Cell)}
    cells = [(decided[c.id], first / c.folder / "script.sh") for c in results.cells if c.folder]
    print(f"  (the default matrix: {results.run.seconds:.1f} s for {len(cells)} cells, says the run itself)")
    return ratio(mine, shell_loop(cells, work, 2, change=change), rounds=3)


def lay_out(tree: Path, folders: int, files: int) -> int:
    """Folders of small files, each fourth with an xattr; returns how many entries there are with the root."""
    for folder in range(folders):
        (tree / f"d{folder:04}").mkdir(parents=True)
        for file in range(files):
            path = tree / f"d{folder:04}" / f"f{file:03}"
            path.write_bytes(b"%d " % (folder * file) * 100)
            if file % 4 == 0:
                os.setxattr(path, "user.colour", b"%d" % file)
    return folders * (files + 1) + 1


_SNAPSHOT = """\
import gc, os, resource, sys; gc.disable()
from pathlib import Path
from harness.snapshot.folder import read_folder
from harness.snapshot.jsonl import write_jsonl
write_jsonl(read_folder(os.fsencode(sys.argv[1])), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def listing(tree: Path, to: Path) -> str:
    """Shell words that write what there is of a tree to ``TO.mtree`` and ``TO.attrs``."""
    return (
        f"bsdtar -cf {to}.mtree --format=mtree --options='sha256,device,uid,gid,mode,nlink,size,link,type' -C {tree} . && "
        f"getfattr -R -d -h -m - {tree} >{to}.attrs 2>/dev/null"
    )


def snapshot(work: Path) -> None:
    """A snapshot of 100,000 entries with xattrs and digests, and bsdtar with getfattr."""
    tree, target, to = work / "tree", work / "snapshot.jsonl", work / "plain"
    entries = lay_out(tree, 200, 499)
    peak = ""

    def mine() -> Callable[[], None]:
        nonlocal peak
        peak = done("this program", [sys.executable, "-c", _SNAPSHOT, tree, target]).out.strip()
        return lambda: counted("this program", target, b'{"path":', entries)

    def plain() -> Callable[[], None]:
        done("plain shell", ["sh", "-c", listing(tree, to)])

        def look() -> None:
            counted("bsdtar", Path(f"{to}.mtree"), b".", entries)
            counted("getfattr", Path(f"{to}.attrs"), b"# file: ", 200 * 125)

        return look

    row("a snapshot of 100,000 entries", lambda: ratio(mine, plain), "0.70", ("bsdtar", "getfattr"))
    print(f"  (memory at its peak: {peak or '?'} MB of 200)")


def inspect(work: Path) -> None:
    """``inspect T --lower T`` over 20,000 entries, and both listed by bsdtar and getfattr, sorted, and compared by ``comm``."""
    tree = work / "both"
    entries = lay_out(tree, 2000, 9)

    def mine() -> Callable[[], None]:
        said = done("this program", [sys.executable, "-m", "harness", "inspect", tree, "--lower", tree]).out

        def look() -> None:
            if f"{entries:,} entries" not in said or "no findings" not in said:
                raise NotDone(f"this program said: {said[:100]}")

        return look

    def plain() -> Callable[[], None]:
        both = " && ".join(
            f"{listing(tree, work / name)} && sort {work / name}.* >{work / name}.all" for name in ("one", "other")
        )
        same = done("plain shell", ["sh", "-c", f"{both} && comm -12 {work}/one.all {work}/other.all >{work}/same"])
        assert same.ok
        return lambda: counted("plain shell", work / "same", b"./d", entries - 1)

    row("inspect T --lower T, 20,000 entries each", lambda: ratio(mine, plain, rounds=3), "3", ("bsdtar", "getfattr"))


def report(work: Path) -> None:
    """A report over 1,000 cells: the default matrix's recordings, as often as needed under other names."""
    folder, output = work / "thousand", work / "thousand.html"

    def mine() -> None:
        done("this program", [sys.executable, "-m", "harness", "report", folder, "--output", output])

    def measure() -> str:
        results = run_of(folder)
        ran = [cell for cell in results.cells if cell.folder]
        more = [replace(c, id=f"again-{c.id}", scenario=f"again-{c.scenario}") for c in ran[: max(0, 1000 - len(ran))]]
        write_results(replace(results, cells=(*ran, *more)), folder)
        seconds = statistics.median(timed(mine) for _ in range(3))
        return f"{seconds:.2f} s | | {output.stat().st_size / 1e6:.2f} MB"

    row("a report over 1,000 cells", measure, "3 s, 5 MB")


def merge(work: Path) -> None:
    """Twenty parts of 500 cells each, put together; and the same with the report, for which every recording is read."""
    (work / "merge").mkdir()

    def measure() -> str:
        run_of(work / "merge/run")
        parts = deal_out(work / "merge/run", work / "merge/parts")
        every = [merged(parts, work / f"merge/whole-{number}") for number in range(5)]
        seconds, own, megabytes = (statistics.median(column) for column in zip(*every, strict=True))
        return f"{seconds:.2f} s ({own:.2f} s of the processor), {megabytes:.0f} MB | | "

    row(f"{PARTS} parts of {CELLS} cells each put together, without the report", measure, "2 s, 200 MB")


def comparison(work: Path) -> None:
    """What a night does beyond a run, a share of what that took: the baseline is read and compared, and its files are written.

    The report, which a run writes too and a night once, is measured beside it and taken off.
    """

    def measure() -> str:
        results = run_of(work / "night")
        scenarios = {cell.scenario for cell in results.cells}
        write_baseline(work / "baseline", accounts(results.cells), "for the bench", scenarios)

        def mine() -> None:
            before = read_baseline(work / "baseline")
            if not before.of:
                raise NotDone("there is no baseline")
            write_night(changes(before, accounts(results.cells)), results, work / "night")

        def report_alone() -> None:
            write_report(work / "night", work / "night" / "report.html")

        pairs = [(timed(mine), timed(report_alone)) for _ in range(5)]
        seconds = statistics.median(night - run for night, run in pairs)
        return f"{seconds:.3f} s | {results.run.seconds:.1f} s, the run | {seconds / results.run.seconds:.2%}"

    row("a baseline read and compared, and the files of a night", measure, "3 %")


def kills(work: Path, number: int = 1000) -> None:
    """A night of a few cells that is killed so often, and gone on with: what is left or is otherwise."""

    def measure() -> str:
        lanes = killed_nights(work / "kills", number)
        problems = [one for lane in lanes for one in lane.problems]
        for one in problems:
            print(f"  {one_line(one)}", file=sys.stderr)
        there = sum((lane.kills for lane in lanes), Counter[str]())
        print(f"  ({', '.join(f'{count} {state}' for state, count in sorted(there.items()))})")
        print(f"  (what was left was gone after at most {max(lane.longest for lane in lanes):.1f} s)")
        return f"{len(problems)} | | "

    row(f"what {number:,} kills left behind, or made otherwise", measure, "0")


def bundle(work: Path) -> None:
    """The attachment of the founding case, tried once before it is packed: its size."""
    folder, output = work / "founding", work / "founding.tar.gz"
    cell, lab = "ghost-marker[fuse-overlayfs-1.14-user]", [sys.executable, "-m", "harness"]

    def mine() -> None:
        done("this program", [*lab, "bundle", cell, "--run", folder, "--times", "1", "--output", output])

    def measure() -> str:
        done("the run", [*lab, "run", "-q", "--only", cell, "--out", folder])
        return f"{timed(mine):.2f} s | | {output.stat().st_size / 1e6:.3f} MB"

    row("the bundle of the founding case", measure, "1 MB")


def seal(work: Path) -> None:
    """An upper of 100,000 entries and 1 GB sealed for OCI, and GNU tar with xattrs to a file, which bsdtar reads back."""
    tree, output = work / "sealed-upper", work / "sealed.tar"
    pack = 'tar -C "$1" --xattrs --xattrs-include=\'*\' --format=posix -cf "$2" . && bsdtar -tf "$2" >/dev/null'

    def mine() -> None:
        output.unlink(missing_ok=True)
        done("this program", [sys.executable, "-m", "harness", "seal", tree, "--for", "oci", "--output", output])

    def plain() -> None:
        done("plain shell", ["sh", "-c", pack, "sh", tree, output])

    def inspected() -> None:
        done("this program", [sys.executable, "-m", "harness", "inspect", tree])

    def measure() -> str:
        content = os.urandom(10_000)
        for folder in range(100):
            (tree / f"d{folder}").mkdir(parents=True)
            for number in range(1000):
                path = tree / f"d{folder}" / f"f{number}"
                path.write_bytes(content)
                if number % 4 == 0:
                    os.setxattr(path, "user.own", b"of this file")
        return ratio(mine, plain)

    row("an upper of 100,000 entries and 1 GB, sealed", measure, "1.0", ("bsdtar",))
    row("the same, inspected", lambda: ratio(inspected, plain), "1.0", ("bsdtar",))


def grid(work: Path) -> None:
    """Every distinct upper of the default matrix, given to every reader of its tools in both ways, two scripts at once."""
    (work / "grid").mkdir()

    def measure() -> str:
        results = run_of(work / "grid/run")
        plan = read_plan(work / "grid/run" / PLAN)
        readers = of_roles(plan.tools, Role.LOWER, Role.UPPER)
        readers = [one for one in readers if not one.setup.on_request]
        givings = uppers(work / "grid/run", results.cells, Which.ALL)[:BATCH]
        context = CellContext(work, plan.kernel, plan.environment, timeout=600)
        plain = Plain(work / "grid", context, readers, givings)
        count = 0

        def mine() -> None:
            nonlocal count
            count = by_this_program(work / "grid", context, readers, givings)

        figures = ratio(mine, plain, rounds=3)
        print(f"  ({count:,} readings)")
        return figures

    row("the grid: uppers of the default matrix, given to every reader", measure, "1.15")


def importers(work: Path) -> None:
    """Forty layers of the corpus, given to the importers of one world, two scripts at once."""
    (work / "importers").mkdir()

    def measure() -> str:
        found = [one for one in discover_takers(worlds_in_place()) if isinstance(one, Tool)]
        tools = [one for one in found if one.world.name == IMPORTERS]
        takers = [one for one in of_roles(tools, Role.IMAGE) if one.profile is Profile.ROOT]
        if not takers:
            raise NotDone(f"no importer is here: whiteout-lab worlds build {IMPORTERS}")
        givings = cases(project_folder() / "scenarios" / CORPUS)[:BATCH]
        context = CellContext(work, platform.release(), {}, timeout=600)
        plain = Plain(work / "importers", context, takers, givings)

        def mine() -> None:
            by_this_program(work / "importers", context, takers, givings)

        return ratio(mine, plain, rounds=3)

    row("layers of the corpus, given to importers", measure, "1.15")


def main() -> int:
    """All but the kills, which take an hour, or what is named (``kills=20``: so many). Returns 3 where a row could not be measured."""
    wanted = sys.argv[1:] or [
        "cell",
        "image",
        "snapshot",
        "inspect",
        "matrix",
        "bare",
        "report",
        "merge",
        "baseline",
        "bundle",
        "seal",
        "grid",
        "importers",
        "why",
    ]
    parts: dict[str, Callable[[Path], None]] = {
        "cell": one_more_cell,
        "image": one_more_image,
        "matrix": whole_matrix,
        "bare": bare_matrix,
        "snapshot": snapshot,
        "inspect": inspect,
        "report": report,
        "merge": merge,
        "baseline": comparison,
        "bundle": bundle,
        "seal": seal,
        "grid": grid,
        "importers": importers,
        "why": why,
        "kills": kills,
    }
    print(
        "| what | this program | plain shell | ratio (least–most) | wanted at most |\n|---|---|---|---|---|", flush=True
    )
    with work_folder(work_parent(), f"bench-{os.getpid()}") as work:
        for name in wanted:
            what, _, number = name.partition("=")
            if number:
                kills(work, int(number))
            else:
                parts[what](work)
    return EXIT_BROKEN if failed() else EXIT_AS_EXPECTED


if __name__ == "__main__":
    sys.exit(main())
