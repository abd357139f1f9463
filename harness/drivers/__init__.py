"""How each kind of tool mounts a stack: one file each, and this list of them."""

from harness.drivers import fuse_overlayfs, fuse_stack, kernel, native, singularity_oci
from harness.drivers.base import Driver

DRIVERS: dict[str, Driver] = {
    driver.name: driver
    for driver in (kernel.DRIVER, fuse_overlayfs.DRIVER, fuse_stack.DRIVER, *native.DRIVERS, singularity_oci.DRIVER)
}
