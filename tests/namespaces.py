"""Commands in namespaces of their own, which go with all that was mounted in them."""

from __future__ import annotations

from pathlib import Path


def own_mounts(script: str, *words: str | Path) -> list[str | Path]:
    """A shell text with its words, ``$1`` and so on, in a mount namespace of its own: for root."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *words]
