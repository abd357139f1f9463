"""Requests and answers of the FUSE protocol, as bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.diagnose.fuse import Nodes, Reply, Request, read_reply, read_request


def raw(opcode: int, body: bytes, *, node: int = 1, unique: int = 10) -> bytes:
    return struct.pack("=IIQQIIII", 40 + len(body), opcode, unique, node, 0, 0, 9, 0) + body


def entry(node: int) -> bytes:
    return struct.pack("=Q", node) + bytes(120)


def test_a_request_with_its_name() -> None:
    assert read_request(raw(9, struct.pack("=II", 0o777, 0o22) + b"new\0", node=77)) == Request(
        "MKDIR", 10, 77, 9, (b"new",)
    )
    assert read_request(raw(1, b"a\0")) == Request("LOOKUP", 10, 1, 9, (b"a",))
    assert read_request(raw(45, struct.pack("=QII", 5, 2, 0) + b"a\0b\0")) == Request(
        "RENAME2", 10, 1, 9, (b"a", b"b"), 5
    )
    assert read_request(raw(13, struct.pack("=Q", 8) + b"to\0")) == Request("LINK", 10, 1, 9, (b"to",), 8)
    assert read_request(raw(6, b"name\0target\0")) == Request("SYMLINK", 10, 1, 9, (b"name", b"target"))


@pytest.mark.parametrize("junk", [b"", bytes(39), raw(4711, b""), bytes(40)])
def test_what_is_no_request(junk: bytes) -> None:
    assert read_request(junk) is None


@given(st.binary(max_size=400))
def test_nothing_that_a_program_reads_raises(junk: bytes) -> None:
    request, reply, nodes = read_request(junk), read_reply(junk), Nodes()
    if request is not None and reply is not None:
        nodes.learn(request, reply)
        nodes.path(request)


def test_paths_are_told_by_answers() -> None:
    nodes = Nodes()
    nodes.learn(Request("LOOKUP", 1, 1, 0, (b"a",)), Reply(1, 0, entry(50)))
    nodes.learn(Request("MKDIR", 2, 50, 0, (b"b",)), Reply(2, 0, entry(51)))
    nodes.learn(Request("LOOKUP", 3, 50, 0, (b"none",)), Reply(3, 2, b""))
    below = Request("UNLINK", 4, 51, 0, (b"f",))
    assert nodes.path(below) == b"a/b/f"
    assert nodes.path(Request("UNLINK", 4, 99, 0, (b"f",))) is None
    move = Request("RENAME2", 5, 1, 0, (b"a", b"z"), 1)
    assert (nodes.path(move), nodes.target(move)) == (b"a", b"z")
    nodes.learn(move, Reply(5, 0, b""))
    assert nodes.path(below) == b"z/b/f"


def test_a_listing_names_nodes_too_as_far_as_it_was_written() -> None:
    def one(node: int, name: bytes) -> bytes:
        padding = -len(name) % 8
        return entry(node) + struct.pack("=QQII", 1, 2, len(name), 4) + name + bytes(padding)

    body = one(0, b".") + one(60, b"sub") + one(61, b"eightlet") + one(62, b"cut")
    nodes = Nodes()
    nodes.learn(Request("READDIRPLUS", 1, 1, 0), Reply(1, 0, body[:-8]))
    assert [nodes.path(Request("GETATTR", 2, node, 0)) for node in (60, 61, 62, 0)] == [b"sub", b"eightlet", None, None]


def test_an_answer_and_a_notification() -> None:
    assert read_reply(struct.pack("=IiQ", 16, -2, 10)) == Reply(10, 2, b"")
    assert read_reply(struct.pack("=IiQ", 16, 1, 0)) is None
    assert read_reply(b"x") is None
