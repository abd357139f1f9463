"""Images recognized by what is in them: SIFs made byte by byte, OCI layouts and archives, squashfs; and damaged ones."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import struct
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from harness.errors import BrokenMachinery, UsageError
from harness.machine.process import run
from harness.snapshot.image import open_tree

SQUASHFS, EXT3 = "application/vnd.sylabs.image.layer.v1.squashfs", "application/vnd.sylabs.image.layer.v1.ext3"
TAR = "application/vnd.oci.image.layer.v1.tar"


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def layer(*names: str) -> bytes:
    """A tar; a name that ends in / is a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name.rstrip("/"))
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(member, io.BytesIO())
    return out.getvalue()


def blobs_of(layers: list[tuple[str, bytes]]) -> tuple[bytes, dict[str, bytes]]:
    """The index of an image, and its blobs by digest."""
    config = b"{}"
    descriptors = [{"mediaType": kind, "digest": digest(raw), "size": len(raw)} for kind, raw in layers]
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": digest(config)}, "layers": descriptors}).encode()
    index = json.dumps(
        {"schemaVersion": 2, "manifests": [{"digest": digest(manifest), "size": len(manifest)}]}
    ).encode()
    return index, {digest(raw): raw for raw in (config, manifest, *(raw for _, raw in layers))}


def sif(objects: list[tuple[int, bytes, str]]) -> bytes:
    """A SIF of objects: type, content, digest."""
    start, table, data = 4096 + 585 * len(objects), b"", b""
    for number, (kind, raw, text) in enumerate(objects, 1):
        where = (start + len(data), len(raw), len(raw))
        table += struct.pack("<i?IIIqqqqqqq128s384s", kind, True, number, 1, 0, *where, 0, 0, 0, 0, b"", text.encode())
        data += raw
    head = struct.pack(
        "<32s10s3s3s16s8q",
        b"",
        b"SIF_MAGIC\0",
        b"01\0",
        b"02\0",
        b"",
        0,
        0,
        0,
        len(objects),
        4096,
        len(table),
        start,
        len(data),
    )
    return head.ljust(4096, b"\0") + table + data


def oci_sif(layers: list[tuple[str, bytes]]) -> bytes:
    index, blobs = blobs_of(layers)
    return sif([*((0x400B, raw, name) for name, raw in blobs.items()), (0x400A, index, digest(index))])


def layout(top: Path, layers: list[tuple[str, bytes]]) -> Path:
    index, blobs = blobs_of(layers)
    (top / "blobs/sha256").mkdir(parents=True)
    (top / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (top / "index.json").write_bytes(index)
    for name, raw in blobs.items():
        (top / "blobs" / name.replace(":", "/")).write_bytes(raw)
    return top


LAYERS = [(TAR, layer("d/", "d/f")), (TAR, layer("d/", "d/.wh..wh..opq", "d/.wh..wh..opq"))]


def test_a_layout_and_its_archive(tmp_path: Path) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    archive = tmp_path / "image"
    assert run(["tar", "-C", top, "-cf", archive, "oci-layout", "index.json", "blobs"]).ok
    for path, kind in ((top, "OCI layout"), (archive, "OCI archive")):
        opened = open_tree(path)
        assert opened.kind == kind
        assert [list(one.snapshot.entries) for one in opened.layers] == [
            [b"", b"d", b"d/f"],
            [b"", b"d", b"d/.wh..wh..opq"],
        ]
        assert [entry.path for entry in opened.layers[1].raw].count(b"d/.wh..wh..opq") == 2
        assert opened.notes == ()


def test_an_oci_sif_and_a_layer_that_was_written_since(tmp_path: Path) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif(LAYERS))
    opened = open_tree(path)
    assert opened.kind == "OCI-SIF"
    assert len(opened.layers) == 2
    assert opened.notes == ()
    raw = path.read_bytes()
    path.write_bytes(raw.replace(layer("d/", "d/f"), layer("d/", "d/g")))
    opened = open_tree(path)
    assert b"d/g" in opened.layers[0].snapshot
    assert "not what its digest says" in opened.notes[0]
    assert "overlay sync" in opened.notes[0]


