"""The drivers, one file for each kind of program, and every setup that they have, by name and in the order of tools."""

from __future__ import annotations

from harness.drivers import fuse_overlayfs, fuse_stack, kernel, native, singularity_oci
from harness.drivers.base import Mounter, Runner

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
PLACE = {name: place for place, name in enumerate(SETUPS)}  # of each in the order of tools
PROGRAMS = tuple(dict.fromkeys(setup.program for setup in SETUPS.values()))
EVERY_PROGRAM = tuple(
    sorted({*PROGRAMS, *(part for setup in SETUPS.values() for part in setup.parts)})
)  # with those that they call


def setups_of(program: str) -> tuple[Driver, ...]:
    """The setups of a program, the plain one first where there is one."""
    return tuple(setup for setup in SETUPS.values() if setup.program == program)
