"""What leaves this machine has no name of it, of its people, and no key in it; what is evidence stays."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.redact import Private, Redactor, listing

PRIVATE = Private(
    {
        "ada": "user",
        "/home/ada": "home",
        "engine.example": "host",
        "engine": "host",
        "root": "user",
        "ci": "host",
        "/srv/lab work": "folder",
    }
)


def clean(text: str) -> str:
    return Redactor(PRIVATE).text(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ada@engine:/home/ada/x$", "<user>@<host>:<home>/x$"),
        ("at engine.example.", "at <host>."),
        ("/home/ada", "<home>"),
        ("/home/adalbert", "/home/adalbert"),
        ("engines and canada", "engines and canada"),
        ("in '/srv/lab work/cells'", "in '<folder>/cells'"),
        ("root ci", "root ci"),  # everybody's, and too short
        ("inet 192.168.7.20/24", "inet <network address>/24"),
        ("127.0.0.1:5000 0.0.0.0", "127.0.0.1:5000 0.0.0.0"),
        ("fe80::1ff:fe23:4567:890a dev", "<network address> dev"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "<network address>"),
        ("52:54:00:12:34:56", "<network address>"),
        ("mail a.lovelace@engine.example now", "mail <mail address> now"),
        ("Authorization: Bearer abcdefghij0123456789", "Authorization: Bearer <token>"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123", "<token>"),
        ("AKIAABCDEFGHIJKLMNOP", "<token>"),
        ("PASSWORD=hunter22 x", "PASSWORD=<password> x"),
        ("https://ada2:s3cret@host.example/", "https://ada2:<password>@host.example/"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1234567890123456789012345678901234567890", "<public key>"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\nmore", "<private key>\nmore"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc, cut", "<private key>"),
        # what is evidence, and looks like nothing of these
        ("fuse-overlayfs 1.14-1+b1, kernel 6.18.44, 4:4.9.3+dfsg1-1", "fuse-overlayfs 1.14-1+b1, kernel 6.18.44, 4:4.9.3+dfsg1-1"),
        ("12:34:56 44 66 0:41 / /mnt/merged rw", "12:34:56 44 66 0:41 / /mnt/merged rw"),
        ("sha256:" + "ab" * 32, "sha256:" + "ab" * 32),
        ("a/new/.wh..wh..opq lowerdir=lower:lower2", "a/new/.wh..wh..opq lowerdir=lower:lower2"),
    ],
)  # fmt: skip
def test_what_is_private_goes_and_what_is_evidence_stays(text: str, wanted: str) -> None:
    assert clean(text) == wanted


def test_what_was_taken_out_is_counted_and_its_value_never_said() -> None:
    redactor = Redactor(PRIVATE)
    redactor.text(b"ada ada 10.0.0.7 PASSWORD=hunter22")
    said = listing(redactor.counts, PRIVATE)
    assert said == [
        "network address: once",
        "password: once",
        "user: 2 times",
        "left, since too short to be told from other words: host",
    ]
    assert listing({}, Private()) == []


def archive(name: str, content: bytes, xattr: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in (name, "after"):
            info = tarfile.TarInfo(path)
            info.size, info.uname, info.pax_headers = len(content), "ada", {"SCHILY.xattr.user.of": xattr}
            tar.addfile(info, io.BytesIO(content))
        whiteout = tarfile.TarInfo(".wh..opq")
        whiteout.type = tarfile.CHRTYPE
        tar.addfile(whiteout)
    return out.getvalue()


def test_a_tar_stays_a_tar() -> None:
    before = archive("d/ada/x", b"on engine, by ada\n" * 50, "/home/ada/k")
    after = Redactor(PRIVATE).tar(before)
    assert len(after) == len(before)
    assert b"ada" not in after
    assert b"engine" not in after
    with tarfile.open(fileobj=io.BytesIO(after)) as tar:
        first, second, third = tar.getmembers()
        inside = tar.extractfile(second)
        assert inside is not None
        assert inside.read() == b"on xxxxxx, by xxx\n" * 50
    assert (first.name, second.name, third.name, third.type) == ("d/xxx/x", "after", ".wh..opq", tarfile.CHRTYPE)
    assert first.pax_headers["SCHILY.xattr.user.of"] == "xxxxxxxxx/k"


def test_a_tar_without_anything_private_is_the_same_bytes() -> None:
    plain = archive("d/x", b"old\n", "y").replace(b"ada", b"\0\0\0")
    out = Redactor(Private()).tar(plain)
    assert out == plain


@given(st.binary(max_size=3000))
def test_whatever_it_is_its_length_stays(content: bytes) -> None:
    redactor = Redactor(PRIVATE)
    assert len(redactor.tar(content)) == len(content)
    assert len(redactor.same_length(content)) == len(content)
