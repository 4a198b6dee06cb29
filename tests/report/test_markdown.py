"""The exported report: whole, with receipts, and literal about what others wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from labbook.errors import NotFoundError
from labbook.report import EXPORTS
from labbook.report.escape import fence, md, md_line, md_table
from labbook.report.markdown import export
from labbook.summary import LadderView, Summary
from tests.report import values
from tests.report.golden import check_golden

MADE = values.NOW + 60
PARSER = MarkdownIt("gfm-like", {"linkify": False, "html": True})


def plot(view: LadderView) -> list[str]:
    """A plot that holds what could close its fence."""
    return [f"ln L of {len(view.rungs)} rungs", "```", "● ● ●"]


def report(summary: Summary, ladder: str | None = None, run: str | None = None) -> str:
    """The export with a fixed command and time."""
    return export(summary, ladder, run, plot, "labbook export L1 -o report.md", MADE)


def tokens(text: str) -> list[Token]:
    """Every token of the parsed text, inline ones too."""
    found = PARSER.parse(text)
    return [*found, *(child for token in found for child in token.children or [])]


def literal(text: str) -> str:
    """What a reader of the parsed text sees."""
    return "".join(t.content for t in tokens(text) if t.type in ("text", "text_special"))


def test_ladder_report_golden() -> None:
    """One ladder with its receipts."""
    check_golden("report_ladder.md", report(values.summary(), "L1"))


def test_run_report_golden() -> None:
    """One run with its ladder."""
    summary = values.summary()
    check_golden("report_run.md", report(summary, None, summary.runs[1].run_id))


def test_hostile_report_golden() -> None:
    """Everything, with names that are markup."""
    check_golden("report_hostile.md", report(values.hostile()))


@pytest.mark.parametrize("summary", [values.summary(), values.hostile()], ids=["ordinary", "hostile"])
def test_names_are_never_markup(summary: Summary) -> None:
    """Parsed as GitHub does, the report holds no HTML, link, image or strike-through."""
    kinds = {t.type for t in tokens(report(summary))}
    assert kinds.isdisjoint({"html_inline", "html_block", "link_open", "image", "s_open", "em_open"})
    assert values.HOSTILE in literal(md(values.HOSTILE))


def test_tables_keep_their_columns() -> None:
    """Every row of every table has as many cells as its heading, whatever the names hold."""
    columns, cells = 0, 0
    for token in PARSER.parse(report(values.hostile())):
        if token.type == "thead_open":
            columns = 0
        columns += token.type == "th_open"
        if token.type == "tr_open":
            cells = 0
        cells += token.type == "td_open"
        if token.type == "tr_close" and cells:
            assert cells == columns


def test_report_carries_every_receipt() -> None:
    """Runs, digest, method, versions, date and the command to redo it."""
    text = report(values.summary(), "L1")
    for receipt in (
        "labbook export L1 -o report.md",
        "3f" * 32,
        "| numpy | 2.3.1 |",
        "| date | 2026-09-21 14:14 UTC |",
        "| N_c | 6.4e13 |",
        "| objective | least-squares-log |",
        "d128-D1.6M-lr30x (lr-variant: peak LR 0.09",
        "repeated-data: Data was repeated",
        "kaplan fits better than chinchilla: rms 0.61 % against 1.9 %, AICc lower by 35.2",
    ):
        assert receipt in text


def test_plot_cannot_leave_its_fence() -> None:
    """A plot with backticks stays one block."""
    blocks = [t for t in PARSER.parse(report(values.summary(), "L1")) if t.type == "fence"]
    assert [b.content.splitlines()[-1] for b in blocks] == ["● ● ●", "labbook export L1 -o report.md"]


def test_ladder_without_rungs_draws_no_plot() -> None:
    """No rung, no plot; the refusal stands with its remedy."""
    text = report(values.hostile(), "L2")
    assert "### Plot" not in text
    assert "no finished run; wait." in text


def test_run_without_a_ladder_is_reported_alone() -> None:
    """A run in no ladder brings its own sections and no ladder."""
    summary = values.summary()
    text = report(summary, None, summary.runs[-1].run_id)
    assert "# labbook report: run found-somewhere" in text
    assert "## Ladder" not in text


def test_unknown_ladder_or_run_is_an_error() -> None:
    """Nothing is written about what is not there."""
    for ladder, run in (("L9", None), (None, "nobody")):
        with pytest.raises(NotFoundError):
            report(values.summary(), ladder, run)


def test_empty_notebook_gives_a_report() -> None:
    """Zero runs is a report too."""
    assert "# labbook report: 0 runs, 0 ladders" in report(values.nothing())


def test_exports_are_called_the_same_way() -> None:
    """Each registered format writes text from the same arguments."""
    for made in EXPORTS:
        text = made.write(values.summary(), "L1", None, plot=plot, command="labbook export", made_at=MADE)
        assert "cpython-bytes" in text and made.name


markdownish = st.text(alphabet="ab1 \\`*_{}[]()<>#|~!$&-+=.:/é漢", max_size=30)


@given(markdownish)
def test_escaped_text_reads_as_it_was(text: str) -> None:
    """What a parser shows of the escaped text is the text, at a line's start and in a cell."""
    flat = " ".join(text.split())
    assert literal(md_line(text)) == flat
    rows = PARSER.parse("\n".join(md_table(("a", "b"), [(text, "end")])))
    cells = [t for t in rows if t.type == "inline"][2:]
    shown = ["".join(c.content for c in t.children or [] if c.type in ("text", "text_special")) for t in cells]
    assert shown == [flat, "end"]


@given(st.lists(st.text(alphabet="`~ ab", max_size=12), max_size=5))
def test_fenced_lines_stay_inside(lines: list[str]) -> None:
    """The block's content is the lines, and nothing follows it."""
    found = PARSER.parse("\n".join(fence(lines)))
    assert [t.type for t in found] == ["fence"]
    assert found[0].content == "".join(line.rstrip() + "\n" for line in lines)
