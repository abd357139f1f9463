"""Settings of all tests."""

from hypothesis import settings

from tests.debian import cache, debian

settings.register_profile(
    "lab", deadline=None
)  # a loaded machine is no reason to fail: how long things take is the benchmark's
settings.load_profile("lab")

__all__ = ["cache", "debian"]  # fixtures
