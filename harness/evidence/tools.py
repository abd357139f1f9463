"""A tool of the plan as a recording has it, with what judging, comparing and reporting need of its driver."""

from __future__ import annotations

from harness.drivers import EVERY_SETUP, PLACE
from harness.evidence.recording import PartRecord, ToolRecord
from harness.worlds.model import Tool


def tool_record(tool: Tool, kernel: str) -> ToolRecord:
    """The record of a tool. *kernel*: the release of the running one."""
    main, setup = tool.main, EVERY_SETUP[tool.name]
    return ToolRecord(
        name=tool.name,
        version=main.shown,
        driver=setup.program,
        package=main.package,
        world=tool.world.name,
        kernel=kernel,
        path=main.path,
        sha256=main.sha256,
        says=main.says,
        origin=tool.origin,
        parts=tuple(PartRecord(p.name, p.shown, p.package, p.path, p.sha256, p.says, p.version) for p in tool.parts),
        number=main.version,
        rank=tool.rank,
        program=setup.program,
        setup=setup.setup,
        called=setup.called,
        title=setup.title,
        kind=setup.kind,
        place=PLACE[tool.name],
        owners=setup.owners,
    )
