"""Makes every scenario file a set of pytest items, one for each cell: see ``harness.pytest_plugin``."""

pytest_plugins = ["harness.pytest_plugin"]
