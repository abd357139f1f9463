"""fuse-overlayfs, as its users call it, but in the foreground: so its log is kept, and its end is seen."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Mounter, MountText, Stack, Typed, assigned, option_words
from harness.machine.quote import quote

PROGRAM = "fuse-overlayfs"


def daemon(stack: Stack) -> MountText:
    """Mount and unmount of the daemon over the stack's folders; ``$daemon`` is its process."""
    options = option_words(
        "lowerdir=" + ":".join(reversed(stack.lowers)), f"upperdir={stack.upper}", f"workdir={stack.work}",
        stack.options.get(PROGRAM, ""),
    )  # fmt: skip
    environment = assigned(stack.env)
    return MountText(
        mount=(
            f'{environment}{stack.program} -f -o {quote(options)} {stack.merged} >>"$out/daemon.log" 2>&1 </dev/null &\n'
            "daemon=$!\n"
            f"await {stack.merged} $daemon || {{\n"
            '  wait $daemon; code=$?; printf \'%s\\n\' $code >>"$out/daemon.exit"\n'
            '  [ $code -gt 128 ] && exit 4\n'
            '  [ $code -lt 126 ] || die "the program cannot be started: $(tail -n 5 "$out/daemon.log")"\n'
            '  refuse "exit code $code: $(tail -n 5 "$out/daemon.log")"\n'
            "}"
        ),
        unmount=(
            f"umount {stack.merged}\n"
            'wait $daemon; printf \'%s\\n\' $? >>"$out/daemon.exit"'
        ),
        typed=Typed(
            mount=f"{environment}fuse-overlayfs -o {quote(options)} {stack.merged}", unmount=f"umount {stack.merged}", upper=stack.upper
        ),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FuseOverlayfs(Mounter):
    """The daemon over folders of the cell."""

    def script(self, stack: Stack) -> MountText:
        """The daemon in the foreground, its log and its exit codes in ``$out``."""
        return daemon(stack)


SETUPS = (FuseOverlayfs(program=PROGRAM, called=PROGRAM, needs=("fuse",)),)
