"""An image of given layers, as everybody takes one: an OCI layout that is what ``docker save`` writes, too. Pure.

The layout is that of the OCI image specification 1.0 (image-layout.md); ``manifest.json`` is docker's older form of an archive, whose
paths may lead to any file of it: docker 20.10 and later take them among the blobs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from harness.drivers.base import IMAGE_NAME, IMAGE_TAG

_OCI = "application/vnd.oci.image"


def layout(layers: Sequence[bytes]) -> dict[str, bytes]:
    """The files of a layout, by their paths in it, whose image has these tars as its layers, the lowest first, byte for byte.

    Equal layers are one blob. What describes them says nothing of a time or a machine: equal layers give equal files.
    """
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    described = [blob(one, "layer.v1.tar") for one in layers]
    config = blob(_json(_config([str(one["digest"]) for one in described])), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": described}
    # crane and containerd take an image for this machine alone, and ask the index which one that is for
    described_image = blob(_json(manifest), "manifest.v1+json") | {
        "annotations": {
            "org.opencontainers.image.ref.name": IMAGE_NAME,
            "io.containerd.image.name": f"docker.io/{IMAGE_TAG}",
        }
    }
    index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": [described_image]}
    docker = [{"Config": _path(config), "RepoTags": [IMAGE_TAG], "Layers": [_path(one) for one in described]}]
    return {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(docker),
        **blobs,
    }


def _config(diffs: Sequence[str]) -> Mapping[str, object]:
    """Of an image that nobody runs: the command is there because a few will not take an image without one."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/x"]},
        "rootfs": {"type": "layers", "diff_ids": list(diffs)},
    }


def _path(blob: Mapping[str, object]) -> str:
    return f"blobs/{str(blob['digest']).replace(':', '/')}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
