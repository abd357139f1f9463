"""A cell as one plain POSIX shell program. Pure: the same cell gives the same bytes.

The program stands alone: it makes the layers, mounts the stack, runs the steps on it and on a plain directory (the oracle), and leaves
what it saw in ``out/``. It needs the namespaces that its first lines name, and nothing of this project.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.cells.plan import Cell
from harness.drivers.base import Mounter, MountText, Runner
from harness.machine.quote import quote_bytes
from harness.profile import Profile
from harness.protocol import Phase
from harness.scenario.layers import layer
from harness.script.below import below, stack_of
from harness.script.container import compile_container
from harness.script.parts import carried, function, head, segments, step_functions, tree_lines, verdict
from harness.script.paths import spoken_paths
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.union import merge
from harness.worlds.inside import NOBODY

_AS_USER = "unshare --user --map-root-user --mount sh"


def compile_cell(cell: Cell, instead: bytes = b"") -> bytes:
    """The shell program of a cell. *instead*: functions that take the place of some of the prelude's, while somebody looks on."""
    driver = cell.driver
    program = compile_container(cell, driver) if isinstance(driver, Runner) else _mounted(cell, driver)
    prelude = carried("prelude.sh")
    return program.replace(prelude, prelude + instead, 1) if instead else program


def _mounted(cell: Cell, driver: Mounter) -> bytes:
    """The shell program of a cell whose driver mounts a stack."""
    scenario, profile = cell.scenario, cell.profile
    layers = [layer(tree, profile) for tree in scenario.layers] or [EMPTY]
    prepared = layer(scenario.upper, profile)
    lowers = tuple(f"lower/{n}" for n in range(1, len(layers) + 1))
    nested = scenario.stack == "nested"
    text = driver.script(stack_of(cell, ("inner",) if nested else lowers, "upper", "work", "merged"))
    below_before, below_after = below(cell, driver)

    alone = "as root, sh" if cell.laid_by_root else "sh" if profile is Profile.ROOT else _AS_USER
    out: list[bytes] = [head(cell, alone, is_program=driver.is_program), carried("prelude.sh"), carried("verdict.sh")]
    out += [b"! alone || trap ended EXIT", b""]
    out.append(b"# ---- the layers " + b"-" * 101)
    if below_before:
        out += [b"mkdir -p out || exit 3", *below_before]
    trees = [*zip(lowers, layers, strict=True), ("upper", prepared), ("oracle", merge(layers, prepared))]
    laid = tree_lines(trees, b"out merged work")
    out += _by_root(laid, trees) if cell.laid_by_root else laid
    out.append(b"")
    out.append(b"# ---- the steps " + b"-" * 102)
    parts = segments(scenario.steps)
    out += step_functions(parts)
    out.append(b"")
    out.append(b"# ---- the stack: " + driver.title.encode() + b" " + b"-" * (100 - len(driver.title)))
    if nested:
        out.append(_nested(cell, driver, lowers))
    out.append(function("mount_stack", text.mount))
    out.append(function("unmount_stack", text.unmount))
    out.append(b"")
    out.append(b"# ---- the run " + b"-" * 104)
    out += _run(text, len(parts), cell, driver, nested=nested)
    out += verdict(cell, driver.upper, lowers)  # while the file system below the upper is still mounted
    out += [text.release.encode()] if text.release else []
    out += below_after
    out.append(f"say {Phase.END}".encode())
    return b"\n".join(out) + b"\n"


def _by_root(laid: list[bytes], trees: Sequence[tuple[str, Snapshot]]) -> list[bytes]:
    """Lines that lay the trees out as root, and go on as an ordinary user, whose they are then, marks that it may not set among them."""
    names = b" ".join(folder.split("/")[0].encode() for folder in dict.fromkeys(folder for folder, _ in trees))
    return [
        b'if [ "${2:-}" != below ]; then',
        *laid,
        b"chown -hR %d:%d %s out merged work && chown %d:%d . || die 'the layers cannot be handed over: run this as root'"
        % (NOBODY, NOBODY, names, NOBODY, NOBODY),
        b"! alone || trap - EXIT",
        b'[ -z "${PROGRAM:-}" ] || export PROGRAM',
        b"exec setpriv --reuid %d --regid %d --clear-groups \\" % (NOBODY, NOBODY),
        b'  unshare --user --map-root-user --mount --propagation private sh "$self" "$cell" below',
        b"fi",
    ]


def _run(text: MountText, segments: int, cell: Cell, driver: Mounter, *, nested: bool) -> list[bytes]:
    lines = [text.prepare.encode()] if text.prepare else []
    if nested:
        lines.append(b"mount_inner")
    for number in range(1, segments + 1):
        if number > 1:
            lines += [b"say 'unmount for remount'", b"unmount_stack"]
        lines += [
            f"say {Phase.MOUNT}".encode() if number == 1 else b"say remount",
            b"mount_stack",
            b"say 'steps %d'" % number,
            b"on merged steps_%d" % number,
            b"on oracle steps_%d" % number,
        ]
    spoken = b"".join(b" " + quote_bytes(path) for path in spoken_paths(cell.scenario, cell.profile))
    lines += [
        b"table",
        b"say view", b"take view merged", b"reach view merged" + spoken,
        b"say unmount", b"unmount_stack",
        b"say upper", f"take upper {driver.upper}".encode(), f"left {driver.work}".encode(),
        b"say 'mount again'", b"mount_stack",
        b"say remount-view", b"take remount merged", b"reach remount merged" + spoken,
        b"say 'last unmount'", b"unmount_stack",
        b"take oracle oracle",
    ]  # fmt: skip
    if nested:
        lines.append(b"unmount_inner")
    return lines


def _nested(cell: Cell, driver: Mounter, lowers: tuple[str, ...]) -> bytes:
    """The layers mounted first, read-only in effect: nobody writes there; that mount is the lower of the stack."""
    text = driver.script(stack_of(cell, lowers, "inner-upper", "inner-work", "inner"))
    mount = f"mkdir -p inner inner-upper inner-work\n{text.mount}\ninner=${{daemon:-}}"
    unmount = "umount inner" + ('\nwait "$inner"' if driver.is_program else "")
    return function("mount_inner", mount) + b"\n" + function("unmount_inner", unmount)
