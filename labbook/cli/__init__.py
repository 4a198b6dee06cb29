"""The console command: finds the one command file that was asked for, and turns errors into a line and a code.

Nothing heavy is imported here: `labbook --help` starts neither numpy nor DuckDB nor Textual.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from labbook import __version__
from labbook.errors import Exit, LabbookError, UsageError
from labbook.text import clean


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of the command line; its module has `configure(parser)` and `run(args) -> int`."""

    name: str
    summary: str

    @property
    def module(self) -> str:
        """Where it lives."""
        return f"labbook.cli.{self.name}"


COMMANDS = (
    Command("demo", "the sample ladder in a throw-away notebook; --plain prints it"),
    Command("ingest", "read logs into the notebook; says what was found, read, skipped and why"),
    Command("sniff", "explain one file: format, how sure, which lines say so, what is missing"),
    Command("runs", "table of runs"),
    Command("show", "one run, with where its N, D and C come from"),
    Command("set", "supply what the logs do not say: N, tokens, units ..."),
    Command("ladders", "how runs line up in scaling ladders, and why"),
    Command("fit", "fit the laws to a ladder: intervals, comparison, regimes, plot"),
    Command("plan", "where a budget goes: N and D by each law, the next doubling, the next run"),
    Command("triage", "the board: what is alive, broken, done; exit code 0, 1 or 2"),
    Command("forecast", "where an unfinished run will end, with its interval and what it rests on"),
    Command("backtest", "how forecasts would have done on the finished runs of a ladder"),
    Command("export", "the report as Markdown, with its receipts"),
)
OPEN = Command("open", "read the paths, follow them, open the app")

EPILOG = """\
`labbook PATH...` reads the logs under PATH and opens the app (without a terminal: prints the board once).
A folder that has the name of a command is written ./NAME. `labbook COMMAND --help` says more of each.

exit codes: 0 fine, 1 attention, 2 critical or failed, 64 usage"""


class Parser(argparse.ArgumentParser):
    """argparse with our exit code and one line of error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see: {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except LabbookError as error:
        return _complain(error, as_json)
    except KeyboardInterrupt:
        sys.stderr.write("labbook: interrupted; what was read so far is kept\n")
        return 130
    except BrokenPipeError:
        # the reader of our output left; nothing more can be said to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.OK)
    except OSError as error:
        reason = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        return _complain(LabbookError(reason, "nothing that was stored is lost"), as_json)
    except Exception as error:
        # the last line of defence: one line, not a traceback
        if os.environ.get("LABBOOK_DEBUG"):
            raise
        hint = "this is a bug in labbook; LABBOOK_DEBUG=1 shows where"
        return _complain(LabbookError(f"{type(error).__name__}: {error}", hint), as_json)


def _run(words: list[str]) -> int:
    shared, rest = _shared_options().parse_known_args(words)
    shared.command_line = shlex.join(["labbook", *words])
    names = {c.name: c for c in COMMANDS}
    if shared.version:
        print(f"labbook {__version__}")
        return int(Exit.OK)
    if rest and rest[0] in names:
        command, rest = names[rest[0]], rest[1:]
    elif "-h" in rest or "--help" in rest:
        print(overview())
        return int(Exit.OK)
    else:
        command = OPEN
    parser, run = _prepare(command)
    try:
        args = parser.parse_args(rest, namespace=shared)
    except SystemExit as done:  # --help was asked for and printed
        return int(done.code or 0)
    return run(args)


def _prepare(command: Command) -> tuple[Parser, Callable[[argparse.Namespace], int]]:
    """The command's parser and what runs it; imports the command's module, and only that."""
    module = import_module(command.module)
    parser = Parser(
        prog="labbook" if command is OPEN else f"labbook {command.name}",
        description=module.__doc__,
        epilog=_shared_options().format_help().strip(),
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    return parser, module.run


def _shared_options() -> Parser:
    """The options every command takes, before or after its name."""
    parser = Parser(add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    group = parser.add_argument_group("everywhere")
    group.add_argument(
        "--notebook", metavar="PATH", help="the notebook's folder, or :memory: (else LABBOOK_NOTEBOOK)"
    )
    group.add_argument(
        "--columns",
        metavar="MAP",
        help='what the columns of tables that are read mean, such as "N=Model Size,D=Tokens,loss=final"',
    )
    group.add_argument("--no-color", action="store_true", help="no colours, as NO_COLOR does")
    group.add_argument("--width", type=int, metavar="N", help="columns of text output")
    group.add_argument("-q", "--quiet", action="store_true", help="nothing on stderr but errors")
    group.add_argument("--version", action="store_true", help="print the version and leave")
    return parser


def overview() -> str:
    """What `labbook --help` prints."""
    lines = [
        "usage: labbook [PATH...]            read the logs under PATH, follow them, open the app",
        "       labbook COMMAND [ARGUMENT...]",
        "",
        "A lab notebook for training runs: logs of any trainer, scaling ladders, fits, regimes.",
        "",
        "commands:",
        *(f"  {c.name:<9} {c.summary}" for c in COMMANDS),
        "",
        _shared_options().format_help().strip(),
        "",
        EPILOG,
    ]
    return "\n".join(lines)


def _complain(error: LabbookError, as_json: bool) -> int:
    """One line on stderr (one JSON object under --json), and the exit code."""
    message, hint = clean(error.message, 400), clean(error.hint, 400)
    if as_json:
        body = {"schema": "labbook.error/1", "error": message, "hint": hint, "exit_code": int(error.exit_code)}
        sys.stderr.write(json.dumps(body) + "\n")
    else:
        sys.stderr.write(f"labbook: {message}" + (f" ({hint})" if hint else "") + "\n")
    return int(error.exit_code)
