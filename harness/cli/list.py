"""``list``: every cell of the plan: runs, or skipped and why, or excluded and why."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

from harness.cells.plan import NotRun, cell_of
from harness.names import one_line
from harness.profile import Profile
from harness.runs.session import Wanted, decide, obstacles_here
from harness.tools.asked import HELP as TOOL_HELP


def register(commands: Any) -> None:
    """Add ``list`` to the command line."""
    parser = commands.add_parser("list", help="every cell of the plan, and why some do not run")
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="a scenario's name, a file or a folder (default: all)"
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--profile", action="append", default=[], choices=["root", "user"], help="default: both")
    parser.add_argument("--json", action="store_true", help="for other programs")
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    wanted = Wanted(tuple(arguments.scenarios), tuple(arguments.tool), tuple(Profile(p) for p in arguments.profile))
    decided = decide(wanted, obstacles_here(), lambda _line: None)
    rows = []
    for one in decided.cells():
        state = "runs" if not isinstance(one, NotRun) else ("excluded" if one.excluded else "skipped")
        reason, remedy = (one.reason, one.remedy) if isinstance(one, NotRun) else ("", "")
        rows.append({"id": cell_of(one).id, "state": state, "reason": reason, "remedy": remedy})
    if arguments.json:
        print(json.dumps({"schema": 1, "cells": rows, "unavailable": decided.unavailable}, indent=1))
        return 0
    for row in rows:
        why = f"  {row['reason']}" + (f" → {row['remedy']}" if row["remedy"] else "") if row["reason"] else ""
        print(one_line(f"{row['state']:8}  {row['id']}{why}"))
    for tool in decided.unavailable:
        print(
            one_line(
                f"not here  {tool['name']} ({tool['where']}): {tool['reason']}"
                + (f" → {tool['remedy']}" if tool["remedy"] else "")
            )
        )
    counts = Counter(row["state"] for row in rows)
    print(", ".join(f"{number} {state}" for state, number in counts.most_common()))
    return 0
