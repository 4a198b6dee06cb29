"""The app's screens; a new one is one file and one line here."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One screen of the app."""

    key: str
    name: str
    title: str


SCREENS = (Entry("1", "triage", "Triage"), Entry("2", "run", "Run"), Entry("3", "ladder", "Ladder"))
