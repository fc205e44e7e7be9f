"""icapdiag: find out why ICAP scanning behind Avi Load Balancer misbehaves.

As a library::

    report = icapdiag.explain(["log.json"])
    report = trio.run(icapdiag.check, "icap://10.0.0.5:1344/avscan")
    report = icapdiag.lint(["export.json"])
    report = icapdiag.diagnose(["export.json", "log.json", "report.json"])

`check`, `explain`, `lint` and `diagnose` say what they take; `Settings` and `Filters` are for what they do otherwise by
default. What they stand on is imported when one of these names is first used: ``import icapdiag`` costs nothing. The
types of the names are in ``__init__.pyi``.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["Filters", "Report", "Settings", "__version__", "check", "diagnose", "explain", "lint"]

_HOMES = {
    "Filters": "icapdiag.logs.counting.filters",
    "Report": "icapdiag.model",
    "Settings": "icapdiag.probe",
    "check": "icapdiag.api.checking",
    "diagnose": "icapdiag.api.diagnosing",
    "explain": "icapdiag.api.explaining",
    "lint": "icapdiag.api.linting",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
