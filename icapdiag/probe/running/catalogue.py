"""The probes, in the order in which they run."""

from __future__ import annotations

from icapdiag.probe.base import Probe
from icapdiag.probe.deep import conformance, keepalive, load, preview, respmod, services, size, variants
from icapdiag.probe.standard import dns, options, repeat, sample, tcp, tls

PROBES: tuple[Probe, ...] = (
    dns.PROBE,
    tcp.PROBE,
    tls.PROBE,
    options.PROBE,
    sample.CLEAN_PROBE,
    sample.EICAR_PROBE,
    services.PROBE,
    variants.PROBE,
    respmod.PROBE,
    preview.PROBE,
    size.PROBE,
    keepalive.PROBE,
    conformance.PROBE,
    repeat.PROBE,
    load.PROBE,
)