def test_a_layer_of_a_layout_that_was_changed_has_nothing_to_do_with_overlay_sync(tmp_path: Path) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    (top / "blobs" / digest(LAYERS[0][1]).replace(":", "/")).write_bytes(layer("d/", "d/g"))
    (note,) = open_tree(top).notes
    assert "not what its digest says" in note
    assert "overlay sync" not in note


def test_a_digest_of_sha512_is_checked_and_one_of_another_kind_is_said(tmp_path: Path) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    raw = LAYERS[0][1]
    for name, notes in (
        (f"sha512:{hashlib.sha512(raw).hexdigest()}", 0),
        (f"sha512:{'0' * 128}", 1),
        (f"blake3:{'0' * 64}", 1),
    ):
        (top / "blobs" / name.partition(":")[0]).mkdir(exist_ok=True)
        (top / "blobs" / name.replace(":", "/")).write_bytes(raw)
        (top / "blobs/sha256/m").write_text(json.dumps({"layers": [{"digest": name}]}))
        (top / "index.json").write_text(json.dumps({"manifests": [{"digest": "sha256:m"}]}))
        opened = open_tree(top)
        assert len(opened.notes) == notes
        assert b"d/f" in opened.layers[0].snapshot


def saved_by_docker(path: Path, mode: Literal["w", "w:gz"] = "w") -> None:
    """What ``docker save`` writes."""
    manifests = [{"Config": "c.json", "RepoTags": None, "Layers": ["a/layer.tar", "b/layer.tar"]}]
    files = {
        "a/layer.tar": LAYERS[0][1],
        "b/layer.tar": LAYERS[1][1],
        "manifest.json": json.dumps(manifests).encode(),
        "repositories": b"{}",
    }
    with tarfile.open(name=path, mode=mode) as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))


def test_what_docker_saved(tmp_path: Path) -> None:
    saved_by_docker(tmp_path / "image")
    opened = open_tree(tmp_path / "image")
    assert opened.kind == "docker archive"
    assert [b"d/f" in one.snapshot for one in opened.layers] == [True, False]


def test_a_compressed_image_archive_is_said_to_be_one(tmp_path: Path) -> None:
    saved_by_docker(tmp_path / "image", "w:gz")
    (found,) = open_tree(tmp_path / "image").layers
    assert "an image whose archive is compressed" in found.notes[0]


def test_a_layer_with_an_index_of_its_own_is_a_layer(tmp_path: Path) -> None:
    for names in (["index.json", ".wh.f"], ["manifest.json", ".wh.f"]):
        (tmp_path / "layer").write_bytes(layer(*names))
        opened = open_tree(tmp_path / "layer")
        assert opened.kind == "tar"
        assert opened.layers[0].notes == ()
        assert b".wh.f" in opened.layers[0].snapshot


def test_an_index_of_an_index(tmp_path: Path) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    inner = (top / "index.json").read_bytes()
    (top / "blobs/sha256" / hashlib.sha256(inner).hexdigest()).write_bytes(inner)
    (top / "index.json").write_text(json.dumps({"manifests": [{"digest": digest(inner)}, {"digest": "sha256:no"}]}))
    opened = open_tree(top)
    assert len(opened.layers) == 2
    assert "holds 2 images" in opened.notes[0]


def test_an_index_that_names_itself_ends(tmp_path: Path) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    for name in ("a", "b"):
        other = {"a": "b", "b": "a"}[name]
        (top / "blobs/sha256" / name).write_text(json.dumps({"manifests": [{"digest": f"sha256:{other}"}]}))
    (top / "index.json").write_text(json.dumps({"manifests": [{"digest": "sha256:a"}]}))
    with pytest.raises(BrokenMachinery, match="leads to no manifest") as raised:
        open_tree(top)
    assert raised.value.remedy


def test_a_digest_is_no_way_out_of_the_folder(tmp_path: Path) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    (tmp_path / "secret").write_text('{"layers": []}')
    for word in ("..:../../../secret", "sha256:../../secret", "sha256:" + "a" * 300, "a" * 300, "sha256:", "", None, 7):
        (top / "index.json").write_text(json.dumps({"manifests": [{"digest": word}]}))
        with pytest.raises(BrokenMachinery, match="not there"):
            open_tree(top)


