"""What the probes of connections have to say, in a line of evidence."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.model import Facts
from icapdiag.report.lines import milliseconds, shown, texts, whole
from icapdiag.text import from_wire, visible

_REUSE = {
    "honoured": "answered on the same connection",
    "announced-close": "not sent: the server said that it closes",
    "closed": "not answered: the server had closed and not said so",
    "unanswered": "not answered",
    "desynchronised": "not answered rightly",
}


def telling_reuse(facts: Facts) -> Iterator[str]:
    """Of two requests on one connection."""
    if reuse := shown(facts.get("reuse")):
        yield f"second request {_REUSE.get(reuse, reuse)}"
    after = facts.get("closed_after_ms")
    if isinstance(after, int | float):
        yield f"closed {milliseconds(after)} after the first answer"
    if signs := texts(facts.get("desync_signs")):
        yield visible(", ".join(signs))
    if extra := shown(facts.get("extra_excerpt")):
        yield f"{whole(facts.get('extra_bytes'))} bytes left over: {visible(from_wire(extra))}"
    idle = facts.get("idle_close_s")
    if isinstance(idle, int | float):
        yield f"closed after {idle:g} s without a request"
