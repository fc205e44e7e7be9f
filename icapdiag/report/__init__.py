"""Reports: built from plain values of `icapdiag.model`, and drawn in one format a file.

Nothing here probes or judges, and importing this package loads no renderer.
"""
