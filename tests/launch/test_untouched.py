"""What a script left is plain files, before anything of it is read."""

from __future__ import annotations

import os
from pathlib import Path

from harness.launch.untouched import only_files


def test_only_files_are_left(tmp_path: Path) -> None:
    out = tmp_path / "cell" / "out"
    (out / "sub" / "deep").mkdir(parents=True)
    (tmp_path / ".whiteout-lab").touch()
    (out / "phases").write_text("x")
    (out / "phases").chmod(0)
    os.mkfifo(out / "fifo")
    (out / "link").symlink_to("/etc/passwd")
    out.chmod(0o500)
    said = only_files(out)
    assert [path.name for path in out.iterdir()] == ["phases"]
    assert "out/fifo, out/link, out/sub" in said
    assert [path.lstat().st_mode & 0o777 for path in (out, out / "phases")] == [0o755, 0o644]
    out.chmod(0o700)
    (out / "phases").chmod(0o400)
    assert only_files(out) == ""
    assert [path.lstat().st_mode & 0o777 for path in (out, out / "phases")] == [0o700, 0o400], (
        "what can be read stays as it is"
    )
    assert only_files(tmp_path / "cell" / "new") == ""
    assert (tmp_path / "cell" / "new").is_dir()
