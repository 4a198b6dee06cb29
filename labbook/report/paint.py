"""Which of the 16 terminal colours repeats which word. Colour never says anything a word does not."""

_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}

STYLES = {
    "nan": "red", "diverged": "red", "failed": "red", "broken-run": "red", "crit": "red",
    "stalled": "yellow", "spike-open": "yellow", "spike": "yellow", "off-ladder": "yellow",
    "overfit": "yellow", "slow": "yellow", "resume-mismatch": "yellow", "warn": "yellow",
    "grad-norm": "yellow", "cancelled": "yellow", "under-trained": "yellow", "repeat-limited": "yellow",
    "ok": "green", "balanced": "green", "done": "cyan", "info": "cyan",
    "data-limited": "blue", "model-limited": "magenta",
    "unknown": "dim", "inconclusive": "dim", "–": "dim",
}  # fmt: skip
"""Colour by the first word of a cell."""


def style_of(text: str) -> str | None:
    """The colour that goes with the first word of `text`, or None."""
    word = text.split(None, 1)[0].rstrip(",:…") if text.strip() else ""
    return STYLES.get(word)


def paint(text: str, style: str | None, color: bool) -> str:
    """`text` in `style` where colour is wanted, else unchanged."""
    if not color or style is None or not text.strip():
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"
