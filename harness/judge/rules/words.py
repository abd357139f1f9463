"""The sentence of one finding, made of its path and its facts: a function for each rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.judge.facts import fault, layer, upper, view
from harness.judge.facts.base import Difference, Digest, Field, Value
from harness.judge.facts.view import How, Turn
from harness.names import escape
from harness.whiteouts.encodings import ENCODINGS, OPAQUE_NAME, Encoding, Says


def marker_of_a_marker(_: str, facts: upper.MarkerOfAMarker) -> str:
    twin = f"; in a tar layer it becomes a second {escape(OPAQUE_NAME)}" if facts.name == ".wh..opq" else ""
    return f"{ENCODINGS[facts.encoding].noun} deletes {facts.name}, which is a marker's own name{twin}"


def whiteout_in_opaque(_: str, facts: upper.WhiteoutInOpaque) -> str:
    return f"{facts.opaque} is opaque, so the whiteout of {facts.deletes} has nothing to hide there"


def needless_whiteout(_: str, facts: upper.NeedlessWhiteout) -> str:
    return f"no lower layer has {facts.deletes}: the whiteout hides nothing"


def name_and_whiteout(path: str, facts: upper.NameAndWhiteout) -> str:
    return f"{facts.deletes} is there, and {path} beside it says that it is gone"


def mixed_encodings(_: str, facts: upper.MixedEncodings) -> str:
    what = "deletions" if facts.says is Says.GONE else "opaque marks"
    return f"{what} are written as {', '.join(facts.encodings)}, and no reader honours all of them"


def needless_opaque(path: str, _: upper.NeedlessOpaque) -> str:
    return f"{path} is opaque, and no lower layer has anything of that name"


def unportable_xattr(path: str, facts: upper.UnportableXattr) -> str:
    names = ", ".join(facts.xattrs)
    if facts.in_layer:
        return f"{path} carries the private xattr {names} in an OCI layer"
    to = f" to {facts.to}" if facts.to is not None else ""
    return f"{names}{to}: readers that do not follow it see another tree"


def unreadable_mark(_: str, facts: upper.UnreadableMark) -> str:
    names = ", ".join(facts.shows) + (" …" if facts.count > len(facts.shows) else "")
    return f"{facts.reader} does not honour {', '.join(_badges(facts.encodings))} and would show {names}"


def resurrected(path: str, facts: view.Resurrected) -> str:
    return f"{path} was deleted and is there again: {_what(facts.kind, facts.inside)}"


def lost(path: str, facts: view.Lost) -> str:
    return f"{path} must be there and is not: {_what(facts.kind, facts.inside)}"


def phantom(path: str, facts: view.Phantom) -> str:
    if facts.found is How.LISTED:
        return f"{path} is listed and cannot be opened"
    return f"{path} is found by its name and is not listed"


def marker_visible(path: str, facts: view.MarkerVisible) -> str:
    if facts.xattr is not None:
        return f"the private xattr {facts.xattr} is shown to users"
    return f"the marker {path} ({', '.join(ENCODINGS[one].badge for one in facts.encodings)}) is shown as a file"


def changed(path: str, facts: view.Changed) -> str:
    return f"{path}: {'; '.join(must(one) for one in facts.differences)}"


_TURNS = {
    Turn.GONE: "{} was there before the remount and is not after it",
    Turn.NEW: "{} was not there before the remount and is after it",
    Turn.UNREADABLE: "{} can be opened on one side of the remount alone",
    Turn.DIFFERS: "{} after the remount: ",
}


def unstable(path: str, facts: view.Unstable) -> str:
    before, _, after = _TURNS[facts.turn].partition("{}")
    return before + path + after + "; ".join(_was(one) for one in facts.differences)


def step_result(path: str, facts: view.StepResult) -> str:
    step = f"step {facts.index + 1}, {facts.action} {path}"
    if facts.succeeds is facts.must_succeed:
        return f"{step} says {facts.words or 'nothing'}, must say {facts.must_words or 'nothing'}"
    here = "succeeded" if facts.succeeds else f"failed ({facts.words})"
    return f"{step}: {here}; on a plain directory it {'succeeds' if facts.must_succeed else 'fails'}"


def died(_: str, facts: view.Died) -> str:
    if facts.hang:
        return f"did not come to an end; it was stopped in the phase {facts.phase!r}"
    if facts.signal is not None:
        return f"the daemon died of signal {facts.signal}"
    return f"the daemon ended with exit code {facts.exit_code}"


def mount_refused(_: str, facts: view.MountRefused) -> str:
    if not facts.refuses:
        return "mounts the stack, which it must refuse"
    return f"refuses to mount the stack{' again' if facts.again else ''}: {facts.words}"


def duplicate(path: str, facts: layer.Duplicate) -> str:
    some = ", ".join(facts.kinds) + (" …" if facts.times > len(facts.kinds) else "")
    return f"{path} stands {facts.times} times in the layer ({some}): podman and docker refuse it"


def mark_lost(path: str, facts: layer.MarkLost) -> str:
    says = f"says that {path} is {facts.says}"
    if facts.fate is layer.Fate.ADDED:
        return f"the {facts.layer} layer {says}, which the upper did not say"
    left = "says nothing of it"
    if facts.fate is layer.Fate.UNREAD:
        left = f"carries {' and '.join(_badges(facts.encodings))} alone, which readers of such a layer do not honour"
    return f"the image {says}; the {facts.layer} layer {left}"


def link_to_marker(path: str, facts: layer.LinkToMarker) -> str:
    return f"{path} is a hard link to {facts.to}, and one of them is a marker"


def refused(_: str, facts: layer.Refused) -> str:
    ended = f"signal {facts.signal}" if facts.signal is not None else f"exit code {facts.exit_code}"
    return f"{facts.who} failed ({ended}): {facts.words or 'without a word'}"


def misread(path: str, facts: layer.Misread) -> str:
    if facts.taken is layer.Taking.EXTRA:
        return f"{path} is in the imported image and must not be"
    if facts.taken is layer.Taking.ABSENT:
        return f"{path} must be in the imported image and is not"
    return f"in the imported image {path}: {'; '.join(must(one) for one in facts.differences)}"


def against_the_spec(path: str, facts: layer.AgainstTheSpec) -> str:  # noqa: ARG001
    return "the layer is taken, and the specification says that it is invalid"


def reached_outside(path: str, facts: layer.ReachedOutside) -> str:  # noqa: ARG001
    return "something outside of the tree was changed"


def _after(facts: fault.HalfDone | fault.Unsaid | fault.NotAgain) -> str:
    if facts.fault == "crash":
        return f"after a crash amid {facts.action}"
    how = f"killed before {facts.call}" if facts.fault == "killed" else f"told {facts.fault} by {facts.call}"
    return f"{how} while serving {facts.request or 'no request'} for {facts.action}"


def half_done(path: str, facts: fault.HalfDone) -> str:
    states = {layer.Taking.EXTRA: "is there", layer.Taking.ABSENT: "is lost", layer.Taking.DIFFERS: "is another one"}
    what = "is listed and cannot be opened" if facts.unopened else states[facts.taken]
    when = " when it is mounted again" if facts.again else ""
    return f"{_after(facts)}: {path} {what}{when}, which is neither the tree before the step nor the one after it"


def unsaid(path: str, facts: fault.Unsaid) -> str:
    did = "failed, and is done" if facts.failed else "is done, and is not"
    return f"{_after(facts)}: the step says that it {did}: {path}"


def not_again(path: str, facts: fault.NotAgain) -> str:  # noqa: ARG001
    return f"{_after(facts)}: it is not mounted again: {facts.words or 'without a word'}"


def packed_otherwise(path: str, facts: layer.PackedOtherwise) -> str:
    if facts.taken is layer.Taking.EXTRA:
        return f"{path} is in the tree that the {facts.layer} layer makes, and must not be"
    if facts.taken is layer.Taking.ABSENT:
        return f"{path} must be in the tree that the {facts.layer} layer makes, and is not"
    return f"in the tree that the {facts.layer} layer makes {path}: {'; '.join(must(one) for one in facts.differences)}"


def not_the_spec(path: str, facts: layer.NotTheSpec) -> str:
    breach = {
        layer.Breach.DEVICE: "is a device 0:0, which in a tar layer is a device and deletes nothing",
        layer.Breach.NAMELESS: "is a whiteout without a name",
        layer.Breach.UNKNOWN: "is none of the whiteouts that the specification knows",
        layer.Breach.NOT_EMPTY: f"is a {facts.kind} of {facts.size} bytes; a whiteout is an empty regular file",
    }
    return f"{path} {breach[facts.breach]}"


def when_converted(path: str, facts: layer.WhenConverted) -> str:
    marks = [
        f"{form} of {at}" if form == layer.OPAQUE_XATTR else f"the {form} {at}"
        for form, at in zip(facts.forms, facts.sources, strict=True)
    ]
    sentence = f"{', '.join(marks[:-1])} and {marks[-1]} each become {path} in an OCI tar layer"
    return f"{sentence}: podman and docker refuse a path that stands twice"


def _badges(encodings: Iterable[Encoding]) -> Sequence[str]:
    return sorted({ENCODINGS[one].badge for one in encodings})


def _what(kind: str, inside: int) -> str:
    return f"a {kind}" + (f" with {inside} {'entry' if inside == 1 else 'entries'}" if inside else "")


def must(one: Difference) -> str:
    """What an entry is, and what it must be."""
    verb = {Field.TYPE: "must be a", Field.TARGET: "must point to", Field.LINKS: "must be linked with"}
    return f"{_is(one)}, {verb.get(one.field, 'must be')} {_value(one.field, one.wanted)}"


def _was(one: Difference) -> str:
    """What an entry is, and what it was."""
    verb = {Field.TYPE: "was a", Field.TARGET: "pointed to", Field.LINKS: "was linked with"}
    return f"{_is(one)}, {verb.get(one.field, 'was')} {_value(one.field, one.wanted)}"


def _is(one: Difference) -> str:
    verb = {Field.TYPE: "is a", Field.TARGET: "points to", Field.LINKS: "is linked with"}
    return f"{verb.get(one.field, f'{one.about} is')} {_value(one.field, one.seen)}"


def _value(field: Field, value: Value) -> str:
    if isinstance(value, Digest):
        return f"{value.size} bytes, sha256 {value.sha256}"
    if field is Field.MODE and isinstance(value, int):
        return f"{value:04o}"
    if field is Field.OWNER and isinstance(value, tuple):
        return f"{value[0]}:{value[1]}"
    if value is None and field in _NONE:
        return _NONE[field]
    return repr(value) if field in {Field.CONTENT, Field.XATTR} else str(value)


_NONE = {Field.TARGET: "/", Field.LINKS: "nothing", Field.XATTR: "absent"}
