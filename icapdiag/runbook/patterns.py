"""Regular expressions that a hostile server could make run for hours.

Python's engine backtracks. What the patterns see is bounded (`conditions.SEARCHED`), so a pattern
may be quadratic; nested and repeated open quantifiers are worse than that, and refused.
"""

from __future__ import annotations

import re

_MANY = 255  # a repeat of at most this many counts as bounded

_TOKEN = re.compile(
    r"""\\.                        # an escape
      | \[\^?\]?(?:\\.|[^\]\\])*\]  # a class
      | \((?:\?(?:P<\w+>|[a-zA-Z-]*:|<?[=!]|>))?  # an opening parenthesis of any kind
      | \{\d*,?\d*\}[?+]?          # a counted repeat
      | [*+?][?+]?
      | .""",
    re.VERBOSE | re.DOTALL,
)
_WIDE = ("[^", ".", "\\S", "\\D", "\\W")  # atoms that take nearly anything


def risk(pattern: str) -> str | None:
    """Why a pattern is refused, or None.

    Refused are an open repeat (``*``, ``+``, ``{n,}``, or more than 255) of something that has an open
    repeat or alternatives inside, and more than one open repeat of ``.`` or a negated class.
    """
    open_groups: list[bool] = []  # for each: has it an open repeat or alternatives?
    last, last_has = "", False
    wide = 0
    for piece in _TOKEN.findall(pattern):
        if piece[0] == "(":
            open_groups.append(False)
            last, last_has = "", False
        elif piece == ")":
            last, last_has = "()", bool(open_groups) and open_groups.pop()
            if last_has and open_groups:
                open_groups[-1] = True
        elif piece == "|":
            if open_groups:
                open_groups[-1] = True
            last, last_has = "", False
        elif _is_open(piece) and last:
            if last_has:
                return "a repeat of repeats or alternatives can run for hours on hostile text: bound it, as in {0,20}"
            wide += last.startswith(_WIDE)
            if wide > 1:
                return "more than one '.*' can run for minutes on hostile text: write .{0,80}"
            if open_groups:
                open_groups[-1] = True
        elif not (len(piece) > 1 and piece[0] in "{*+?") and piece != "?":
            last, last_has = piece, False
    return None


def _is_open(piece: str) -> bool:
    if piece[0] in "*+":
        return True
    counted = re.fullmatch(r"\{(\d*)(,?)(\d*)\}[?+]?", piece)
    if counted is None or piece.startswith("{}"):
        return False
    low, comma, high = counted.groups()
    most = high if comma else low
    return most == "" or int(most) > _MANY
