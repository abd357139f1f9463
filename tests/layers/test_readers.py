"""Real readers of a sealed layer see the oracle's tree: the kernel's overlay, fuse-overlayfs, and podman, who imports it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cells.plan import Cell, cell_of
from harness.cli.main import main
from harness.launch.alone import run_alone
from harness.launch.cell import CellContext
from harness.layers.sealing import seal
from harness.layers.targets import TARGETS
from harness.layers.writing import items, write_tar
from harness.machine.workfolder import work_folder
from harness.profile import Profile
from harness.runs.decide import Wanted, decide
from harness.runs.folders import work_parent
from harness.runs.results import read_results
from harness.scenario.layers import layer
from harness.snapshot.contents import Content
from harness.snapshot.model import EMPTY, Snapshot
from harness.snapshot.tar import read_tar
from harness.snapshot.tar_write import tar_of
from harness.whiteouts.union import merge
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Part, Tool

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts as root, and starts podman in a world; run as root"),
]
SCENARIOS = ("ghost-marker", "ghost-marker-remade", "whiteout-in-opaque", "export-opaque", "undelete", "rename-litter")
NAMES = "find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort"
# In the cell: base is the lower, sealed the layer; what is merged is listed.
MOUNTS = {
    "kernel": "mount -t overlay overlay -o lowerdir=sealed:base merged",
    "userxattr": "mount -t overlay overlay -o userxattr,lowerdir=sealed:base merged",
    "fuse": "fuse-overlayfs -o lowerdir=sealed:base merged",
}
PODMAN = (
    "podman --root /mnt/podman --runroot /mnt/podman.run --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "
    "--log-level error"
)


@dataclass(frozen=True)
class Written:
    """An upper that a cell wrote, what lay below it, and what its users must see."""

    cell: str
    lower: Snapshot
    upper: Snapshot
    oracle: Snapshot


@pytest.fixture(scope="module")
def uppers(tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    """Uppers that fuse-overlayfs 1.14 wrote here, as root and as a user, in a folder and in an ext3 image."""
    out = tmp_path_factory.mktemp("sealed") / "run"
    words = [word for tool in ("fuse-overlayfs@trixie", "fuse-overlayfs+stack@trixie") for word in ("--tool", tool)]
    assert main(["run", *SCENARIOS, *words, "--out", str(out), "-q"]) == 0
    plan = {cell.id: cell for cell in _cells(out)}
    found = []
    for result in read_results(out).cells:
        if result.folder:
            trees = out / result.folder
            lower = merge([layer(tree, result.profile) for tree in plan[result.id].scenario.layers] or [EMPTY])
            upper, oracle = (Snapshot.of(read_tar(trees / f"{name}.tar")) for name in ("upper", "oracle"))
            found.append(Written(result.id, lower, upper, oracle))
    assert len(found) >= 20
    return found


def _cells(out: Path) -> Iterator[Cell]:
    from harness.runs.planfile import PLAN, read_plan  # noqa: PLC0415

    yield from map(cell_of, read_plan(out / PLAN).cells())


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellContext]:
    with work_folder(work_parent(), f"readers-{tmp_path_factory.getbasetemp().name}-{os.getpid()}") as work:
        yield CellContext(work, platform.release(), {}, timeout=120)


def sealed(upper: Snapshot, lower: Snapshot | None, target: str) -> bytes:
    out = io.BytesIO()
    source = lambda: (Content(one.path, 1, iter([one.text or b""])) for one in upper)  # noqa: E731
    write_tar(items(seal(upper, lower, TARGETS[target]), source), out.write)
    return out.getvalue()


def in_world(world: str, profile: Profile, *, container: bool = False) -> Cell:
    """A cell that nobody runs: its namespaces, in a world."""
    place = next(one for one in worlds_in_place() if one.name == world)
    name = "apptainer" if container else "fuse-overlayfs"
    some = decide(Wanted(("ghost-marker",)), {}, lambda _line: None).scenarios[0]
    return Cell(some, Tool(name, Part(name, "0", "", f"/usr/bin/{name}", ""), place, origin="world"), profile)


def names(snapshot: Snapshot) -> list[str]:
    return sorted(one.path.decode() for one in snapshot if one.path)


@pytest.mark.parametrize("known", [True, False], ids=["with its lowers", "alone"])
@pytest.mark.parametrize(
    "who",
    [
        ("kernel", "kernel", Profile.ROOT),
        ("userxattr", "userxattr", Profile.USER),
        ("fuse", "fuse", Profile.ROOT),
        ("fuse", "fuse", Profile.USER),
        ("all", "kernel", Profile.ROOT),
        ("all", "userxattr", Profile.USER),
        ("all", "fuse", Profile.ROOT),
        ("all", "fuse", Profile.USER),
    ],
)
def test_an_overlay_shows_the_oracles_tree(
    who: tuple[str, str, Profile],
    known: bool,
    uppers: list[Written],
    context: CellContext,
) -> None:
    target, reader, profile = who
    files: dict[str, bytes] = {}
    lines = []
    for number, one in enumerate(uppers):
        files[f"{number}.base.tar"] = tar_of(one.lower)
        files[f"{number}.sealed.tar"] = sealed(one.upper, one.lower if known else None, target)
        unpack = "tar --xattrs --xattrs-include='*' --no-same-owner -xf"
        lines += [
            f"mkdir -p {number} && cd {number} && mkdir base sealed merged",
            f"{unpack} ../../bundle/{number}.base.tar -C base; {unpack} ../../bundle/{number}.sealed.tar -C sealed 2>/dev/null",
            f"{MOUNTS[reader]} >>../log 2>&1 && echo '== {number}' && (cd merged && {NAMES}); umount merged; cd ..",
        ]
    files["all.sh"] = "\n".join(lines).encode()
    said = run_alone(in_world("trixie", profile), context, files, "sh ../bundle/all.sh", inside="alone")
    _as_it_must_be(said.words, uppers)


def test_podman_takes_it_and_makes_the_oracles_tree(uppers: list[Written], context: CellContext) -> None:
    files: dict[str, bytes] = {}
    lines = ["mount -t tmpfs tmpfs /var/tmp"]  # where it unpacks, whatever TMPDIR says
    for number, one in enumerate(uppers):
        files[f"{number}.tar"] = image([tar_of(one.lower), sealed(one.upper, None, "oci")])
        lines += [
            f"id=$({PODMAN} pull -q oci-archive:../bundle/{number}.tar)",
            f'{PODMAN} create --name n{number} --network none "$id" /x >/dev/null',
            f"mkdir {number} && {PODMAN} export n{number} | tar -C {number} -xf - && echo '== {number}' && (cd {number} && {NAMES})",
        ]
    files["all.sh"] = "\n".join(lines).encode()
    said = run_alone(
        in_world("images", Profile.ROOT, container=True), context, files, "sh ../bundle/all.sh", inside="alone"
    )
    _as_it_must_be(said.words, uppers, but={"dev", "etc", "proc", "run", "sys", "run/.containerenv"})


def _as_it_must_be(words: bytes, uppers: list[Written], but: set[str] | None = None) -> None:
    shown: dict[str, list[str]] = {}
    for line in words.decode().splitlines():
        if line.startswith("== "):
            shown[line[3:]] = []
        elif shown:
            shown[list(shown)[-1]].append(line)
    for number, one in enumerate(uppers):
        seen = [
            name
            for name in shown.get(str(number), ["nothing was said"])
            if not but or (name not in but and not name.startswith("etc/"))
        ]
        assert seen == names(one.oracle), (one.cell, words[:600])


def image(layers: list[bytes]) -> bytes:
    """An OCI archive of these layers, the lowest first."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str) -> Mapping[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    described = [blob(one, "layer.v1.tar") for one in layers]
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/x"]}}
    config["rootfs"] = {"type": "layers", "diff_ids": [one["digest"] for one in described]}
    manifest = {"schemaVersion": 2, "config": blob(json.dumps(config).encode(), "config.v1+json"), "layers": described}
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("", "/sha256"):
            folder = tarfile.TarInfo(f"blobs{name}")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        named = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}
        for name, content in named.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
