"""A step in words: what a person would type, names escaped."""

from __future__ import annotations

from harness.compare.words import Name, Words
from harness.scenario.steps import Fails, StepBase

_FAILS = {Fails.MUST: "must fail", Fails.AS_ORACLE: "the plain directory decides whether it fails"}
_JOINS = {"rename": " → ", "mv": " → ", "cp": " → ", "link": " → "}


def step_words(step: StepBase) -> Words:
    """``mkdir a/new``, ``rename a → b``, ``write f “text”``, each with what it must come to."""
    do = step.do
    out: list[str | Name] = [do]
    if do == "write" and getattr(step, "append", False):
        out = ["append to"]
    for number, (_, path) in enumerate(step.named()):
        out += [_JOINS.get(do, " ") if number else " ", Name(path)]
    for key in ("mode", "name", "target", "value", "text", "size", "owner", "device"):
        value = getattr(step, key, None)
        if value is None or (key in {"value", "text"} and value == ""):
            continue
        if key == "target":
            out += [" → ", Name(value)]
        elif key in {"text", "value"}:
            out += [" = " if key == "value" else " ", Name(f"“{value}”")]
        elif isinstance(value, tuple):
            out.append(" " + ":".join(str(number) for number in value))
        else:
            out.append(f" {value}")
    out += _must(step)
    return tuple(out)


def _must(step: StepBase) -> list[str]:
    by_profile = {profile: step.must(profile) for profile in ("root", "user")}
    if len(set(by_profile.values())) == 1:
        return [f" ({_FAILS[by_profile['root']]})"] if by_profile["root"] in _FAILS else []
    return [f" ({_FAILS[one]} as {profile})" for profile, one in by_profile.items() if one in _FAILS]
