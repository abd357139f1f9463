"""Mutants of traces read back, of how marks came to be, of faults, and of what is made smaller: each condition turned round."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.changes import Mutant, inverted

_TRACES = ("tests/diagnose/test_trace.py", "tests/diagnose/test_story.py", "tests/diagnose/test_account.py")


def every() -> Iterator[Mutant]:
    """All of them."""
    yield from inverted("harness/diagnose/strace.py", ("tests/diagnose/test_strace.py",))
    yield from inverted("harness/diagnose/fuse.py", ("tests/diagnose/test_fuse.py",))
    for name in ("syscalls", "trace", "story", "words", "account"):
        yield from inverted(f"harness/diagnose/{name}.py", _TRACES)
    yield from inverted("harness/diagnose/reduce.py", ("tests/diagnose/test_reduce.py",))
    yield from inverted("harness/diagnose/disk.py", ("tests/diagnose/test_disk.py",))
    yield from inverted("harness/diagnose/states.py", ("tests/diagnose/test_states.py",))
    yield from inverted("harness/judge/rules/fault.py", ("tests/judge/test_rules_fault.py",))
    yield from inverted("harness/report/why.py", ("tests/report/test_why.py",))
