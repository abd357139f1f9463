"""Makes every scenario file a set of pytest items, one for each cell: see ``harness.cli.pytest_plugin``."""

pytest_plugins = ["harness.cli.pytest_plugin"]
