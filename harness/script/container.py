"""A cell whose tool runs containers, as one plain POSIX shell program: ``harness.script.compile`` for images. Pure.

The same file runs outside and inside: ``script.sh FOLDER inside FUNCTION`` is what the container runs. So the steps and the
evidence are the words of every other cell, done by the programs of the world, which are bound over the image's ``/usr``.
"""

from __future__ import annotations

import hashlib

from harness.cells.plan import Cell
from harness.drivers.base import ContainerText, Runner
from harness.machine.quote import quote_bytes
from harness.places import READONLY, REMOUNT
from harness.profile import Profile
from harness.protocol import Phase
from harness.scenario.layers import layer
from harness.scenario.model import Handover
from harness.script.below import stack_of
from harness.script.parts import carried, function, head, segments, step_functions, tree_lines, verdict
from harness.script.paths import spoken_paths
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.convert import to_oci
from harness.whiteouts.union import merge
from harness.worlds.inside import LAB, USER

# The user gets a copy, as it were: the file is the user's, what lies in it is not touched.
_HAND_OVER = {
    "user": b"""\
who=$user HOME=$cell/home.user
chmod -R a+rwX out
for image in image.sif overlay; do [ ! -f $image ] || chown $ordinary:$ordinary $image; done
$who mkdir "$HOME\"""",
    "root": b"""\
who= HOME=$cell/home.root
mkdir "$HOME\"""",
}


def compile_container(cell: Cell, driver: Runner) -> bytes:
    """The shell program of a cell whose tool runs containers."""
    scenario, profile = cell.scenario, cell.profile
    layers = [layer(tree, profile) for tree in scenario.layers] or [EMPTY]
    folders = tuple(f"image/{n}" for n in range(1, len(layers) + 1))
    text = driver.script(stack_of(cell, folders, "upper", "work", LAB, program='$who "$program"'))
    whole = merge(layers)
    images = [whole] if driver.flattened else [to_oci(one) for one in layers]
    trees: list[tuple[str, Snapshot]] = [(f"image/{n}{LAB}", one) for n, one in enumerate(images, 1)]
    trees.append(("oracle", whole))
    parts = segments(scenario.steps)
    spoken = b"".join(b" " + quote_bytes(path) for path in spoken_paths(scenario, profile))

    # its programs make user namespaces of their own, and want a registry's port
    alone = f"{'' if profile is Profile.ROOT else 'as an ordinary user, '}sh"
    layout = f"lab={LAB} ordinary={USER}".encode()
    out: list[bytes] = [
        head(cell, alone),
        carried("prelude.sh"),
        layout,
        carried("image.sh"),
        carried("verdict.sh"),
        b"",
    ]
    out.append(b"# ---- the steps " + b"-" * 102)
    out += step_functions(parts)
    out += [b"in_container_%d() { on merged steps_%d $lab; }" % (n, n) for n in range(1, len(parts) + 1)]
    out.append(b'look() { see "$1"' + spoken + b"; }")
    out.append(b"last() { in_container_%d; look view; }" % len(parts))
    out.append(b"")
    out.append(b'if [ "${2:-}" = inside ]; then')
    out.append(b"  : >entered")
    out.append(b"  shift 2; cd /")
    out.append(b'  "$@"; exit')
    out.append(b"fi")
    out.append(b"! alone || trap ended EXIT")
    out.append(b'[ "$self" -ef script.sh ] || cp "$self" script.sh')
    out.append(b"")
    out.append(b"# ---- the layers " + b"-" * 101)
    laid = tree_lines(trees, b"out home")
    out += laid
    out.append(b"skeleton image/1")
    out.append(b"")
    out.append(b"# ---- the container: " + driver.title.encode() + b" " + b"-" * (96 - len(driver.title)))
    out.append(function("enter", text.enter))
    out.append(b"")
    out.append(b"# ---- the run " + b"-" * 104)
    out.append(b"# the same layers, made to an image by the same program, are the same image: see once")
    out.append(b"made=" + _key(cell, text, laid))
    out += _run(text, len(parts), cell)
    # where the layers stay layers, or the upper was prepared, what lies below the upper is no folder here
    plain = driver.flattened and not scenario.upper
    out += verdict(cell, f"overlay/upper{LAB}" if plain else "", (f"image/1{LAB}",) if plain else (), owners=False)
    out.append(f"say {Phase.END}".encode())
    return b"\n".join(out) + b"\n"


def _key(cell: Cell, text: ContainerText, laid: list[bytes]) -> bytes:
    main = cell.tool.main
    parts = [*laid, text.prepare.encode(), main.path.encode(), main.version.encode(), main.sha256.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16].encode()


def _handed(handed: Handover | None, text: ContainerText) -> list[bytes]:
    """From here on somebody else reads the image."""
    if handed is None:
        return []
    lines = [b"say handover"]
    if handed.mode is not None:
        lines.append(text.switch.encode())
    if handed.profile is not None:
        lines.append(_HAND_OVER[handed.profile])
    return lines


def _run(text: ContainerText, parts: int, cell: Cell) -> list[bytes]:
    handed = cell.scenario.handover
    lines = [b"who="]
    if handed is not None and handed.profile is not None:
        lines.append(b"who=$user; chown -R $ordinary:$ordinary ." if handed.profile == "root" else b"chmod 777 .")
    lines += [f"say {Phase.IMAGE}".encode(), text.prepare.encode()]
    for number in range(1, parts + 1):
        inside = b"last" if number == parts else b"in_container_%d" % number
        lines += [
            b"say 'container, writable, %d'" % number,
            b"go writable "
            + inside
            + b' || die "the container did not start (exit code $code): $(tail -n 3 "$out/daemon.log")"',
            b"on oracle steps_%d" % number,
        ]
    if not text.upper:
        return [*lines, b"take oracle oracle"]
    lines += [
        b"say upper", text.upper.encode(),
        b"say 'container, writable, again'",
        f'go writable look remount || asked {REMOUNT} "a second writable run" fails'.encode(),
        *_handed(handed, text),
        b"say 'container, read-only'",
        f'go readonly look readonly || asked {READONLY} "a read-only run" fails'.encode(),
        *([b"chown -hR $ordinary:$ordinary oracle"] if handed is not None and handed.profile == "root" else []),
        b"take oracle oracle",
    ]  # fmt: skip
    if text.onward:
        lines.append(text.onward.encode())
    return lines
