"""The founding stack of sylabs/singularity#3176: squashfs below by squashfuse, ext3 above by fuse2fs, fuse-overlayfs over both."""

from __future__ import annotations

from dataclasses import replace

from harness.drivers.base import Driver, Plan, Stack
from harness.drivers.fuse_overlayfs import daemon
from harness.profile import Profile


def _plan(stack: Stack) -> Plan:
    squashed = [f"squashed/{n}" for n in range(1, len(stack.lowers) + 1)]
    inner = daemon(replace(stack, lowers=tuple(squashed), upper="ext3/upper", work="ext3/work"))
    prepare = ["mkdir -p ext3 " + " ".join(squashed)]
    for source, target in zip(stack.lowers, squashed, strict=True):
        prepare.append(
            f'mksquashfs {source} {target}.sqfs -quiet -no-progress -noappend >>"$out/parts.log" 2>&1 ||\n'
            f'  die "mksquashfs: $(tail -n 3 "$out/parts.log")"'
        )
        prepare.append(f'squashfuse -f {target}.sqfs {target} >>"$out/parts.log" 2>&1 </dev/null &')
        prepare.append(f'await {target} $! || die "squashfuse did not mount: $(tail -n 3 "$out/parts.log")"')
    prepare.append(
        'truncate -s 8M ext3.img && mke2fs -q -F -t ext3 -J size=1 ext3.img >>"$out/parts.log" 2>&1 ||\n'
        '  die "mke2fs: $(tail -n 3 "$out/parts.log")"'
    )
    prepare.append('fuse2fs -f ext3.img ext3 >>"$out/parts.log" 2>&1 </dev/null &')
    prepare.append("image=$!")
    prepare.append('await ext3 $image || die "fuse2fs did not mount: $(tail -n 3 "$out/parts.log")"')
    prepare.append("mkdir ext3/work ext3/upper || die 'the ext3 image cannot be filled'")
    if stack.prepared:  # by tar: cp -a sets ACLs, which some fuse2fs then hand out with a wrong mode
        pack, unpack = (
            f"tar -C {folder} --xattrs --xattrs-include='*' --numeric-owner" for folder in ("upper", "ext3/upper")
        )
        prepare.append(f"{pack} -cf - . | {unpack} -xpf - || die 'the ext3 image cannot be filled'")
    return Plan(
        mount=inner.mount, unmount=inner.unmount, prepare="\n".join(prepare), release="umount ext3; wait $image"
    )


DRIVER = Driver(
    "fuse-stack",
    "squashfuse + fuse2fs + fuse-overlayfs",
    (Profile.ROOT, Profile.USER),
    _plan,
    needs=("fuse",),
    programs=("squashfuse", "fuse2fs", "fuse-overlayfs"),
    fs_of_its_own=True,
)
