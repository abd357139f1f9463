"""A program that the user names: ``--tool fuse-overlayfs=PATH``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.tools.asked import Word, each_once
from harness.worlds.ledger import Known, Ledger
from harness.worlds.model import Part, Tool, World
from harness.worlds.versions import number_in

_INSIDE = ("bin", "usr/bin", "usr/local/bin", ".")
_I386, _X86_64 = 3, 62  # of ELF's e_machine: the one runs on the other


def given_programs(words: Sequence[Word], host: World, ledger: Ledger) -> list[Tool]:
    """The tools that files, or the folders they are installed under, are, each once. Raises UsageError for one that cannot be a tool.

    A program is told apart from others of its version by what the user calls it, otherwise by its digest; one whose version the user says
    has that version alone, until another has it too.
    """
    programs: dict[int, tuple[Path, Known]] = {}  # by the word's place
    for word in words:
        file = _file(word).resolve()
        check_program(file, word.option, word.name)
        programs[word.place] = (file, ledger.program(file, host))
    tools = []
    for word in each_once(words, lambda word: programs[word.place][1].sha256):
        file, known = programs[word.place]
        mark = f" {word.called}" if word.called else "" if word.version else by_digest(known.sha256)
        part = Part(word.name, word.version or number_in(known.says), "", str(file), known.sha256, known.says, mark)
        tools.append(Tool(word.name, part, host, origin="given", rank=word.place))
    return tools


def by_digest(sha256: str) -> str:
    """What tells a program apart from every other of its version."""
    return f"+{sha256[:8]}"


def check_program(file: Path, word: str, name: str) -> None:
    """Raise UsageError when *file* is no program that runs on this machine. *word*: how the user named it."""
    if not os.access(file, os.X_OK):
        raise UsageError("the file is not executable", where=word, remedy=f"chmod +x {file}")
    try:
        head = _head(file)
    except OSError as error:
        raise UsageError(
            f"the file cannot be read: {error.strerror}", where=word, remedy="see its permissions"
        ) from error
    if problem := not_a_program(head, _head(Path("/proc/self/exe"))):
        raise UsageError(
            f"the file is no program for this machine: {problem}", where=word, remedy=f"name a {name} that runs here"
        )


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(256)


def _file(asked: Word) -> Path:
    path, name, word = asked.path, asked.name, asked.option
    assert path is not None
    if path.is_dir():
        inside = next((file for folder in _INSIDE if (file := path / folder / name).is_file()), None)
        if inside is None:
            raise UsageError(
                f"the folder holds no bin/{name}",
                where=word,
                remedy="name the program itself, or the folder it is installed under",
            )
        return inside
    if not path.exists():
        raise UsageError("there is no such file", where=word, remedy="see how the path is written")
    if not path.is_file():
        raise UsageError("this is no regular file", where=word, remedy="name the program itself")
    return path


def not_a_program(head: bytes, own: bytes) -> str:
    """Why a file that starts with *head* cannot run where a program that starts with *own* does; empty when it can. Pure but for ``#!``."""
    if head.startswith(b"#!"):
        words = head.splitlines()[0][2:].split()
        if not words or not Path(os.fsdecode(words[0])).exists():
            return "the interpreter in its first line does not exist"
        return ""
    if not head.startswith(b"\x7fELF"):
        return "it is neither an ELF file nor a script"
    if len(head) < 20:
        return "it is cut short"
    machine, ours = (int.from_bytes(elf[18:20], "little" if elf[5] == 1 else "big") for elf in (head, own))
    if machine == ours or (machine, ours) == (_I386, _X86_64):
        return ""
    return f"it is made for another processor (ELF machine {machine}, here {ours})"
