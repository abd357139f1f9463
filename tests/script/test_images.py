"""The ext3 images that scripts make, on machines whose ``mke2fs`` has other defaults."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import harness
from harness.machine.process import run, which

MADE = ["script/below.py", "script/image.sh", "drivers/fuse_stack.py"]


@pytest.mark.real
@pytest.mark.parametrize("file", MADE)
def test_a_journal_of_a_megabyte_fits_whatever_the_size_of_blocks_is_by_default(file: str, tmp_path: Path) -> None:
    """Ubuntu 24.04 has blocks of 4096 bytes on small images too, of which a journal has 1024 at least."""
    if which("mke2fs") is None:
        pytest.skip("mke2fs is not installed")
    (options,) = set(re.findall(r"mke2fs (.*? -J size=1) ", (Path(harness.__file__).parent / file).read_text()))
    (tmp_path / "mke2fs.conf").write_text("[fs_types]\n\tsmall = {\n\t\tblocksize = 4096\n\t}\n")
    (tmp_path / "image").touch()
    os.truncate(tmp_path / "image", 8 << 20)
    env = {**os.environ, "MKE2FS_CONFIG": str(tmp_path / "mke2fs.conf")}
    done = run(["mke2fs", *options.split(), str(tmp_path / "image")], env=env)
    assert done.code == 0, done.err
    without = run(["mke2fs", *options.replace("-b 1024 ", "").split(), str(tmp_path / "image")], env=env)
    assert "journal size" in without.err  # such a machine it is
