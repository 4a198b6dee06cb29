"""Say what a warning code means: `labbook fit --explain CODE`."""

from __future__ import annotations

import argparse

from labbook.cli.common import emit, style
from labbook.errors import Exit, NotFoundError
from labbook.text import clean


def configure(parser: argparse.ArgumentParser) -> None:
    """Which code."""
    parser.add_argument(
        "--explain", metavar="CODE", help="say what a warning code means, and leave; all: list the codes"
    )


def run(args: argparse.Namespace) -> int:
    """Print one code in full, or the list of codes.

    Raises NotFoundError where there is no such code.
    """
    from labbook.report.codes import code_text, codes_json, codes_text
    from labbook.report.json import dumps
    from labbook.scaling.codes import CODES, code_named, near

    wanted = args.explain.strip().lower()
    found = code_named(wanted)
    if found is None and wanted != "all":
        meant = f"did you mean {', '.join(near(wanted))}? " if near(wanted) else ""
        hint = f"{meant}`labbook fit --explain all` lists them"
        raise NotFoundError(f"no such code: {clean(args.explain, 60)}", hint)
    how = style(args)
    if args.json:
        emit(dumps(codes_json(CODES if found is None else (found,))))
    elif found is None:
        emit(codes_text(CODES, how.width, how.color))
    else:
        emit(code_text(found, how.width, how.color))
    return int(Exit.OK)
