"""``whiteout-lab doctor``: what this machine can run, and the remedy for what it cannot."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from harness.doctor.capabilities import Capability, Facts, assess
from harness.doctor.probe import examine
from harness.drivers import setups_of
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN
from harness.names import one_line
from harness.runs.folders import work_parent
from harness.tools.discover import Found, discover, where_of
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Tool, Unavailable, World

_KERNEL = tuple(setup.name for setup in setups_of("kernel"))  # whose version says all that a package would


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(handler=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    facts = examine(work_parent())
    capabilities = assess(facts)
    worlds = worlds_in_place()
    tools = discover(worlds)
    if arguments.json:
        print(json.dumps(_plain(facts, capabilities, worlds, tools), indent=1))
    else:
        print("\n".join(one_line(line) for line in text(capabilities, tools)))
    return EXIT_AS_EXPECTED if any(c.ok for c in capabilities if c.key in {"root", "userns"}) else EXIT_BROKEN


def text(capabilities: list[Capability], tools: list[Found]) -> list[str]:
    """The lines for a reader."""
    lines: list[str] = []
    width = max(len(capability.name) for capability in capabilities)
    for capability in capabilities:
        about = capability.detail.removeprefix(f"{capability.name}: ")
        lines.append(f"{'ok' if capability.ok else 'NO':2}  {capability.name:{width}}  {about}")
        if not capability.ok:
            lines.append(f"    {'':{width}}  needed for: {capability.needed_for}")
            lines.append(f"    {'':{width}}  remedy: {capability.remedy}")
    lines.append("")
    for tool in tools:
        where = where_of(tool)
        if isinstance(tool, Tool):
            package = (
                f"package {tool.main.package}" if tool.main.package and tool.name not in _KERNEL else tool.main.says
            )
            lines.append(f"ok  {tool.name} {tool.version} ({where}; {package})")
        else:
            remedy = f"; remedy: {tool.remedy}" if isinstance(tool, Unavailable) and tool.remedy else ""
            lines.append(f"--  {tool.name} ({where}): {tool.reason}{remedy}")
    return [*lines, "", *conclusion(capabilities, tools)]


def conclusion(capabilities: Sequence[Capability], tools: Sequence[Found]) -> list[str]:
    """What it comes to, in one to three sentences: whatever is said to be missing above is in them."""
    stops = [c.name for c in capabilities if not c.ok and c.stops_cells]
    others = [c.name for c in capabilities if not c.ok and not c.stops_cells]
    absent = [f"{tool.name} ({where_of(tool)})" for tool in tools if isinstance(tool, Unavailable)]
    by_need = {
        "Some cells cannot run here, for want of": stops,
        "Some tools are not here": absent,
        "Some things cannot be done here, for want of": others,
    }
    lines = [f"{words}: {', '.join(what)}." for words, what in by_need.items() if what]
    return [*lines, "What is missing has its remedy above."] if lines else ["Everything can run here."]


def _plain(facts: Facts, capabilities: list[Capability], worlds: list[World], tools: list[Found]) -> dict[str, object]:
    return {
        "schema": 1,
        "kernel": facts.kernel,
        "settings": dict(facts.settings),
        "capabilities": [dataclasses.asdict(capability) for capability in capabilities],
        "worlds": [{"name": world.name, "recipe": world.recipe, "packages": dict(world.packages)} for world in worlds],
        "tools": [_tool(tool) for tool in tools],
        "conclusion": conclusion(capabilities, tools),
    }


def _tool(tool: Found) -> dict[str, object]:
    plain: dict[str, object] = {"name": tool.name, "where": where_of(tool)}
    if isinstance(tool, Tool):
        main = tool.main
        return plain | {"version": tool.version, "package": main.package, "sha256": main.sha256, "says": main.says}
    return plain | {"reason": tool.reason, "remedy": getattr(tool, "remedy", "")}
