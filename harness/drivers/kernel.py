"""The kernel's own overlay."""

from __future__ import annotations

from harness.drivers.base import Driver, Plan, Stack, option_words
from harness.machine.quote import quote
from harness.profile import Profile

# Kernel builds differ in their defaults (CONFIG_OVERLAY_FS_REDIRECT_DIR and its like), so each is always said.
# In a user namespace "redirect_dir=off" is refused with EPERM, since it may still follow; "nofollow" is what is left.
EXPLICIT = {"redirect_dir": "off", "metacopy": "off", "index": "off", "xino": "off"}


def _plan(stack: Stack) -> Plan:
    said = stack.options.get("kernel", "")
    named = {word.partition("=")[0] for word in said.split(",")}
    defaults = EXPLICIT if stack.profile is Profile.ROOT else EXPLICIT | {"redirect_dir": "nofollow"}
    explicit = [f"{key}={value}" for key, value in defaults.items() if key not in named]
    options = option_words(
        "nodev",  # a device of a layer must not lead to this machine's
        "lowerdir=" + ":".join(reversed(stack.lowers)), f"upperdir={stack.upper}", f"workdir={stack.work}", *explicit, said,
        "userxattr" if stack.profile is Profile.USER and "nouserxattr" not in stack.tool.options else "",
    )  # fmt: skip
    return Plan(
        mount=(
            f'mount -t overlay overlay -o {quote(options)} {stack.merged} 2>>"$out/daemon.log" ||\n'
            '  refuse "$(tail -n 2 "$out/daemon.log")"'
        ),
        unmount=f"umount {stack.merged}",
    )


DRIVER = Driver(
    "kernel",
    "kernel overlay",
    (Profile.ROOT, Profile.USER),
    _plan,
    needs=("overlay",),
    programs=("mount", "umount"),
    has_program=False,
)
