"""What stands where while a cell runs, and who is who there: the layout that scripts, drivers and namespaces share."""

from __future__ import annotations

from harness.snapshot.lab import LAB as _LAB

CELL = "/mnt"  # the cell's folder, in every world, so that one script fits all
SCRIPT = f"{CELL}/script.sh"
GIVEN = f"{CELL}/tool"  # a program that is not part of the world
HOME = f"{CELL}/home"  # of programs that run containers
INSTALLED = "/opt/tool"  # an installation that is not part of the world
SHARED = "/run/shared"  # what cells of a run make alike
LAB = f"/{_LAB.decode()}"  # the tree under test, in an image
EMPTY = (
    "tmp",
    "run",
    "var/tmp",
)  # of the machine's own tree, as in a world: what others keep there is not a cell's business
USER = 1000  # the ordinary user of worlds for containers, who has subordinate ids and a runtime folder
NOBODY = 65534  # the ordinary user everywhere else


def runtime(uid: int) -> str:
    """The runtime folder of a user."""
    return f"/run/user/{uid}"
