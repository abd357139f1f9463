"""Programs of the machine: the one module that imports ``sh`` and ``subprocess``.

``run`` is for short commands whose output matters (probes, ``mmdebstrap``, ``cargo``). ``start`` is for a cell: a child that
lives in namespaces of its own and hangs on a *lifeline*, a pipe whose other end dies with this process.

``sh`` 2.4 gives the child a terminal, cuts error text at 750 bytes, decodes strictly, and kills only the child at a
time-out: it is wrapped here so that none of this is seen elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sh

from harness.errors import BrokenMachinery, MissingProgram
from harness.machine.packages import package_of


@dataclass(frozen=True)
class Finished:
    """What a command left: exit code (negative: the signal that ended it) and its output, decoded with replacement."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0


def which(program: str) -> Path | None:
    """The absolute path of a program, also looked for where ``PATH`` of an ordinary user does not lead (``/usr/sbin``)."""
    found = shutil.which(program) or shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin")
    return Path(found).absolute() if found else None


def _needed(name: str) -> Path:
    program = which(name)
    if program is None:
        raise MissingProgram(f"the program {name} is not installed", remedy=f"apt-get install {package_of(name)}")
    return program


_ANY = tuple(range(-255, 256))  # no exit code is an error of this module: callers look at it


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float | None = 60,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a command to its end, without a terminal and without input.

    *timeout* is in seconds; at its end the whole session of the command is killed and the code is ``-9``.
    *on_line* sees each line of the error output as it comes (``mmdebstrap`` tells its progress there).
    Raises MissingProgram when the program does not exist.
    """
    words = tuple(str(word) for word in argv)
    program = _needed(words[0])
    errors: list[str] = []

    def hear(line: str) -> None:
        errors.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))

    try:
        command = sh.Command(str(program))(
            *words[1:],
            _bg=True,
            _bg_exc=False,
            _tty_out=False,
            _tty_in=False,
            _in=None,
            _err=hear,
            _encoding="utf-8",
            _decode_errors="replace",
            _new_session=True,
            _return_cmd=True,
            _ok_code=_ANY,
            _cwd=str(cwd) if cwd else None,
            _env=dict(env) if env is not None else None,
        )
    except (OSError, sh.ForkException) as error:
        raise BrokenMachinery(f"{words[0]} cannot be started: {error}", where=str(program)) from error
    # A limit given to ``wait`` loses the output, and ``_timeout`` kills the child alone (sh 2.4): the limit is kept here.
    clock = threading.Timer(timeout or 0, _kill_session, (command.pid,))
    if timeout is not None:
        clock.start()
    try:
        command.wait()
        code = int(command.exit_code)
    except sh.ErrorReturnCode as error:
        code = int(error.exit_code)
    except BaseException:
        _kill_session(command.pid)
        raise
    finally:
        clock.cancel()
    return Finished(words, code, _text(command.stdout), "".join(errors))


def _kill_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _text(raw: bytes | str | None) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else (raw or "")


@dataclass
class Poured:
    """A command whose output is read as it comes. ``ended`` is there once the output was left."""

    out: IO[bytes]
    ended: Finished | None = None


@contextlib.contextmanager
def _piped(
    program: Path, words: Sequence[str], *, timeout: float, stdin: int, stdout: int, stderr: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own, which is killed at its time limit (in seconds), and where the caller leaves it running."""
    child = subprocess.Popen([program, *words[1:]], stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True)
    clock = threading.Timer(timeout, _kill_session, (child.pid,))
    clock.start()
    try:
        yield child
    finally:
        clock.cancel()
        if child.poll() is None:
            _kill_session(child.pid)
            child.wait()
        for pipe in filter(
            None, (child.stdin, child.stdout)
        ):  # not before: what is still to be written would wait for a reader
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def pouring(argv: Sequence[str | Path], *, timeout: float) -> Iterator[Poured]:
    """Start a command and read its output, in bytes, while it runs; what is not read is thrown away.

    *timeout* is in seconds; at its end the command is killed and its code is ``-9``. Raises MissingProgram when it does not exist.
    """
    words = tuple(str(word) for word in argv)
    program = _needed(words[0])
    with tempfile.TemporaryFile() as errors:
        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        with _piped(program, words, timeout=timeout, stdin=nothing, stdout=pipe, stderr=errors) as child:
            assert child.stdout is not None
            poured = Poured(child.stdout)
            yield poured
            while child.stdout.read(1 << 20):
                pass
            code = child.wait()
        errors.seek(0)
        poured.ended = Finished(words, code, "", errors.read(1 << 16).decode("utf-8", "replace"))


