"""Places: open to whoever does the same, closed to a word that no table knows."""

from __future__ import annotations

from msgspec.structs import replace

from harness.compare.classes import Seen
from harness.compare.describe import looks
from harness.compare.journey import answer, journeys
from harness.compare.words import Column
from harness.evidence.artifacts import artifacts
from harness.evidence.recording import Answer
from harness.judge.defects.explain import Explainer
from harness.judge.findings import Finding
from harness.judge.rules.every import RULES
from harness.judge.rules.evidence import Evidence
from harness.places import (
    IMPORTED,
    NAMES,
    PUSHED,
    READONLY,
    SEALED,
    SEALED_VIEW,
    UPPER,
    VIEW,
    PlaceKind,
    PlaceName,
    at_each,
    is_of,
    known,
    place_of,
)
from tests.defects import known as defect
from tests.entries import file, tree
from tests.judge.evidence import evidence

DOCKER, KERNEL, PACKER = map(PlaceName, ("imported@docker", "view@kernel-6.12", "pushed@umoci"))


def test_a_place_says_of_which_kind_by_whom_and_after_what() -> None:
    assert (place_of(IMPORTED).kind, place_of(IMPORTED).by, place_of(IMPORTED).after) == (
        PlaceKind.IMAGE,
        "podman",
        "pulling",
    )
    assert replace_by(IMPORTED) == replace_by(DOCKER)
    assert place_of(DOCKER).by == "docker"
    assert [one.name for one in map(place_of, NAMES) if not one.shows] == [UPPER, SEALED, PUSHED]
    assert [one.name for one in map(place_of, NAMES) if one.later] == [READONLY, SEALED, SEALED_VIEW, PUSHED, IMPORTED]


def replace_by(name: PlaceName) -> tuple[object, ...]:
    """What another's place has in common with the one that it is named after."""
    one = place_of(name)
    return (one.kind, one.after, one.form, one.later, one.head, one.note, one.order[0])


def test_a_word_that_is_no_place() -> None:
    assert [known(text) for text in ("view", "view@kernel-6.12", "imported@docker")] == [VIEW, KERNEL, DOCKER]
    assert [known(text) for text in ("", "viw", "viw@x", "view@", "@x", "View")] == [None] * 6


def test_one_that_a_later_version_knows_stands_last_and_is_never_a_view() -> None:
    later = PlaceName("sealed-again@x")
    assert place_of(later).kind is PlaceKind.UNKNOWN
    assert [one.name for one in at_each([later, DOCKER, IMPORTED, VIEW])] == [VIEW, DOCKER, IMPORTED, later]


def test_what_is_said_of_a_place_is_said_of_everybodys() -> None:
    assert is_of(DOCKER, [IMPORTED])
    assert is_of(DOCKER, [VIEW, DOCKER])
    assert not is_of(IMPORTED, [DOCKER])
    assert not is_of(PlaceName("imported@podman-5"), [DOCKER, VIEW])


def of_others() -> Evidence:
    """A cell with a second importer, a second packer, and a reader at another kernel: no table knows any of them."""
    plain = evidence(upper=[file("f", "new")], view=tree([file("f", "new")]), oracle=tree([file("f", "new")]))
    answers = (Answer("docker load", 1, "no", DOCKER), Answer("podman pull", 0, "", IMPORTED))
    trees = {
        **plain.trees,
        KERNEL: tree([file("f", "new"), file("back", "old")]),
        DOCKER: tree([]),
        IMPORTED: tree([file("f", "new")]),
    }
    return Evidence(replace(plain.recording, answers=answers), trees, {PACKER: [file("lab/f"), file("lab/f")]})


def test_every_rule_looks_at_the_places_of_others() -> None:
    found = {(one.code, one.place, one.path) for rule in RULES for one in rule(of_others())}
    assert found == {
        ("WL201", KERNEL, "back"),
        ("WL301", PACKER, "f"),
        ("WL304", DOCKER, "/"),
        ("WL305", DOCKER, "f"),
    }


def test_a_defect_explains_them_where_its_sign_says_so() -> None:
    finding = Finding("WL305", "f", DOCKER, "docker has no f")
    for places, explains in (((IMPORTED,), True), ((DOCKER,), True), ((PlaceName("imported@podman-5"),), False)):
        mine = defect("WL305", program="fuse-overlayfs", places=places)
        assert (Explainer(of_others().recording, [mine]).explained(finding).known is not None) is explains


def test_a_journey_has_them_in_their_order_and_names_each_importer() -> None:
    names = (VIEW, UPPER, SEALED, PUSHED, PACKER, IMPORTED, DOCKER)
    trees = {name: looks(tree([]), view=place_of(name).shows) for name in names}
    column = Column("singularity-ce+oci", "singularity-ce+oci", "4.5.0", "root")
    seen = Seen("cell", column, trees, (Finding("WL305", "f", DOCKER, "docker has no f"),))
    (journey,) = journeys([seen], [column])
    assert [one.name for one in journey.heads] == [VIEW, UPPER, SEALED, PUSHED, PACKER, DOCKER, IMPORTED]
    assert answer(seen) == (
        "the pushed layer is a valid OCI layer and docker takes it and has another tree, podman takes it."
    )


def test_their_files_are_artifacts() -> None:
    found = artifacts(["imported@docker.tar", "pushed@umoci.layer", "view@kernel-6.12.tar", "viw.tar", "notes@x.layer"])
    assert [(one.place, one.form) for one in found] == [
        (KERNEL, "PAX tar"), (PACKER, "OCI layer"), (DOCKER, "tar"),
    ]  # fmt: skip
