"""Looks at the machine: what was tried, and what came of it. What it means is said in ``harness.doctor.capabilities``.

Mounts and namespaces are really tried, all in one process each for root and for an ordinary user. What came of it holds for
this boot, kernel, user, work folder and settings, and is written down in the cache: a second look starts no process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec

from harness.doctor.capabilities import PROGRAMS, Facts, Tried
from harness.errors import LabError
from harness.machine.cache import cache_folder, write_whole
from harness.machine.guarded import claim
from harness.machine.process import run, which
from harness.machine.room import Room
from harness.machine.workfolder import reaped_folder
from harness.worlds.host import host_world
from harness.worlds.inside import NOBODY
from harness.worlds.ledger import Ledger
from harness.worlds.versions import number_in

SETTINGS = (
    "user.max_user_namespaces",
    "kernel.unprivileged_userns_clone",
    "kernel.apparmor_restrict_unprivileged_userns",
)
_LOOP_CTL_GET_FREE = 0x4C82
_PATIENCE = 15.0

# Each line of output: a key, "ok" or "no", and the message. The current folder holds l u w m f t p, and is given up afterwards.
_TRY = r"""
try() {
  key=$1; shift
  if message=$("$@" 2>&1); then echo "$key ok"; else echo "$key no $(printf %s "$message" | tr '\n' ' ')"; fi
}
fuse() { sh -c 'exec 3<>/dev/fuse && mount -i -c -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none f'; }
"""
_AS_USER = (
    _TRY
    + r"""
echo "userns ok"
try mount@user mount -c -t tmpfs tmpfs t
try overlay@user mount -c -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr m
try whiteout@user mknod l/gone c 0 0
try fuse@user fuse
try proc@user unshare --pid --fork mount -c -t proc proc p
"""
)
_AS_ROOT = (
    _TRY
    + r"""