def test_damaged_sifs(tmp_path: Path) -> None:
    whole = oci_sif(LAYERS)
    path = tmp_path / "image.sif"
    beyond = bytearray(whole)
    struct.pack_into("<q", beyond, 4096 + 17, 1 << 40)  # the offset of the first object
    many = bytearray(whole)
    struct.pack_into("<q", many, 88, 1 << 50)  # how many descriptors there are
    lost = whole.replace(digest(LAYERS[0][1]).encode(), digest(b"another").encode(), 1)
    for raw in (whole[:100], whole[:5000], whole[: len(whole) - 3000], bytes(beyond), bytes(many), lost):
        path.write_bytes(raw)
        with pytest.raises(BrokenMachinery) as raised:
            open_tree(path)
        assert raised.value.remedy
        assert str(path) in str(raised.value)


def test_a_sif_of_partitions(tmp_path: Path) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(sif([(0x4001, b"bootstrap: x", ""), (0x4004, layer("d/", "d/.wh.f"), "")]))
    opened = open_tree(path)
    assert opened.kind == "SIF"
    assert list(opened.layers[0].snapshot.entries) == [b"", b"d", b"d/.wh.f"]
    assert "definition file" in opened.notes[0]


def test_a_partition_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(sif([(0x4004, b"encrypted" * 100, ""), (0x4004, layer("d/", "d/.wh.f"), "")]))
    first, second = open_tree(path).layers
    assert "no tar" in first.unread
    assert not second.unread
    assert b"d/.wh.f" in second.snapshot


def test_a_sif_without_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(sif([(0x4005, b"a signature", "")]))
    with pytest.raises(BrokenMachinery, match="no partition and no OCI image, only: signature") as raised:
        open_tree(path)
    assert raised.value.remedy


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("zstd"), reason="no zstd")
def test_a_layer_that_is_compressed_with_zstd(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(LAYERS[1][1])
    assert run(["zstd", "-q", tmp_path / "layer"]).ok
    packed = tmp_path / "layer.zst"
    assert open_tree(packed).layers[0].raw == open_tree(tmp_path / "layer").layers[0].raw
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif([(TAR, packed.read_bytes())]))  # a part of a file
    assert open_tree(path).layers[0].raw == open_tree(packed).layers[0].raw
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(BrokenMachinery, match=r"tar cannot be read: .*zst") as raised:
        open_tree(packed)
    assert raised.value.remedy


def test_what_is_nothing_that_is_known(tmp_path: Path) -> None:
    for name, raw in (
        ("text", b"some words\n" * 100),
        ("zeros", bytes(4096)),
        ("zstd", b"\x28\xb5\x2f\xfd" + bytes(100)),
        ("gzip", b"\x1f\x8b\x08\xff" + bytes(20)),
        ("nothing", b""),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(BrokenMachinery) as raised:
            open_tree(tmp_path / name)
        assert raised.value.remedy
    (tmp_path / "empty").write_bytes(layer())  # a tar of no files is zeros
    assert list(open_tree(tmp_path / "empty").layers[0].snapshot.entries) == [b""]
    with pytest.raises(UsageError, match="there is nothing"):
        open_tree(tmp_path / "nowhere")


@pytest.mark.real
@pytest.mark.skipif(
    not (shutil.which("mksquashfs") and shutil.which("sqfs2tar")), reason="no mksquashfs or no sqfs2tar"
)
def test_a_squashfs_inside_a_sif(tmp_path: Path) -> None:
    top = tmp_path / "tree"
    (top / "d").mkdir(parents=True)
    (top / "d/f").write_text("text")
    os.link(top / "d/f", top / "d/g")
    os.setxattr(top / "d", "user.overlay.opaque", b"y")
    packed = tmp_path / "packed"
    assert run(["mksquashfs", top, packed, "-quiet", "-no-progress"]).ok
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif([(SQUASHFS, packed.read_bytes())]))
    (found,) = open_tree(path).layers
    assert found.form == "squashfs"
    assert list(found.snapshot.entries) == [b"", b"d", b"d/f", b"d/g"]
    assert found.snapshot.entries[b"d/g"].same_as == b"d/f"
    assert found.snapshot.entries[b"d"].xattrs == {b"user.overlay.opaque": b"y"}
    path.write_bytes(oci_sif([(SQUASHFS, packed.read_bytes()[:200])]))
    with pytest.raises(BrokenMachinery, match="squashfs cannot be read"):
        open_tree(path)
