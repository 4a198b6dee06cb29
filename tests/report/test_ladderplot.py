"""The plot commands and exports print of a ladder."""

from labbook.report.cells import cell_width
from labbook.report.ladderplot import ladder_plot
from tests.report import values


def test_plot_fills_its_size_and_names_the_axis() -> None:
    """Lines of the asked width and number; loss against N where sizes differ, against D where not."""
    lines = ladder_plot(values.ladder(comparison=None), 70, 20)
    assert len(lines) == 20
    assert {cell_width(line) for line in lines} == {70}
    assert "against N" in lines[-1]
    one_size = (
        values.rung("a", 1e6, 1e6, 2.0, "balanced"),
        values.rung("b", 1e6, 4e6, 1.5, "balanced"),
    )
    assert "against D" in ladder_plot(values.ladder(comparison=None, rungs=one_size), 70, 20)[-1]


def test_plot_in_ascii_is_ascii() -> None:
    """The fall-back reaches the plot."""
    assert all(line.isascii() for line in ladder_plot(values.ladder(comparison=None), 70, 20, ascii=True))