try mount@root mount -c -t tmpfs tmpfs t
try overlay@root mount -c -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m
umount m 2>/dev/null
try fuse@root fuse
if mknod -m 666 t/fuse c 10 229 2>/dev/null; then mount --bind t/fuse /dev/fuse 2>/dev/null; fi  # as a cell does
cd user && exec setpriv --reuid "$1" --regid "$1" --clear-groups unshare --user --map-root-user --mount sh -c "$2"
"""
)


def probe(work: Path) -> Facts:
    """The facts that a plan needs; *work* is the folder in which cells will work."""
    try:
        claim(work)
        shutil.disk_usage(work)
    except (LabError, OSError) as error:
        return replace(_seen_only(work), tried={"work": Tried(ok=False, message=str(error).splitlines()[0])})
    facts = _seen_only(work)
    return replace(facts, free=shutil.disk_usage(work).free, tried={"work": Tried(ok=True), **_tried(work, facts)})


def examine(work: Path) -> Facts:
    """All facts, with the versions of programs: for ``doctor``. An answer without a number is a complaint, and no version."""
    facts = probe(work)
    host = host_world()
    ledger = Ledger.open()
    there = {name: Path(path) for name, path in facts.programs.items() if path}
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda path: ledger.program(path, host).says, there.values())
        versions = {name: words for name, words in zip(there, answers, strict=True) if number_in(words) != "unknown"}
    ledger.close()
    return replace(facts, versions=versions)


def _seen_only(work: Path) -> Facts:
    """What can be seen without trying anything."""
    status = _read(Path("/proc/self/status"))
    return Facts(
        is_root=os.geteuid() == 0,
        kernel=platform.release(),
        work=str(work),
        tried={},
        settings={name: value for name in SETTINGS if (value := _read(Path("/proc/sys", *name.split("."))).strip())},
        seccomp="Seccomp:\t2" in status,
        cgroup=_cgroup(),
        python=platform.python_version(),
        programs={name: str(which(name) or "") for name in PROGRAMS},
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cgroup() -> str:
    folder = Path("/sys/fs/cgroup")
    if (folder / "cgroup.controllers").is_file():
        return f"version 2, {_read(folder / 'cgroup.controllers').strip() or 'no controllers'}"
    controllers = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return f"version 1, {' '.join(controllers)}" if controllers else ""


def _tried(work: Path, facts: Facts) -> dict[str, Tried]:
    """What came of trying, from the cache where nothing that matters has changed since."""
    fuse = Path("/dev/fuse")
    device = (
        f"{fuse.stat().st_mode:o} {fuse.stat().st_uid} {os.access(fuse, os.R_OK | os.W_OK)}" if fuse.exists() else ""
    )
    boot = _read(Path("/proc/sys/kernel/random/boot_id"))
    modules = [name for name in ("overlay", "fuse", "loop") if Path("/sys/module", name).exists()]
    what = [
        boot,
        facts.kernel,
        os.geteuid(),
        str(work),
        work.stat().st_dev,
        device,
        modules,
        dict(facts.settings),
        _AS_ROOT,
        _AS_USER,
        [*Tried.__dataclass_fields__],  # how it is written
    ]
    name = hashlib.sha256(
        msgspec.json.encode([*what, facts.programs.get("unshare"), facts.programs.get("setpriv")])
    ).hexdigest()[:16]
    path = cache_folder() / f"probe-{os.geteuid()}.json"
    with contextlib.suppress(OSError, msgspec.MsgspecError, KeyError):
        written: dict[str, dict[str, Tried]] = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Tried]])
        return written[name]
    room = Room(work)
    room.look()
    tried = {} if room.problem else _try(work)
    room.look()
    if room.problem:  # what was refused for want of room says nothing of the machine
        return {**tried, "work": Tried(ok=False, message=room.problem)}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode({name: tried}))
    return tried


def _try(work: Path) -> dict[str, Tried]:
    try:
        with reaped_folder(work, "probe", secrets.token_hex(4)) as folder:
            return _try_in(folder)
    except (LabError, OSError) as error:
        return {"userns": Tried(ok=False, message=str(error).splitlines()[0])}


def _try_in(folder: Path) -> dict[str, Tried]:
    tried = _xattrs(folder) | _loop()
    is_root = os.geteuid() == 0
    _lay_out(folder)
    if is_root:
        _lay_out(folder / "user", NOBODY)
        command = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            _AS_ROOT,
            "probe",
            str(NOBODY),
            _AS_USER,
        ]
    else:
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _AS_USER]
    done = run(
        command,
        timeout=_PATIENCE,
        cwd=folder,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
    )
    tried |= read_answers(done.out)
    if "userns" not in tried:
        tried["userns"] = Tried(
            ok=False, message=done.err.strip().splitlines()[-1] if done.err.strip() else "it cannot be made"
        )
    return tried


def _lay_out(folder: Path, owner: int | None = None) -> None:
    folder.mkdir(exist_ok=True)
    for path in (folder, *(folder / name for name in "luwmftp")):
        path.mkdir(exist_ok=True)
        if owner is not None:
            os.chown(path, owner, owner)


def read_answers(output: str) -> dict[str, Tried]:
    """The answers in the output of the shell text. Pure."""
    found: dict[str, Tried] = {}
    for line in output.splitlines():
        key, _, rest = line.partition(" ")
        verdict, _, message = rest.partition(" ")
        if verdict in {"ok", "no"}:
            found[key] = Tried(ok=verdict == "ok", message=message.strip())
    return found


def _xattrs(folder: Path) -> dict[str, Tried]:
    found: dict[str, Tried] = {}
    for key, name in (("user_xattr", "user.overlay.probe"), ("trusted_xattr", "trusted.overlay.probe")):
        try:
            os.setxattr(folder, name, b"y")
            found[key] = Tried(os.getxattr(folder, name) == b"y")
        except OSError as error:
            found[key] = Tried(ok=False, message=error.strerror or str(error))
    return found


def _loop() -> dict[str, Tried]:
    try:
        with Path("/dev/loop-control").open("rb") as control:
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
        node = Path(f"/dev/loop{number}")
        return {"loop": Tried(node.exists(), "" if node.exists() else f"{node} does not exist")}
    except OSError as error:
        return {"loop": Tried(ok=False, message=f"/dev/loop-control: {error.strerror}")}
