"""Probes that look deeper: one module each, in the order of `icapdiag.probe.running.catalogue`."""