@contextlib.contextmanager
def feeding(argv: Sequence[str | Path], *, timeout: float) -> Iterator[IO[bytes]]:
    """Start a command, and write what it reads; at the end its input ends, and it is waited for.

    *timeout* is in seconds; at its end the command is killed. Where the caller raises it is killed too, and what it made is the caller's to
    delete. Raises MissingProgram when it does not exist, BrokenMachinery, with its last words, where it ends with another code than 0.
    """
    words = tuple(str(word) for word in argv)
    program = _needed(words[0])
    with tempfile.TemporaryFile() as errors:
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        with _piped(program, words, timeout=timeout, stdin=pipe, stdout=nothing, stderr=errors) as child:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it left early: its words say why
                yield child.stdin
                child.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            code = child.wait()
        errors.seek(0)
        said = _text(errors.read()).strip().splitlines()
    if code != 0:
        why = said[-1] if said else f"exit code {code}"
        raise BrokenMachinery(f"{words[0]} did not come to its end: {why}", remedy="is there room where it writes?")


@dataclass(frozen=True)
class Ended:
    """How a child in namespaces ended. ``code`` is negative for a signal; ``timed_out`` when the time limit did it."""

    code: int
    timed_out: bool
    err: bytes


_LOOK_EVERY = 0.02  # seconds
_MOST_ERR = 65536  # bytes
_FEW = "let this user have more: see ulimit -n (open files) and ulimit -u (processes)"


def run_on_lifeline(
    argv: Sequence[str], *, timeout: float, env: Mapping[str, str], cwd: Path, watch: Callable[[], None]
) -> Ended:
    """Run a child whose standard input is a lifeline: at end of file there it must let go of everything.

    The pipe's other end is held by this process alone, so that even SIGKILL of this process is seen by the child.
    *timeout* in seconds; then the child gets SIGKILL. The error output is kept up to 64 KiB. *watch* is called now and then while the
    child runs, and at its end. Raises BrokenMachinery when it cannot be started.
    """
    try:
        read_end, write_end = os.pipe()
    except OSError as error:
        raise BrokenMachinery(f"no pipe can be made: {error.strerror}", remedy=_FEW) from error
    try:
        with subprocess.Popen(
            list(argv), stdin=read_end, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(env), cwd=cwd
        ) as child:
            os.close(read_end)
            read_end = -1
            try:
                err, timed_out = _watched(child, timeout, watch)
            except BaseException:
                child.kill()
                raise
            return Ended(child.returncode, timed_out, err)
    except FileNotFoundError as error:
        raise MissingProgram(f"the program {argv[0]} is not installed", remedy=f"install {argv[0]}") from error
    except OSError as error:
        raise BrokenMachinery(f"{argv[0]} cannot be started: {error.strerror}", remedy=_FEW) from error
    finally:
        os.close(write_end)
        if read_end >= 0:
            os.close(read_end)


def _watched(child: subprocess.Popen[bytes], timeout: float, watch: Callable[[], None]) -> tuple[bytes, bool]:
    """The end of a child's error output, and whether the time limit ended it. ``communicate`` costs a hundred times as much a look."""
    assert child.stderr is not None
    pipe, err = child.stderr.fileno(), b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    end = time.monotonic() + timeout
    timed_out = False
    while True:
        heard = poll.poll(_LOOK_EVERY * 1000)
        if heard:
            block = os.read(pipe, _MOST_ERR)
            if not block:
                break
            err = (err + block)[-_MOST_ERR:]
        else:
            watch()
        if not timed_out and time.monotonic() >= end:
            timed_out = True
            child.kill()
    try:  # it ends with its output, unless it has closed that
        child.wait(None if timed_out else max(0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        timed_out = True
        child.kill()
        child.wait()
    watch()
    return err, timed_out


# $1: the folder   $2: its marker file. Reads until the pipe's other end is gone, then deletes what the run can no longer delete.
# The cells of a killed run end a moment later than the run: their folders are tried for twenty seconds.
_REAP = r"""
trap '' INT TERM HUP
read -r _ || :
tries=0
while [ -e "$2" ] && [ $tries -lt 40 ]; do
  [ $tries -eq 0 ] || sleep 0.5
  chmod -R u+rwX "$1" 2>/dev/null
  find "$1" -xdev -mindepth 1 ! -path "$2" -delete 2>/dev/null && rm -f "$2" && rmdir "$1"
  tries=$((tries + 1))
done
"""


@contextlib.contextmanager
def reaper(folder: Path, marker: Path) -> Iterator[None]:
    """A process of its own session that deletes *folder*, while it holds *marker*, once this process is gone."""
    try:
        read_end, write_end = os.pipe()
    except OSError as error:
        raise BrokenMachinery(f"no pipe can be made: {error.strerror}", remedy=_FEW) from error
    try:
        child = subprocess.Popen(
            ["sh", "-c", _REAP, "whiteout-lab-reaper", str(folder), str(marker)],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        os.close(write_end)
        raise BrokenMachinery(f"sh cannot be started: {error.strerror}", remedy=_FEW) from error
    finally:
        os.close(read_end)
    try:
        yield
    finally:
        os.close(write_end)
        child.wait()
