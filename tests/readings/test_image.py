"""The image that importers get: an OCI layout, and what docker save writes, of the same files."""

from __future__ import annotations

import hashlib
import json

from harness.readings.image import layout

LAYERS = [b"lower", b"upper"]


def test_every_blob_lies_under_its_digest_and_layers_are_as_they_were() -> None:
    files = layout(LAYERS)
    blobs = {name: content for name, content in files.items() if name.startswith("blobs/")}
    assert all(name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}" for name, content in blobs.items())
    assert set(LAYERS) <= set(blobs.values())
    assert len(blobs) == 4


def test_the_index_leads_to_the_layers_in_their_order() -> None:
    files = layout(LAYERS)

    def follow(described: dict[str, object]) -> bytes:
        content = files[f"blobs/{str(described['digest']).replace(':', '/')}"]
        assert described["size"] == len(content)
        return content

    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["annotations"]["org.opencontainers.image.ref.name"] == "latest"
    manifest = json.loads(follow(described))
    assert [follow(one) for one in manifest["layers"]] == LAYERS
    config = json.loads(follow(manifest["config"]))
    assert config["rootfs"]["diff_ids"] == [one["digest"] for one in manifest["layers"]]
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_dockers_manifest_leads_to_the_same_blobs() -> None:
    files = layout(LAYERS)
    (image,) = json.loads(files["manifest.json"])
    assert [files[path] for path in image["Layers"]] == LAYERS
    assert image["RepoTags"] == ["lab/image:latest"]
    assert json.loads(files[image["Config"]])["rootfs"]["type"] == "layers"


def test_equal_layers_are_one_blob_and_give_equal_files() -> None:
    assert layout(LAYERS) == layout(list(LAYERS))
    twice = layout([b"same", b"same"])
    assert sum(content == b"same" for content in twice.values()) == 1
    assert len(json.loads(twice["manifest.json"])[0]["Layers"]) == 2
