"""The drivers, one file for each kind of program, and every setup that they have, by name and in the order of tools."""

from __future__ import annotations

from harness.drivers import (
    containerd,
    crane,
    docker,
    fuse_overlayfs,
    fuse_stack,
    kernel,
    native,
    pack_commit,
    pack_diff,
    pack_migrate,
    pack_squashfs,
    pack_tar,
    podman,
    sandbox,
    singularity_oci,
    umoci,
)
from harness.drivers.base import Importer, Mounter, Packer, Runner, Setup

Driver = Mounter | Runner

SETUPS: dict[str, Driver] = {
    setup.name: setup
    for setup in (
        *kernel.SETUPS,
        *fuse_overlayfs.SETUPS,
        *fuse_stack.SETUPS,
        *native.SETUPS,
        *singularity_oci.SETUPS,
    )
}
# Who is given layers that cells wrote: no cell runs them.
IMPORTERS: dict[str, Importer] = {
    setup.name: setup
    for setup in (*podman.SETUPS, *docker.SETUPS, *containerd.SETUPS, *umoci.SETUPS, *crane.SETUPS, *sandbox.SETUPS)
}
PACKERS: dict[str, Packer] = {
    setup.name: setup
    for setup in (
        *pack_tar.SETUPS,
        *pack_squashfs.SETUPS,
        *pack_commit.SETUPS,
        *pack_diff.SETUPS,
        *pack_migrate.SETUPS,
    )
}
EVERY_SETUP: dict[str, Setup] = {**SETUPS, **PACKERS, **IMPORTERS}
PLACE = {name: place for place, name in enumerate(EVERY_SETUP)}  # of each in the order of tools
PROGRAMS = tuple(dict.fromkeys(setup.program for setup in SETUPS.values()))
EVERY_PROGRAM = tuple(
    sorted(
        {setup.program for setup in EVERY_SETUP.values()}
        | {part for setup in EVERY_SETUP.values() for part in setup.parts}
    )
)  # with those that they call


def setups_of(program: str) -> tuple[Driver, ...]:
    """The setups of a program, the plain one first where there is one."""
    return tuple(setup for setup in SETUPS.values() if setup.program == program)
