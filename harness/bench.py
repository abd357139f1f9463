"""``make bench``: what this program costs on top of plain shell doing the same. Ratios, never a test.

Each figure is a median over several rounds of both sides in turn, so that a machine whose speed drifts does not decide.
"""

from __future__ import annotations

import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from harness.judge import judge
from harness.launch.cell import Bench, enclosure_of, run_cell
from harness.launch.process import run
from harness.launch.workfolder import work_folder
from harness.plan import Cell
from harness.results import read_results, write_results
from harness.session import Wanted, decide, obstacles_here, work_parent

ROUNDS = 5


def timed(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    before = time.perf_counter()
    action()
    return time.perf_counter() - before


def ratio(name: str, mine: Callable[[], object], plain: Callable[[], object], limit: str, rounds: int = ROUNDS) -> None:
    """Measure both in turn and print a row: the medians, and the median of the ratios pair by pair."""
    mine(), plain()  # what is cold is not measured
    pairs = [(timed(mine), timed(plain)) for _ in range(rounds)]
    ratios = sorted(a / b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    spread = f"{ratios[0]:.2f}–{ratios[-1]:.2f}"
    print(f"| {name} | {a:.3f} s | {b:.3f} s | {statistics.median(ratios):.2f} ({spread}) | {limit} |", flush=True)


def shell_loop(cells: list[tuple[Cell, Path]], work: Path, jobs: int, kept: Path | None = None) -> Path:
    """A shell program that runs the scripts of cells in the namespaces that this program uses, *jobs* at a time.

    *kept*: a run's folder whose images it copies, as that run does.
    """
    lines = []
    for number, (cell, script) in enumerate(cells):
        folder = work / f"plain-{number}" / "cell"
        enclosure = enclosure_of(cell, work=kept)
        own = f"; chown {enclosure.uid}:{enclosure.uid} {folder} {folder}/*" if enclosure.goes_down else ""
        place = f"; touch {folder}/tool" if enclosure.tool else ""
        environment = " ".join(f"{k}={shlex.quote(v)}" for k, v in enclosure.environment().items())
        argv = " ".join(shlex.quote(word) for word in enclosure.argv(folder))
        lines.append(
            f"mkdir -p {folder} {folder.parent}/root {folder.parent}/dev; cp {shlex.quote(str(script))} {folder}/script.sh{place}{own}; "
            f"env -i {environment} {argv} <&9 2>/dev/null; rm -rf {folder.parent}"
        )
    parts = []
    for job in range(jobs):
        part = work / f"plain-{jobs}-{job}.sh"
        part.write_text("\n".join(lines[job::jobs]) + "\n", encoding="utf-8", errors="surrogateescape")
        parts.append(part)
    fifo = work / f"lifeline-{jobs}"
    os.mkfifo(fifo)
    whole = work / f"plain-{jobs}.sh"
    whole.write_text(f"exec 9<>{fifo}\n" + "\n".join(f"sh {part} &" for part in parts) + "\nwait\n", encoding="utf-8")
    return whole


def one_more_cell(work: Path) -> None:
    """One cell through this program, recording, judging and all, and the same script by plain ``sh``."""
    _cells_of("fuse-overlayfs", 6, work / "cells")


def one_more_image(work: Path) -> None:
    """The same for SingularityCE's OCI mode: create, run, run again, read-only, sync, seal, push, pull, and every station read."""
    _cells_of("singularity-ce-oci", 4, work / "images")


def _cells_of(tool: str, most: int, work: Path) -> None:
    work.mkdir()
    decided = decide(Wanted(("ghost-marker",)), obstacles_here(), print)
    cells = [one for one in decided.cells() if isinstance(one, Cell) and one.tool.name == tool][:most]
    if not cells:
        print(f"| more cells of {tool} | | | not measured: {tool} is not here | 1.15 |")
        return
    bench = Bench(work, decided.kernel, decided.environment)
    recordings = work / "recordings"

    def mine() -> None:
        for cell in cells:
            ran = run_cell(cell, bench, recordings / cell.id)
            judge(ran.recording, ran.trees, ran.raw)

    mine()
    plain = shell_loop([(cell, recordings / cell.id / "script.sh") for cell in cells], work, 1, kept=work)
    ratio(f"{len(cells)} more cells of {tool}", mine, lambda: run(["sh", plain], timeout=600), "1.15")


def whole_matrix(work: Path) -> None:
    """The default matrix with start-up, comparison and report, and all its scripts by plain ``sh``, two at a time."""
    program = [sys.executable, "-m", "harness", "run", "--jobs", "2", "--out"]
    first = work / "matrix"
    run([*program, first], timeout=900)
    results = read_results(first)
    decided = {c.id: c for c in decide(Wanted(), obstacles_here(), print).cells() if isinstance(c, Cell)}
    cells = [(decided[c.id], first / c.folder / "script.sh") for c in results.cells if c.folder]
    plain = shell_loop(cells, work, 2)
    count = iter(range(1000))
    ratio(
        f"the default matrix, {len(cells)} cells, 2 workers, with report",
        lambda: run([*program, work / f"matrix-{next(count)}"], timeout=900),
        lambda: run(["sh", plain], timeout=900),
        "1.5",
        rounds=3,
    )
    print(f"  (the run alone says: {results.run.seconds:.1f} s for {len(cells)} cells)")


def snapshot(work: Path) -> None:
    """A snapshot of 100,000 entries with xattrs and digests, and bsdtar with getfattr."""
    tree = work / "tree"
    for folder in range(200):
        (tree / f"d{folder:03}").mkdir(parents=True)
        for file in range(499):
            path = tree / f"d{folder:03}" / f"f{file:03}"
            path.write_bytes(b"%d " % (folder * file) * 100)
            if file % 4 == 0:
                os.setxattr(path, "user.colour", b"%d" % file)
    code = (
        "import gc, os, sys; gc.disable()\n"
        "from pathlib import Path\n"
        "from harness.snapshot.folder import read_folder\n"
        "from harness.snapshot.jsonl import write_jsonl\n"
        "write_jsonl(read_folder(os.fsencode(sys.argv[1])), Path(sys.argv[2]))\n"
    )
    target = work / "snapshot.jsonl"
    shell = (
        f"bsdtar -cf {work}/plain.mtree --format=mtree --options='sha256,device,uid,gid,mode,nlink,size,link,type' -C {tree} .; "
        f"getfattr -R -d -h -m - {tree} >{work}/plain.attrs 2>/dev/null"
    )
    ratio(
        "a snapshot of 100,000 entries",
        lambda: run([sys.executable, "-c", code, tree, target], timeout=600),
        lambda: run(["sh", "-c", shell], timeout=600),
        "0.70",
    )
    peak = run(
        [
            sys.executable,
            "-c",
            code + "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)",
            tree,
            target,
        ]
    )
    print(f"  (memory at its peak: {peak.out.strip()} MB of 200)")


def report(work: Path) -> None:
    """A report over 1,000 cells: the default matrix's recordings, as often as needed under other names."""
    folder = work / "thousand"
    run([sys.executable, "-m", "harness", "run", "--jobs", "2", "--out", folder], timeout=900)
    results = read_results(folder)
    ran = [cell for cell in results.cells if cell.folder]
    more = [replace(c, id=f"again-{c.id}", scenario=f"again-{c.scenario}") for c in ran[: max(0, 1000 - len(ran))]]
    write_results(replace(results, cells=(*ran, *more)), folder)
    output = work / "thousand.html"
    program: list[str | Path] = [sys.executable, "-m", "harness", "report", folder, "--output", output]
    seconds = [timed(lambda: run(program, timeout=600)) for _ in range(3)]
    size = output.stat().st_size / 1e6
    print(
        f"| a report over {len(ran) + len(more)} cells | {statistics.median(seconds):.2f} s | | {size:.2f} MB | 3 s, 5 MB |",
        flush=True,
    )


def main() -> None:
    """Everything, or what is named: cell, image, matrix, snapshot, report."""
    wanted = sys.argv[1:] or ["cell", "image", "snapshot", "matrix", "report"]
    parts = {
        "cell": one_more_cell,
        "image": one_more_image,
        "matrix": whole_matrix,
        "snapshot": snapshot,
        "report": report,
    }
    print(
        "| what | this program | plain shell | ratio (least–most) | wanted at most |\n|---|---|---|---|---|", flush=True
    )
    with work_folder(work_parent(), f"bench-{os.getpid()}") as work:
        for name in wanted:
            parts[name](work)


if __name__ == "__main__":
    main()
