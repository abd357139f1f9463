"""The founding stack of sylabs/singularity#3176: squashfs below by squashfuse, ext3 above by fuse2fs, fuse-overlayfs over both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.drivers.base import Mounter, MountText, Stack, Typed
from harness.drivers.fuse_overlayfs import PROGRAM, daemon

_EXT3 = "ext3"  # where the image is mounted that holds upper and work


@dataclass(frozen=True, kw_only=True)
class FuseStack(Mounter):
    """fuse-overlayfs over images that are mounted by FUSE too."""

    def script(self, stack: Stack) -> MountText:
        """Images of the layers and of the upper, mounted; then the daemon over them."""
        squashed = [f"squashed/{n}" for n in range(1, len(stack.lowers) + 1)]
        inner = daemon(replace(stack, lowers=tuple(squashed), upper=self.upper, work=self.work))
        prepare = [f"mkdir -p {_EXT3} " + " ".join(squashed)]
        for source, target in zip(stack.lowers, squashed, strict=True):
            prepare.append(
                f'mksquashfs {source} {target}.sqfs -quiet -no-progress -noappend >>"$out/parts.log" 2>&1 ||\n'
                f'  die "mksquashfs: $(tail -n 3 "$out/parts.log")"'
            )
            prepare.append(f'squashfuse -f {target}.sqfs {target} >>"$out/parts.log" 2>&1 </dev/null &')
            prepare.append(f'await {target} $! || die "squashfuse did not mount: $(tail -n 3 "$out/parts.log")"')
        prepare.append(
            f'truncate -s 8M {_EXT3}.img && mke2fs -q -F -t ext3 -b 1024 -J size=1 {_EXT3}.img >>"$out/parts.log" 2>&1 ||\n'
            '  die "mke2fs: $(tail -n 3 "$out/parts.log")"'
        )
        prepare.append(f'fuse2fs -f {_EXT3}.img {_EXT3} >>"$out/parts.log" 2>&1 </dev/null &')
        prepare.append("image=$!")
        prepare.append(f'await {_EXT3} $image || die "fuse2fs did not mount: $(tail -n 3 "$out/parts.log")"')
        prepare.append(f"mkdir {self.work} {self.upper} || die 'the ext3 image cannot be filled'")
        if stack.prepared:  # by tar: cp -a sets ACLs, which some fuse2fs then hand out with a wrong mode
            pack, unpack = (
                f"tar -C {folder} --xattrs --xattrs-include='*' --numeric-owner" for folder in (stack.upper, self.upper)
            )
            prepare.append(f"{pack} -cf - . | {unpack} -xpf - || die 'the ext3 image cannot be filled'")
        return MountText(
            mount=inner.mount,
            unmount=inner.unmount,
            prepare="\n".join(prepare),
            release=f"umount {_EXT3}; wait $image",
            typed=self._typed(stack, squashed, inner.typed),
        )

    def _typed(self, stack: Stack, squashed: Sequence[str], inner: Typed) -> Typed:
        begin = [f"mkdir -p {_EXT3} " + " ".join(squashed)]
        for source, target in zip(stack.lowers, squashed, strict=True):
            begin += [f"mksquashfs {source} {target}.sqfs -quiet -no-progress", f"squashfuse {target}.sqfs {target}"]
        begin += [
            f"truncate -s 8M {_EXT3}.img && mke2fs -q -F -t ext3 -b 1024 -J size=1 {_EXT3}.img",
            f"fuse2fs {_EXT3}.img {_EXT3}",
            f"mkdir {self.work} {self.upper}",
            *([f"cp -a {stack.upper}/. {self.upper}"] if stack.prepared else []),
        ]
        return replace(inner, begin="\n".join(begin), end=f"umount {_EXT3} " + " ".join(squashed))


SETUPS = (
    FuseStack(
        program=PROGRAM,
        setup="stack",
        called=PROGRAM,
        how="stack",
        needs=("fuse",),
        parts=("squashfuse", "fuse2fs", "fuse-overlayfs"),
        helpers=("mksquashfs", "mke2fs"),
        on_request=True,
        fs_of_its_own=True,
        upper=f"{_EXT3}/upper",
        work=f"{_EXT3}/work",
    ),
)
