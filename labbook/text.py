"""Untrusted text made safe at the boundary.

Run names, configuration values and log lines come from files anyone may have written. What passes
`clean` holds no control character, no escape sequence and no bidirectional override, so it can be
printed to a terminal, stored and exported. Rich markup is plain text and stays as it is: screens and
reports print names as literal text, never as markup.
"""

import os
import re

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, clipboard
    r"|\x1b[P^_X][^\x1b]*(?:\x1b\\)?"  # DCS, PM, APC, SOS strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]?"  # two-byte escapes
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+")

PATH_LIMIT = 4096
"""Characters of a path that are shown at most."""


def strip_escapes(line: str) -> str:
    """The line without terminal escape sequences; other characters stay."""
    if "\x1b" not in line and "\x9b" not in line:
        return line
    return _ESCAPES.sub("", line)


def clean(text: str, limit: int = 200) -> str:
    """One printable line of at most `limit` characters; what was cut is marked with an ellipsis."""
    flat = _CONTROLS.sub(" ", strip_escapes(text)).strip()
    flat = flat.encode("utf-8", "replace").decode("utf-8")  # lone surrogates of undecodable file names
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def speaks_unicode(encoding: str | None) -> bool:
    """True where locale and stream show more than ASCII; under LC_ALL=C they do not, whatever Python writes."""
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((name for name in names if name), "")
    return locale not in ("C", "POSIX") and "utf" in (encoding or "").lower()
