"""A cache of the test's own, and an mmdebstrap that only pretends."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

_FAKE = r"""#!/bin/sh
# Pretends to be mmdebstrap: its root is the word that ends in /root, its packages are those of --include.
simulate=
for word; do
  case $word in
    */root) root=$word ;;
    --include=*) include=${word#--include=} ;;
    --simulate) simulate=yes ;;
  esac
done
version=${FAKE_VERSION:-1%3a1.0-1+b2}
if [ -n "$simulate" ]; then
  if [ -n "${FAKE_INDEX_ERROR:-}" ]; then
    printf '%s\n' "$FAKE_INDEX_ERROR" >&2
    exit 25
  fi
  mkdir -p "$root/var"
  echo "$include" | tr , '\n' | sed "s/.*/Inst & ($(echo "$version" | sed s/%3a/:/) Debian:unstable [amd64])/"
  exit 0
fi
echo "$root" >>"$FAKE_LOG"
mkdir -p "$root/usr/bin" "$root/etc"
touch "$root/usr/bin/dash"
printf '#!/bin/sh\necho "fuse-overlayfs: version 1.0"\n' >"$root/usr/bin/fuse-overlayfs"
sleep "${FAKE_SLEEP:-0}"
if [ -n "${FAKE_ERROR:-}" ]; then
  printf '%s\n' "$FAKE_ERROR" >&2
  exit 25
fi
echo "I: extracting archives..." >&2
echo "$include" | tr , '\n' | sed "s/\$/_${version}_amd64.deb/" >"$root/whiteout-lab-packages"
"""


@dataclass(frozen=True)
class FakeDebian:
    """What the pretended mmdebstrap was called for, and what it is to do."""

    log: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def builds(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def sleeps(self, seconds: float) -> None:
        self.monkeypatch.setenv("FAKE_SLEEP", str(seconds))

    def has(self, version: str) -> None:
        """What the archive has from now on, of every package."""
        self.monkeypatch.setenv("FAKE_VERSION", version)

    def is_out_of_reach(self) -> None:
        self.monkeypatch.setenv("FAKE_INDEX_ERROR", "E: Failed to fetch x  Temporary failure resolving 'deb.example'")

    def fails(self, words: str) -> None:
        self.monkeypatch.setenv("FAKE_ERROR", words)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(folder))
    monkeypatch.delenv("WHITEOUT_LAB_SINGULARITY", raising=False)
    monkeypatch.setattr("harness.tools.discover.installations", list)  # a singularity on PATH is none of the test's
    return folder


@pytest.fixture
def debian(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDebian:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mmdebstrap").write_text(_FAKE)
    (programs / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    for name in ("FAKE_ERROR", "FAKE_VERSION", "FAKE_INDEX_ERROR"):
        monkeypatch.delenv(name, raising=False)
    return FakeDebian(tmp_path / "log", monkeypatch)
