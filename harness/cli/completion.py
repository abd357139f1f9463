"""``completion``: what bash or zsh needs to complete this command line, made of the command line's own parser.

The words are those of the moment at which it is printed: ``eval "$(whiteout-lab completion bash)"`` in the shell's start file keeps them
true. Both shells ask one function, ``_whiteout_lab_words COMMAND BEFORE``: the commands named so far and the word before the one that
is completed; it prints candidates, one a line, and ``@files`` where a path may stand.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.judge.codes import CODES
from harness.judge.defects.titles import names
from harness.machine.project import project_folder
from harness.machine.quote import quote
from harness.runs.folders import scenario_files
from harness.scenario.words import TOOLS
from harness.worlds.suites import SUITES

FILES = "@files"


def _defects() -> list[str]:
    return names(project_folder() / "scenarios" / "defects")


# What may stand for a word of the help text; a word that is not here is free text.
_METAVARS: dict[str, Callable[[], Iterable[str]]] = {
    "SCENARIO": lambda: (*sorted(file.stem for file in scenario_files(())), FILES),
    "CODE": lambda: (*(word for row in CODES.values() for word in (row.code, row.name)), *_defects()),
    "T": lambda: TOOLS,
    "SUITE": lambda: (*SUITES, "crate"),
    "PATH": lambda: (FILES,),
    "FILE": lambda: (FILES,),
    "FOLDER": lambda: (FILES,),
    "RUN": lambda: (FILES,),
}

_COMMON = """\
# {shell} completion for whiteout-lab. In your {start}: eval "$(whiteout-lab completion {shell})"
_whiteout_lab_commands=' {commands} '
_whiteout_lab_words() {{
  case "$1:$2" in
{cases}
  esac
}}
# The commands among the words, as "worlds/build".
_whiteout_lab_named() {{
  local named= word
  for word in "$@"; do
    case $_whiteout_lab_commands in *" ${{named:+$named/}}$word "*) named=${{named:+$named/}}$word ;; esac
  done
  printf %s "$named"
}}
"""

_BASH = """\
_whiteout_lab() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} one IFS=$'\\n'
  local named=$(_whiteout_lab_named "${COMP_WORDS[@]:1:COMP_CWORD-1}")
  COMPREPLY=()
  for one in $(_whiteout_lab_words "$named" "$before"); do
    case $one in
      @files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$word")) ;;
      "$word"*) COMPREPLY+=("$one") ;;
    esac
  done
}
complete -F _whiteout_lab whiteout-lab
"""

_ZSH = """\
_whiteout_lab() {
  local one named="$(_whiteout_lab_named "${(@)words[2,CURRENT-1]}")"
  for one in ${(f)"$(_whiteout_lab_words "$named" "${words[CURRENT-1]}")"}; do
    if [[ $one == @files ]]; then _files; else compadd -- "$one"; fi
  done
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _whiteout_lab whiteout-lab
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``completion``."""
    parser.add_argument("shell", choices=["bash", "zsh"])
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the shell's functions."""
    from harness.cli.main import parser  # noqa: PLC0415 - it imports this module

    print(shell_text(parser(), arguments.shell), end="")
    return 0


def shell_text(parser: argparse.ArgumentParser, shell: str) -> str:
    """The functions for ``bash`` or ``zsh``."""
    every = list(_commands(parser, ""))
    start = {"bash": ".bashrc", "zsh": ".zshrc"}[shell]
    common = _COMMON.format(
        shell=shell,
        start=start,
        commands=" ".join(path for path, _ in every if path),
        cases="\n".join(case for path, one in every for case in _cases(path, one)),
    )
    return common + {"bash": _BASH, "zsh": _ZSH}[shell]


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask for them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def _commands(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with its path, such as ``worlds/build``; the whole program is ``""``."""
    yield path, parser
    for name, one in _subcommands(parser).items():
        yield from _commands(one, f"{path}/{name}".removeprefix("/"))


def _cases(path: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Lines of a shell ``case``: after an option its values, anywhere else the options, the sub-commands and what may stand free."""
    free: list[str] = list(_subcommands(parser))
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        if not action.option_strings:
            free += _values(action)
        elif action.nargs != 0:
            yield _case([f"{path}:{option}" for option in action.option_strings], _values(action))
    options = [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001
    yield _case([f"{path}:"], [*free, *options], more="*")


def _values(action: argparse.Action) -> list[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if metavar in _METAVARS:
        return list(_METAVARS[metavar]())
    return [FILES] if action.type is Path else []


def _case(patterns: Iterable[str], words: Iterable[str], more: str = "") -> str:
    """One line. Words and patterns are quoted: a scenario's file may have any name."""
    candidates = " ".join(quote(word) for word in words if word.isprintable())
    alternatives = "|".join(quote(pattern) + more for pattern in patterns)
    action = f"printf '%s\\n' {candidates}" if candidates else ":"
    return f"    {alternatives}) {action} ;;"
