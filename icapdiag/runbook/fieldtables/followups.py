"""Fields of the probes that look into a refusal: other services, other requests, RESPMOD."""

from __future__ import annotations

from icapdiag.runbook.field import BOOLEAN, INTEGER, LIVE, RECORDS, TEXT, TEXTS, Field, table
from icapdiag.vocabulary import Verdict

CURES = ("no-preview", "no-allow", "user-agent", "content-length", "host-without-port", "no-encapsulated")
_SERVICES, _VARIANTS, _RESPMOD = ("services",), ("variants",), ("respmod",)

FIELDS = [
    *table(
        LIVE,
        _SERVICES,
        (
            ("services", RECORDS, "", "each path that was tried: service_uri, icap_status, methods, service"),
            ("candidates", TEXTS, "", "those of them where a service takes REQMOD"),
        ),
    ),
    Field(
        "missing",
        TEXT,
        "",
        "what the asked path lacks: there is no service, or one without REQMOD",
        LIVE,
        _SERVICES,
        ("service", "reqmod"),
    ),
    *table(
        LIVE,
        (*_VARIANTS, *_RESPMOD),
        (
            ("refused_method", TEXT, "", "the method of the request that was refused"),
            ("refused_status", INTEGER, "", "the ICAP status that it was refused with"),
        ),
    ),
    *table(
        LIVE,
        _VARIANTS,
        (("variants", RECORDS, "", "each request that was tried: method, variant, icap_status, icap_reason"),),
    ),
    Field(
        "cured_by",
        TEXT,
        "",
        "the one change with which the server takes the request that it still refuses without",
        LIVE,
        _VARIANTS,
        CURES,
    ),
    *table(
        LIVE,
        _RESPMOD,
        (
            ("respmod_status", INTEGER, "", "the ICAP status of the answer to RESPMOD"),
            ("respmod_served", BOOLEAN, "", "the service takes RESPMOD"),
        ),
    ),
    Field(
        "respmod_verdict",
        TEXT,
        "",
        "what the server decided about a clean body in RESPMOD",
        LIVE,
        _RESPMOD,
        tuple(str(verdict) for verdict in Verdict),
    ),
]
