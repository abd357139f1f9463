"""fuse-overlayfs, as its users call it, but in the foreground: so its log is kept, and its end is seen."""

from __future__ import annotations

from harness.drivers.base import Driver, Plan, Stack, option_words
from harness.machine.quote import quote
from harness.profile import Profile


def daemon(stack: Stack) -> Plan:
    """Mount and unmount of the daemon over the stack's folders; ``$daemon`` is its process."""
    options = option_words(
        "lowerdir=" + ":".join(reversed(stack.lowers)), f"upperdir={stack.upper}", f"workdir={stack.work}",
        stack.options.get("fuse-overlayfs", ""),
    )  # fmt: skip
    environment = "".join(f"{key}={quote(value)} " for key, value in stack.env.items())
    return Plan(
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
    )  # fmt: skip


DRIVER = Driver("fuse-overlayfs", "fuse-overlayfs", (Profile.ROOT, Profile.USER), daemon, needs=("fuse",))
