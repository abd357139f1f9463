"""Which defects leave what was found in a tree that no cell made: of any program and version, since nobody knows who wrote it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.judge.defects.explain import says
from harness.judge.defects.model import Defect, Sign
from harness.judge.findings import Finding


@dataclass(frozen=True)
class Likely:
    """A defect, and the findings that it would explain."""

    defect: Defect
    findings: tuple[Finding, ...]


def likely(findings: Sequence[Finding], defects: Iterable[Defect]) -> tuple[Likely, ...]:
    """The defects whose signs the findings fit, those that explain most first.

    What a sign says of tools and profiles is left aside. One that speaks of single scenarios alone says that code and facts do not tell
    its cause from another's: it explains nothing here.
    """
    found = [Likely(defect, tuple(_of(defect, findings))) for defect in defects]
    return tuple(
        sorted((one for one in found if one.findings), key=lambda one: (-len(one.findings), one.defect.name)),
    )


def _of(defect: Defect, findings: Iterable[Finding]) -> Iterator[Finding]:
    signs = [sign for sign in defect.signs if not sign.scenarios]
    return (one for one in findings if any(_fits(sign, one) for sign in signs))


def _fits(sign: Sign, finding: Finding) -> bool:
    return finding.code in sign.codes and says(sign, finding)
