"""Which error a program met, read from what it printed: the texts of strerror(3) in the C locale, as glibc and Go write them. Pure."""

from __future__ import annotations

import re

_TEXTS = {
    "EPERM": "Operation not permitted", "ENOENT": "No such file or directory", "EIO": "Input/output error",
    "ENXIO": "No such device or address", "E2BIG": "Argument list too long", "EBADF": "Bad file descriptor",
    "EAGAIN": "Resource temporarily unavailable", "ENOMEM": "Cannot allocate memory", "EACCES": "Permission denied",
    "EFAULT": "Bad address", "EBUSY": "Device or resource busy", "EEXIST": "File exists",
    "EXDEV": "Invalid cross-device link", "ENODEV": "No such device", "ENOTDIR": "Not a directory",
    "EISDIR": "Is a directory", "EINVAL": "Invalid argument", "ENFILE": "Too many open files in system",
    "EMFILE": "Too many open files", "ENOTTY": "Inappropriate ioctl for device", "ETXTBSY": "Text file busy",
    "EFBIG": "File too large", "ENOSPC": "No space left on device", "ESPIPE": "Illegal seek",
    "EROFS": "Read-only file system", "EMLINK": "Too many links", "EPIPE": "Broken pipe",
    "ERANGE": "Numerical result out of range", "EDEADLK": "Resource deadlock avoided",
    "ENAMETOOLONG": "File name too long", "ENOLCK": "No locks available", "ENOSYS": "Function not implemented",
    "ENOTEMPTY": "Directory not empty", "ELOOP": "Too many levels of symbolic links", "ENODATA": "No data available",
    "EOVERFLOW": "Value too large for defined data type", "EOPNOTSUPP": "Operation not supported",
    "ECONNABORTED": "Software caused connection abort", "ENOTCONN": "Transport endpoint is not connected",
    "ETIMEDOUT": "Connection timed out", "ECONNREFUSED": "Connection refused", "ESTALE": "Stale file handle",
    "EDQUOT": "Disk quota exceeded", "EUCLEAN": "Structure needs cleaning",
}  # fmt: skip
ERRNOS = frozenset(_TEXTS)
# dash has words of its own for a file that it cannot make in a directory that is not there
_NAMES = {text.lower(): name for name, text in _TEXTS.items()} | {"directory nonexistent": "ENOENT"}
_TEXT = "|".join(sorted(map(re.escape, _NAMES), key=len, reverse=True))
_AT_THE_END = re.compile(rf": ({_TEXT})\.?$", re.IGNORECASE | re.MULTILINE)
_ANYWHERE = re.compile(rf": ({_TEXT})\b", re.IGNORECASE)


def errors_of(words: str) -> tuple[str, ...]:
    """The errors that a program's words (escaped) tell of, as errno names them, each once, in their order.

    A line says it at its end, behind what may be anybody's name; where no line does, it may stand within one.
    """
    lines = words.replace("\\n", "\n")
    found = _AT_THE_END.findall(lines) or _ANYWHERE.findall(lines)
    return tuple(dict.fromkeys(_NAMES[text.lower()] for text in found))


def error_of(words: str) -> str | None:
    """The first of them; None where there is none."""
    return next(iter(errors_of(words)), None)
