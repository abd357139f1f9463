"""What makes a layer of a container's upper: ``commit`` of podman, buildah and docker.

The container comes from an image of as many layers as there are lowers, each with nothing but its root. Then the lowers and the upper are
laid where the program keeps what it unpacked, byte for byte, so that what is packed is what was written elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from harness.drivers import docker
from harness.drivers.base import Packer, ReadingText
from harness.profile import Profile

PODMAN, BUILDAH, DOCKER, FUSE = "podman", "buildah", "docker", "fuse-overlayfs"


@cache
def functions() -> str:
    """Shell functions that those who pack containers share."""
    return resources.files("harness.drivers").joinpath("pack.sh").read_text("utf-8")


_DIE = """die() { printf '%s\\n' "$1" >"$out/broken"; exit 3; }"""  # as in every script of readings


def _begin() -> str:
    return f'{functions()}\nmkdir -p "$cell/tmp" "$HOME"\nexport TMPDIR="$cell/tmp"'


@dataclass(frozen=True, kw_only=True)
class Commit(Packer):
    """``commit`` of a container that was made, and never run."""

    profiles: tuple[Profile, ...] = (Profile.ROOT,)
    needs: tuple[str, ...] = ("container",)
    container: bool = True


@dataclass(frozen=True, kw_only=True)
class InStorage(Commit):
    """podman and buildah, who share their storage. ``mount_program``: what mounts there instead of the kernel.

    Each reading has a storage of its own, so that nothing of one can be found by the next. What an ordinary user's storage holds can be
    mounted, and written with the owners that it maps, in its user namespace alone: ``unshare`` of the program.
    """

    profiles: tuple[Profile, ...] = tuple(Profile)
    mount_program: str = ""

    def script(self, profile: Profile) -> ReadingText:
        """The same, in one more shell for an ordinary user."""
        if profile is Profile.ROOT:
            return ReadingText("base\ncommits || return\ntop made", f"{_begin()}\n{self._shared}")
        return ReadingText(
            f"""\
base
export out cell program
"$program"{self._options} unshare sh "$shared" || return
top made""",
            f"""\
{_begin()}
shared=$cell/shared.sh
cat >"$shared" <<'END'
{_DIE}
{functions()}
{self._shared}
commits
END""",
        )

    @property
    def _options(self) -> str:
        own = " --cgroup-manager cgroupfs --events-backend none" if self.program == PODMAN else ""
        return f"{own} --log-level error"

    @property
    def _shared(self) -> str:
        option = f" --storage-opt overlay.mount_program=/usr/bin/{self.mount_program}" if self.mount_program else ""
        made = (
            "id=$(in_storage pull -q oci:base) && in_storage create -q --name lab --network none $id >/dev/null"
            if self.program == PODMAN
            else "in_storage from -q --name lab oci:base >/dev/null"
        )
        commit = (
            "id=$(in_storage commit -q --format oci lab) && in_storage push -q $id oci:made:latest"
            if self.program == PODMAN
            else "in_storage commit -q --format oci lab oci:made:latest >/dev/null"
        )
        return f"""\
mount --bind "$TMPDIR" /var/tmp || die 'there is no room for what is made on the way'  # podman 4 asks nobody where it is
# in_storage COMMAND...: the program, in the storage of a reading.
in_storage() {{
  "$program" --root "$cell/storage" --runroot "$cell/run" --storage-driver overlay{option}{self._options} "$@"
}}
# commits: a container of the image, whose upper is the one that was given, is the image "made".
commits() {{
  {made} && at=$(in_storage mount lab) && in_storage umount lab >/dev/null || die 'no container can be made'
  lowers=''
  for link in $(tr : ' ' <"${{at%/merged}}/lower"); do lowers="$lowers${{lowers:+:}}${{at%/*/merged}}/$link"; done
  lay_all "$lowers" "${{at%/merged}}/diff"
  {commit}
}}"""


_DOCKER = next(row for row in docker.SETUPS if row.storage == "overlay2")


@dataclass(frozen=True, kw_only=True)
class DockerCommit(Commit):
    """docker's classic storage: one daemon for all readings, started as the importer's."""

    def script(self, profile: Profile) -> ReadingText:
        """For each upper an image, a container, ``commit``, and ``save``."""
        daemon = _DOCKER.script(profile)
        return ReadingText(
            begin=f"{functions()}\n{daemon.begin}",
            reading="""\
base
docker load -q -i base.tar >/dev/null && docker create --name "lab$number" --network none localhost/base >/dev/null ||
  die 'no container can be made'
lowers=$(docker inspect --type container --format '{{.GraphDriver.Data.LowerDir}}' "lab$number")
lay_all "${lowers#*-init/diff:}" "$(docker inspect --type container --format '{{.GraphDriver.Data.UpperDir}}' "lab$number")"
docker commit "lab$number" made >/dev/null && docker save -o made.tar made
ended=$?
docker rm "lab$number" >/dev/null
docker rmi --force localhost/base >/dev/null
[ $ended = 0 ] || return $ended
docker rmi --force made >/dev/null
mkdir made && tar -C made -xf made.tar
packed "made/$(sed 's/.*"Layers":\\[//; s/\\].*//' made/manifest.json | grep -o '[^",]*' | tail -n 1)\"""",
            end=daemon.end,
        )


SETUPS = (
    InStorage(program=PODMAN, setup="commit", called="podman", how="commit"),
    InStorage(
        program=PODMAN, setup="commit+fuse", called="podman", how="commit with fuse-overlayfs", mount_program=FUSE, parts=(FUSE,),
        needs=("fuse", "container"),
    ),
    InStorage(program=BUILDAH, setup="commit", called="buildah", how="commit"),
    InStorage(
        program=BUILDAH, setup="commit+fuse", called="buildah", how="commit with fuse-overlayfs", mount_program=FUSE,
        parts=(FUSE,), needs=("fuse", "container"),
    ),
    DockerCommit(program=DOCKER, setup="commit", called="docker", how="commit", parts=("dockerd",)),
)  # fmt: skip
