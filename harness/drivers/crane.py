"""crane as an importer: ``crane export``, which merges the layers to one tar by go-containerregistry's ``mutate.Extract``.

Other programs have their images' files from that function, so what it drops and keeps is what they get. GNU tar lays its tar out, as a
folder to look at; what tar refuses of it is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile

CRANE = "crane"


@dataclass(frozen=True, kw_only=True)
class Crane(Importer):
    """Two commands. It writes the same tar for whoever calls it; root alone can lay all of that out."""

    def script(self, profile: Profile) -> ReadingText:
        """``crane export`` of what ``docker save`` writes."""
        del profile  # root's alone
        return ReadingText(
            reading="""\
crane export - flat.tar <image.tar || return 1
mkdir tree
if ! words=$(tar -C tree --numeric-owner --xattrs --xattrs-include='*' -xpf flat.tar 2>&1); then
  printf '%s\\n' "$words" | grep -v 'Exiting with failure'
  return 1
fi
show tree"""
        )


SETUPS = (Crane(program=CRANE, called=CRANE, profiles=(Profile.ROOT,), needs=("container",), parts=("tar",)),)
