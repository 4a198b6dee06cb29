"""Explain one file: which format, how sure, which lines say so, what each figure was taken to be.

Where no format fits, teach it a line of its own, or say which of its names are the step and the loss:

  labbook sniff train.log --pattern 'it={step} objective={loss}'
  labbook sniff train.log --pattern 'it={step} objective={loss}' --save mine
  labbook sniff metrics.jsonl --step it --loss objective

A pattern is the line itself with {step} {loss} {val} {lr} {grad_norm} {tokens} {epoch} in place of the numbers
and {_} for anything else; blanks match any run of blanks. What is saved works from then on in every command.

Exit code 0 when the file is a log labbook reads, 1 when it is not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from labbook.cli.common import emit, required_paths, style
from labbook.errors import Exit, ReadError, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """One file, and what a person knows of it."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument(
        "--pattern", metavar="LINE", help="read lines like this one: 'it={step} objective={loss}'"
    )
    parser.add_argument("--save", metavar="NAME", help="keep the pattern as a format of that name")
    parser.add_argument("--step", metavar="KEY", help="the name or column that counts steps")
    parser.add_argument("--loss", metavar="KEY", help="the name or column of the training loss")
    parser.add_argument("--json", action="store_true", help="the explanation as JSON")


def run(args: argparse.Namespace) -> int:
    """Explain the file."""
    path = required_paths([args.file])[0]
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"labbook ingest {path} --dry-run lists what is in it")
    if not path.is_file():
        raise UsageError(f"{path} is no regular file", "pipes and devices are not read")
    if args.pattern is not None and (args.step or args.loss):
        raise UsageError("--pattern says where step and loss stand", "leave out --step and --loss")
    if args.save is not None and args.pattern is None:
        raise UsageError("--save keeps a --pattern", "such as: --pattern 'it={step} objective={loss}'")
    return _try(args, path) if args.pattern is not None else _explain(args, path)


def _explain(args: argparse.Namespace, path: Path) -> int:
    from labbook.logs.sniff import sniff
    from labbook.report.json import dumps
    from labbook.report.reading import sniff_json, sniff_text

    given = {"step": args.step, "loss": args.loss}
    columns = {key: name for key, name in given.items() if name}
    report = sniff(path, columns)
    how = style(args)
    emit(dumps(sniff_json(report)) if args.json else sniff_text(report, how.width, how.ascii))
    return int(Exit.OK if report.readable else Exit.ATTENTION)


def _try(args: argparse.Namespace, path: Path) -> int:
    from dataclasses import replace

    from labbook.logs.template import save_template, try_template
    from labbook.report.json import dumps
    from labbook.report.reading import trial_json, trial_text

    try:
        trial = try_template(path, args.pattern)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    if args.save is not None:
        if not trial.matched:
            raise UsageError(f"no line of {path} is like the pattern: not saved", "try it without --save")
        trial = replace(trial, saved=str(save_template(args.save, args.pattern)))
    how = style(args)
    emit(
        dumps(trial_json(str(path), trial)) if args.json else trial_text(str(path), trial, how.width, how.ascii)
    )
    return int(Exit.OK if trial.matched else Exit.ATTENTION)
