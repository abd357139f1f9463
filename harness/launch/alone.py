"""What a bundle holds, run as its reader runs it: in the namespaces of its cell, whose world stands for a machine with the tools alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.cells.plan import Cell
from harness.errors import BrokenMachinery
from harness.launch.cell import CellContext, staged
from harness.launch.untouched import only_files
from harness.machine.process import run_on_lifeline
from harness.machine.room import Room
from harness.machine.workfolder import own_folder
from harness.worlds.inside import CELL

_SAID, _CODE = "out/said", "out/code"
BROUGHT = "out/brought"  # a file that a command leaves for whoever runs it
_LONGEST = 64_000  # bytes of what was said
BUNDLE = "bundle"  # the folder of the cell's in which the files lie

# The environment says that another judges what was seen: here nobody does.
_RUN = f"""#!/bin/sh
unset WHITEOUT_LAB_CELL SHARED
mkdir -p out alone && mkdir -m 1777 scratch
export TMPDIR={CELL}/scratch
cd %s
%s >{CELL}/{_SAID} 2>&1 </dev/null
echo $? >{CELL}/{_CODE}
"""

# What a machine has on which people type, and the cell of a container has not: a home, a registry, and for podman a folder to write to,
# no systemd, no capability that this machine may not give. Commands that are typed run behind it.
MACHINE = f"""\
mkdir -p "$HOME"
export SINGULARITY_DROP_CAPS=CAP_SYS_RESOURCE APPTAINER_DROP_CAPS=CAP_SYS_RESOURCE
[ "$(id -u)" = 0 ] || unset SINGULARITY_DROP_CAPS APPTAINER_DROP_CAPS
podman() {{
  command podman --root {CELL}/podman --runroot {CELL}/podman.run --storage-driver vfs --cgroup-manager cgroupfs \\
    --events-backend none --log-level error "$@"
}}
if command -v docker-registry >/dev/null; then
  printf 'version: 0.1\\nlog: {{level: info}}\\nstorage: {{filesystem: {{rootdirectory: %s}}}}\\nhttp: {{addr: 127.0.0.1:5000}}\\n' \\
    {CELL}/registry >{CELL}/registry.yml
  docker-registry serve {CELL}/registry.yml >{CELL}/registry.log 2>&1 </dev/null &
  until grep -q 'listening on' {CELL}/registry.log || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
fi
"""


@dataclass(frozen=True)
class Said:
    """What came of it: exit code (None: it came to no end in its time), the words, and the file ``BROUGHT``, where it was left."""

    code: int | None
    words: bytes
    brought: bytes = b""


def run_alone(
    cell: Cell, context: CellContext, files: Mapping[str, bytes], command: str, *, inside: str = BUNDLE
) -> Said:
    """Run a *command* of the shell in the world of a cell, in the folder *inside* of it; *files* lie in the folder ``bundle``.

    Nothing is left. Raises BrokenMachinery.
    """
    script = _RUN % (inside, command)
    placed = {"script.sh": script.encode(), **{f"{BUNDLE}/{name}": content for name, content in files.items()}}
    room = Room(context.work)
    with own_folder(context.work, "alone") as folder:
        room.need()
        stage, enclosure = staged(cell, context, folder, placed)
        ended = run_on_lifeline(
            enclosure.argv(stage),
            timeout=context.timeout,
            env=enclosure.environment(),
            cwd=context.work,
            watch=room.look,
        )
        problem = only_files(stage / "out") or room.problem
        if problem:
            raise BrokenMachinery(problem, where=cell.id, remedy="run it again")
        words = (stage / _SAID).read_bytes()[:_LONGEST] if (stage / _SAID).exists() else ended.err
        code = (stage / _CODE).read_text().strip() if (stage / _CODE).exists() else ""
        brought = (stage / BROUGHT).read_bytes() if (stage / BROUGHT).exists() else b""
        return Said(int(code) if code.isdigit() else None, words, brought)
