"""The kernel's own overlay."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Mounter, MountText, Stack, Typed, option_words
from harness.machine.quote import quote
from harness.profile import Profile

# Kernel builds differ in their defaults (CONFIG_OVERLAY_FS_REDIRECT_DIR and its like), so each is always given.
# In a user namespace "redirect_dir=off" is refused with EPERM, since it may still follow; "nofollow" is what is left.
EXPLICIT = {"redirect_dir": "off", "metacopy": "off", "index": "off", "xino": "off"}


@dataclass(frozen=True, kw_only=True)
class Kernel(Mounter):
    """``userxattr``: whether a user's mount keeps its marks in ``user.*``; root's has no need of it."""

    userxattr: bool = True

    def script(self, stack: Stack) -> MountText:
        """``mount -t overlay``, with every option named; what mount(8) says of a refusal is the tool's answer."""
        asked_for = stack.options.get("kernel", "")
        named = {word.partition("=")[0] for word in asked_for.split(",")}
        defaults = EXPLICIT if stack.profile is Profile.ROOT else EXPLICIT | {"redirect_dir": "nofollow"}
        explicit = [f"{key}={value}" for key, value in defaults.items() if key not in named]
        options = option_words(
            "nodev",  # a device of a layer must not lead to this machine's
            "lowerdir=" + ":".join(reversed(stack.lowers)), f"upperdir={stack.upper}", f"workdir={stack.work}", *explicit, asked_for,
            "userxattr" if stack.profile is Profile.USER and self.userxattr else "",
        )  # fmt: skip
        mount = f"mount -t overlay overlay -o {quote(options)} {stack.merged}"
        return MountText(
            mount=(f'{mount} 2>>"$out/daemon.log" ||\n  refuse "$(tail -n 2 "$out/daemon.log")"'),
            unmount=f"umount {stack.merged}",
            typed=Typed(mount=mount, unmount=f"umount {stack.merged}", upper=stack.upper),
        )


PLAIN = Kernel(program="kernel", called="kernel", needs=("overlay",), parts=("mount", "umount"), is_program=False)
SETUPS = (
    PLAIN,
    Kernel(
        program="kernel",
        setup="nouserxattr",
        called="kernel",
        how="without userxattr",
        needs=PLAIN.needs,
        parts=PLAIN.parts,
        is_program=False,
        profiles=(Profile.USER,),  # as root there is no userxattr to leave away
        on_request=True,
        userxattr=False,
    ),
)
