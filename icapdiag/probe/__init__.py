"""Probes: each sends one kind of traffic to one pool member and returns facts.

This package uses trio and sockets. `probe_pool` is the entry point; it returns
`icapdiag.model.Observation` objects. A new probe is a module in `icapdiag.probe.probes`
with a `Probe` record, its place in `icapdiag.probe.running.catalogue`, and a sheet in `icapdiag.facts`.
"""

from icapdiag.probe.base import Observer, Probe, Settings
from icapdiag.probe.running.catalogue import PROBES
from icapdiag.probe.running.runner import MemberResult, Results, probe_pool

__all__ = ["PROBES", "MemberResult", "Observer", "Probe", "Results", "Settings", "probe_pool"]
