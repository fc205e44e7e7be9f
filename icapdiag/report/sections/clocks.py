"""Whose clock the times of a report are by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from icapdiag.report.text.lines import count, wrap
from icapdiag.report.untyped import MemberReport


def draw_clocks(members: Sequence[MemberReport], width: int) -> list[str]:
    """A line or two below the times; nothing where the report does not say."""
    facts = [observation.facts for member in members for observation in member.probes]
    by = Counter(str(each["answer_clock"]) for each in facts if "answer_ms" in each and "answer_clock" in each)
    kernel, own = by["kernel"], by["application"]
    said = ["of connections by the kernel's round trip (TCP_INFO)"] if any("rtt_ms" in each for each in facts) else []
    if kernel:
        said.append("of answers by the kernel's receive timestamp")
    if own:
        said.append(f"of {count(own, 'answer')} by this program's own clock")
    if not said:
        return []
    doubtful = any(each.get("answer_uncertain") is True for each in facts)
    mark = " ~: our own delays may make more than 5 % of it." if doubtful else ""
    return wrap(f"Times {', '.join(said)}.{mark}", width)
