"""Mutants of what is sealed and written, said by the corpus, taken out of a bundle, remembered of nights: each condition turned round."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.changes import Mutant, inverted

_MEANING = ("tests/readings/test_meaning.py", "tests/readings/test_corpus.py")
_READINGS = ("tests/readings/test_uppers.py", "tests/readings/test_judged.py")
_SEALING = ("tests/layers/test_sealing.py", "tests/layers/test_writing.py")


def every() -> Iterator[Mutant]:
    """All of them."""
    yield from inverted("harness/layers/sealing.py", _SEALING)
    yield from inverted("harness/layers/writing.py", ("tests/layers/test_writing.py",))
    yield from inverted("harness/layers/seen.py", ("tests/layers/test_seen.py",))
    for name in ("applied", "inodes", "ways", "meaning"):
        yield from inverted(f"harness/readings/{name}.py", _MEANING)
    for name in ("uppers", "documented", "judged"):
        yield from inverted(f"harness/readings/{name}.py", _READINGS)
    yield from inverted("harness/compare/readings.py", ("tests/compare/test_readings.py",))
    yield from inverted("harness/compare/measured.py", ("tests/compare/test_measured.py",))
    for name in ("taken", "trees"):
        yield from inverted(f"harness/judge/rules/{name}.py", ("tests/readings/test_judged.py",))
    yield from inverted("harness/readings/archives.py", ("tests/readings/test_archives.py",))
    yield from inverted("harness/readings/corpus.py", ("tests/readings/test_corpus.py",))
    yield from inverted("harness/scenario/archive_load.py", ("tests/scenario/test_archive_load.py",))
    yield from inverted("harness/scenario/kept.py", ("tests/scenario/test_archive_load.py",))
    yield from inverted("harness/report/redact.py", ("tests/report/test_redact.py",))
    # without a night before, the clock cannot have gone back: the other way round that cannot even be asked
    history = inverted("harness/runs/history.py", ("tests/runs/test_history.py",))
    yield from (one for one in history if "last is not None" not in one.what)
