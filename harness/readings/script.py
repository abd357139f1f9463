"""Many readings by one taker as one plain POSIX shell program. Pure: the same givens give the same bytes.

The program finds the layers as ``given/NUMBER.LAYER.tar``, and for an importer the images as folders ``NUMBER/image``; what it saw
it leaves in ``out/NUMBER``. It needs the namespaces that its first lines name, and nothing of this project.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from harness.cells.plan import program_of
from harness.drivers.base import Importer, Mounter, Packer, Stack
from harness.names import one_line
from harness.protocol import Phase
from harness.readings.given import Given
from harness.readings.taker import Role, Taker
from harness.script.parts import carried, function
from harness.worlds.inside import NOBODY


@cache
def _functions() -> bytes:
    return resources.files("harness.readings").joinpath("readings.sh").read_bytes()


def compile_readings(taker: Taker, givens: Sequence[Given], *, by_root: bool = False) -> bytes:
    """The shell program of readings. *by_root*: root lays the layers out, and goes on as an ordinary user, who may read marks that it may
    not set.
    """
    out = [_head(taker, len(givens)), carried("prelude.sh"), _functions()]
    numbers = range(1, len(givens) + 1)
    if isinstance(taker.setup, Importer):
        out += _imports(taker, numbers)
    else:
        out += _folders(taker, givens, by_root=by_root)
    out.append(f"say {Phase.END}".encode())
    return b"\n".join(out) + b"\n"


def _head(taker: Taker, number: int) -> bytes:
    tool = taker.tool
    lines = [
        "#!/bin/sh",
        f"# Whiteout Lab, {number} readings: layers that were written somewhere are given to {tool.label}, {taker.role.words}",
        f"# Tool: {tool.label} ({tool.main.package or 'no package'}), profile {taker.profile}",
        "# The layers lie beside it as given/NUMBER.LAYER.tar, the lowest first; what was seen is then in out/NUMBER.",
        "cell=$PWD out=$PWD/out self=$PWD/script.sh again=${1:-}",
        f"program=${{PROGRAM:-{program_of(tool)}}}",
        "refusal=meant",
        "umask 022",
        "export LC_ALL=C",
        "",
    ]
    return "\n".join(one_line(line) if line.startswith("#") else line for line in lines).encode()


def _imports(taker: Taker, numbers: Sequence[int]) -> list[bytes]:
    assert isinstance(taker.setup, Importer)
    text = taker.setup.script(taker.profile)
    lines = [
        b"mkdir -p out || exit 3",
        f"say {Phase.LAYERS}".encode(),
        function("begin", text.begin),
        function(
            "take_image",
            "tar -C image -cf image.tar oci-layout index.json manifest.json blobs || exit 3\n" + text.reading,
        ),
        function("end", text.end),
        b"begin",
        b"lay_canary",
        f"say {Phase.MOUNT}".encode(),
    ]
    lines += [
        b"mkdir out/%d; reading %d take_image; look_canary %d; rm -rf %d" % (number, number, number, number)
        for number in numbers
    ]
    return [*lines, b"end"]


def _folders(taker: Taker, givens: Sequence[Given], *, by_root: bool) -> list[bytes]:
    """Layers are laid out as folders, and mounted or packed."""
    counts = sorted({len(given.layers) for given in givens})
    lines: list[bytes] = []
    for count in counts:
        lines += _functions_for(taker, count)
    lay = [b"mkdir -p out || exit 3", f"say {Phase.LAYERS}".encode()]
    for number, given in enumerate(givens, 1):
        lay.append(_laid(number, len(given.layers), taker.role))
    if by_root:
        lines += [
            b'if [ "$again" != below ]; then',
            *lay,
            b"chown -hR %d:%d [0-9]* out && chown %d:%d . || die 'the layers cannot be handed over: run this as root'"
            % (NOBODY, NOBODY, NOBODY, NOBODY),
            b'[ -z "${PROGRAM:-}" ] || export PROGRAM',
            b"exec setpriv --reuid %d --regid %d --clear-groups \\" % (NOBODY, NOBODY),
            b'  unshare --user --map-root-user --mount --propagation private sh "$self" below',
            b"fi",
        ]
    else:
        lines += lay
    lines.append(f"say {Phase.MOUNT}".encode())
    text = taker.setup.script(taker.profile) if isinstance(taker.setup, Packer) else None
    lines += [text.begin.encode()] if text and text.begin else []
    lines += [b"reading %d of_%d" % (number, len(given.layers)) for number, given in enumerate(givens, 1)]
    lines += [text.end.encode()] if text and text.end else []
    return lines


def _laid(number: int, count: int, role: Role) -> bytes:
    """The line that lays out the layers of one given; the last one where its role puts it."""
    folders = [f"lower/{layer}" for layer in range(1, count + 1)]
    if role is not Role.LOWER:
        folders[-1] = "upper"
    made = [
        *folders,
        "work",
        "merged",
        *(["upper"] if role is Role.LOWER else []),
        *(["lower/1"] if folders == ["upper"] else []),
    ]
    words = " ".join(f"{number}/{name}" for name in made)
    unpacked = "; ".join(f"unpack {number} {layer} {folder}" for layer, folder in enumerate(folders, 1))
    return f"mkdir -p out/{number} {words}; {unpacked}".encode()


def _functions_for(taker: Taker, count: int) -> list[bytes]:
    """``of_COUNT``: the reading of something that has as many layers."""
    setup = taker.setup
    if isinstance(setup, Packer):
        return [function(f"of_{count}", setup.script(taker.profile).reading)]
    assert isinstance(setup, Mounter)
    lowers = max(1, count if taker.role is Role.LOWER else count - 1)
    stack = Stack(
        taker.profile,
        tuple(f"lower/{number}" for number in range(1, lowers + 1)),
        "upper",
        "work",
        "merged",
        '"$program"',
        prepared=taker.role is Role.UPPER,
    )
    text = setup.script(stack)
    body = [
        *([text.prepare] if text.prepare else []),
        f"mount_{count} && show merged",
        f"unmount_{count}",
        *([text.release] if text.release else []),
        "let_go",
    ]
    return [
        function(f"mount_{count}", text.mount),
        function(f"unmount_{count}", text.unmount),
        function(f"of_{count}", "\n".join(body)),
    ]
