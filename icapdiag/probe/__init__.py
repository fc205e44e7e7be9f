"""Probes: one kind of traffic to one pool member, and what came of it.

trio and sockets live here. `probe_pool` is the way in; everything it returns is
`icapdiag.model.Observation`. A new probe is a module in `icapdiag.probe.probes`
with a `Probe` record, its place in `icapdiag.probe.running.catalogue`, and a sheet in `icapdiag.facts`.
"""

from icapdiag.probe.base import Observer, Probe, Settings
from icapdiag.probe.running.catalogue import PROBES
from icapdiag.probe.running.runner import MemberResult, Results, probe_pool

__all__ = ["PROBES", "MemberResult", "Observer", "Probe", "Results", "Settings", "probe_pool"]
