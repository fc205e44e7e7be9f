"""Reports: built from plain values of `icapdiag.model`, and rendered; each format is one file.

Nothing here probes or judges, and importing this package loads no renderer.
"""
