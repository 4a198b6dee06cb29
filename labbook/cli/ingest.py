"""Read logs into the notebook; says what was found, read, skipped and why.

Reading the same folder twice changes nothing; a grown file adds only what is new. Exit code: 0 when
everything that is a log was read, 1 when something that looks like a log could not be, 2 when nothing could.
"""

import argparse

from labbook.cli.common import emit, open_workbook, read_paths, required_paths, say, style
from labbook.cli.set import assignments
from labbook.errors import Exit, ReadError


def configure(parser: argparse.ArgumentParser) -> None:
    """Paths, --set, --dry-run, --json."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a log, or a folder with logs anywhere below")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="given",
        help="supply a value for every run read, as `labbook set` does",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be read; write nothing")
    parser.add_argument("--json", action="store_true", help="the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Read the paths and report."""
    from labbook.report.json import dumps
    from labbook.report.reading import ingest_json, reading_text

    paths, given = required_paths(args.paths), assignments(args.given)
    with open_workbook(args, paths) as book:
        report = read_paths(args, book, paths, dry=args.dry_run)
        if args.dry_run:
            say(args, "dry run: nothing was stored")
        if given and report.runs and not args.dry_run:
            book.give(report.runs, given)
        how = style(args)
        emit(dumps(ingest_json(report)) if args.json else reading_text(report, how.width, how.ascii))
        if report.nothing_read:
            shown = ", ".join(map(str, args.paths))
            raise ReadError(f"no log could be read under {shown}", "labbook sniff FILE says why for one file")
        return int(Exit.ATTENTION if report.failed else Exit.OK)
