"""Explain one file: which format, how sure, which lines say so, what each figure was taken to be.

Exit code 0 when the file is a log labbook reads, 1 when it is not.
"""

import argparse

from labbook.cli.common import emit, required_paths, style
from labbook.errors import Exit, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """One file."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="the explanation as JSON")


def run(args: argparse.Namespace) -> int:
    """Explain the file."""
    from labbook.logs.sniff import sniff
    from labbook.report.json import dumps
    from labbook.report.reading import sniff_json, sniff_text

    path = required_paths([args.file])[0]
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"labbook ingest {path} --dry-run lists what is in it")
    if not path.is_file():
        raise UsageError(f"{path} is no regular file", "pipes and devices are not read")
    report = sniff(path)
    how = style(args)
    emit(dumps(sniff_json(report)) if args.json else sniff_text(report, how.width, how.ascii))
    return int(Exit.OK if report.format else Exit.ATTENTION)
