"""The way of an image in the report: what it says of its layers, and whose turn it is."""

from __future__ import annotations

from harness.evidence.recording import LayerRecord, Manifest
from harness.report.journey import taken_by
from harness.report.manifests import manifest_table
from harness.scenario.model import Handover

EXT3 = LayerRecord("application/vnd.sylabs.image.layer.v1.ext3", "sha256:" + "a" * 64, 64 << 20, true=False)
SEALED = LayerRecord("application/vnd.sylabs.image.layer.v1.squashfs", "sha256:" + "b" * 64, 4096, true=True)


def test_no_manifest_is_no_table() -> None:
    assert manifest_table(()) is None


def test_a_digest_that_is_not_true_and_one_that_is_carried() -> None:
    table = manifest_table([Manifest("written", (EXT3,)), Manifest("sealed", (SEALED,)), Manifest("pushed", (SEALED,))])
    assert table is not None
    assert [head for head, _ in table.heads] == ["written", "sealed", "pushed"]
    (row,) = table.rows
    written, sealed, pushed = (str(field) for field in row.fields)
    assert "ext3" in written
    assert "64 MiB" in written
    assert "not its digest" in written
    assert "stop" not in sealed
    assert "as sealed" in pushed


def test_layers_that_are_missing_and_manifests_that_cannot_be_read() -> None:
    hostile = LayerRecord("<script>", "<b>", 1)
    table = manifest_table([Manifest("a", unread="is a damaged SIF"), Manifest("b", (SEALED, hostile))])
    assert table is not None
    assert table.heads == (("a", "is a damaged SIF"), ("b", "2 layers"))
    assert str(table.rows[1].fields[0]) == "–"
    assert "&lt;script&gt;" in str(table.rows[1].fields[1])
    assert "<b>" not in str(table.rows[1].fields[1])


def test_who_goes_on_with_an_image() -> None:
    assert taken_by(Handover(profile="root")) == "as root"
    assert taken_by(Handover(mode="oci")) == "in OCI mode"
    assert taken_by(Handover(profile="user", mode="native")) == "as user, in native mode"
