"""The paths that a scenario speaks of: looked up one by one in the views, so that what is not listed is seen too."""

from __future__ import annotations

from harness.names import unescape
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.model import Scenario


def spoken_paths(scenario: Scenario, profile: Profile) -> tuple[bytes, ...]:
    """The paths that a scenario speaks of, in its layers and steps; the order is that of their numbers in ``*.reached``."""
    layers = [e.path for tree in (*scenario.layers, scenario.upper) for e in layer(tree, profile)]
    steps = [unescape(text).rstrip(b"/") for step in scenario.steps for _, text in step.named()]
    return tuple(sorted({path for path in (*layers, *steps) if path not in {b"", b"."}}))
