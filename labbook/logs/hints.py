"""What any line that a pattern matches must hold: a quick look before the regular expression."""

from __future__ import annotations

import re

SHORTEST = 2
"""Characters of a literal that is worth looking for."""
_ATOM = re.compile(
    r"\\(?P<code>[AbBdDsSwWZ1-9]|x..|u....)"  # a class, an anchor, a character by its number
    r"|\\(?P<escaped>.)"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<flags>\(\?[a-zA-Z-]+\))"
    r"|(?P<open>\((?:\?(?:P<\w+>|[a-zA-Z-]*[:=!]|<[=!]|>))?)"
    r"|(?P<close>\))"
    r"|(?P<many>[*+?]|\{\d*,?\d*\})"
    r"|(?P<other>[.^$|])"
    r"|(?P<plain>.)",
    re.DOTALL,
)
_ENDS = frozenset({"code", "set", "open", "flags", "close", "other"})


def literal_of(pattern: str) -> str:
    """The longest text outside groups that stands in every match, empty where there is none long enough.

    A part is given up rather than guessed: alternatives, flags, optional and repeated characters end it.
    """
    found, run, depth = "", "", 0
    for atom in _ATOM.finditer(pattern):
        kind = atom.lastgroup or "plain"
        if kind == "flags" or (atom[0] == "|" and depth == 0):
            return ""
        if kind == "many":
            run = run[:-1] if depth == 0 and atom[0] != "+" else run
        if kind in _ENDS or kind == "many":
            found, run = max(found, run, key=len), ""
        elif depth == 0:
            run += atom["escaped"] or atom[0]
        depth += (kind == "open") - (kind == "close")
    found = max(found, run, key=len)
    return found if len(found) >= SHORTEST else ""
