"""How many connections Avi would need: it opens one for each request (Little's law: L = λW)."""

from __future__ import annotations

import math

from icapdiag.probe.base import Context, Facts


def demand_facts(context: Context, measured_ms: float | None = None) -> Facts:
    """The server's Max-Connections, and, where the expected rate was given, the connections that it takes.

    ``measured_ms`` is how long a scan holds its connection; that of the clean probe if it is None. What the user
    expects (``expected_latency_ms``) comes first.
    """
    facts: Facts = {}
    options, _ = context.outcomes.get("options", (None, 0.0))
    if options is not None and isinstance(announced := options.facts.get("max_connections"), int):
        facts["offered_connections"] = announced
    settings = context.settings
    if settings.expected_rps is None:
        return facts
    if measured_ms is None and "clean" in context.outcomes:
        _, measured_ms = context.outcomes["clean"]
    latency = measured_ms if settings.expected_latency_ms is None else settings.expected_latency_ms
    facts["expected_rps"] = settings.expected_rps
    if latency is not None:
        facts["expected_latency_ms"] = round(latency, 3)
        facts["needed_connections"] = max(1, math.ceil(settings.expected_rps * latency / 1000))
    return facts
