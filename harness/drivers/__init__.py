"""How each kind of tool mounts a stack: one file each, and this list of them."""

from harness.drivers import fuse_overlayfs, fuse_stack, kernel
from harness.drivers.base import Driver

DRIVERS: dict[str, Driver] = {module.DRIVER.name: module.DRIVER for module in (kernel, fuse_overlayfs, fuse_stack)}
