"""What is said of a trace: a call as a line, a request, and the sentence of how a marker came to be. Pure; names are escaped."""

from __future__ import annotations

import re

from harness.diagnose.story import Came, rooted
from harness.diagnose.strace import descriptor, unquoted
from harness.diagnose.syscalls import Does, listed
from harness.diagnose.trace import Done, Roots, Served
from harness.names import escape
from harness.whiteouts.encodings import WH

_NAMES = 8  # of a listing
_RESULT = re.compile(r"(-?\d+)(?:<[^>]*>)?(?: (E[A-Z0-9]+))?")
_STRUCT = re.compile(r"st(?:x)?_mode=([A-Z_|0-9]+)")
_ADDRESS = re.compile(r"0x[0-9a-f]+\Z")


def call_line(done: Done) -> str:
    """A call as strace has it, with the names of the layers for their descriptors: ``mkdirat(upper, "a", 0755) = 0``."""
    return f"{bare(done)} = {_result(done)}"


def bare(done: Done) -> str:
    """The same without what came of it."""
    if done.does is Does.LISTS:
        return f"{done.call.name}({escape(done.makes)})"
    return f"{done.call.name}({', '.join(_argument(one, done.roots) for one in done.call.arguments)})"


def _argument(word: str, roots: Roots) -> str:
    found = descriptor(word)
    if found is not None:
        inside = roots.relative(found[1])
        return escape(found[1] if inside is None else inside)
    text = unquoted(word)
    if text is not None:
        return f'"{escape(text)}"' + ("..." if word.endswith("...") else "")
    if word.startswith("{"):
        mode = _STRUCT.search(word)
        return f"{{{mode[1]}}}" if mode else word if len(word) < 90 else "{…}"
    return "…" if _ADDRESS.match(word) else word


def _result(done: Done) -> str:
    if done.does is Does.LISTS and done.call.ok:
        names = [escape(name) for name in listed(done.call)]
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        return (", ".join(names[:_NAMES]) + more) or "nothing"
    found = _RESULT.match(done.call.result)
    if found is None:
        return done.call.result[:60]
    return f"{found[1]} {found[2]}" if found[2] else found[1]


def request_words(served: Served) -> str:
    """``MKDIR a/new``; where the node was not seen to be named, the names alone: ``MKDIR …/new``."""
    names = [escape(name) for name in served.request.names[:1]]
    path = "".join(f"…/{name}" for name in names) if served.path is None else escape(served.path) or "/"
    to = f" to {escape(served.target)}" if served.target is not None else ""
    return f"{served.request.opcode} {path}{to}"


def sentence(found: Came, step: str) -> str:
    """How it came to be, in one sentence. *step*: the scenario's, in words; empty where it came in none."""
    decided = found.decided
    during = [f"while serving {request_words(decided.served)}"] if decided.served is not None else []
    during += [f"for {step}"] if step else [f"in the phase “{decided.phase}”"] if decided.phase else []
    parts = [f"Made {' '.join(during)}: {call_line(decided)}".replace("Made :", "Made:")]
    moves = [one for one in found.made if one.does is Does.MOVES and one.call.at > decided.call.at]
    parts += [f"put in its place by {bare(moves[-1])}"] if moves else []
    reasons = [f"after {bare(one)} had failed with {one.call.errno}" for one in found.refused] + _reasons(found)
    parts += [", and ".join(reasons)] if reasons else []
    return ", ".join(parts) + "."


def _reasons(found: Came) -> list[str]:
    """What was read before, as the last part of a sentence."""
    there = [one for one in found.read if one.call.ok]
    listing = next((one for one in reversed(there) if one.does is Does.LISTS), None)
    if listing is not None:
        given, name = set(listed(listing.call)), escape(found.name)
        if WH + found.name in given:
            return [f"after {bare(listing)} had given {escape(WH + found.name)}, by which {name} is deleted"]
        if found.name in given:
            return [f"after {bare(listing)} had given {name}"]
        return [f"after {bare(listing)} had given {_result(listing)}, and no {name}"]
    if there:
        root, path = rooted(there[-1].makes)
        return [f"after {there[-1].call.name} had found {escape(path)} in {escape(root)}"]
    if found.read:
        return [f"after {call_line(found.read[-1])}"]
    return []
