"""Facts of the probes that follow up a refusal: other services, other requests, RESPMOD. One sheet per probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from icapdiag.facts.answer import VERDICTS, ServiceURI
from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.sheet import Record, Text, Word, about
from icapdiag.facts.standard import Stopped
from icapdiag.icap.product import PRODUCTS

FIXES = (
    "no-preview", "preview-offered", "tiny-body", "no-allow", "user-agent", "content-length", "host-without-port",
    "no-encapsulated", "tls", "plain", "proxy-v1",
)  # fmt: skip
CHANGES = (*FIXES, "empty-line", "unchanged")

RefusedMethod = Annotated[Text | None, about("refused method", "the method of the request that was refused")]
RefusedStatus = Annotated[int | None, about("refused with", "the ICAP status of the refusal")]
RefusedReason = Annotated[
    Word | None, about("failed because", "the reason of its failure, if there was no ICAP response")
]


class ServiceTried(Record):
    """A path to which OPTIONS was sent."""

    nulls = frozenset({"icap_status"})
    service_uri: ServiceURI = None
    icap_status: Annotated[int | None, about("ICAP status", "of the response")] = None
    methods: Annotated[tuple[Text, ...] | None, about("Methods", "those that the service supports")] = None
    service: Annotated[Text | None, about("Service", "the header Service")] = None
    product: Annotated[
        Word | None, about("product", "the virus scanner, identified from its headers", values=PRODUCTS)
    ] = None
    reason: Annotated[Word | None, about("reason", "why there was no response")] = None
    eicar: Annotated[Word | None, about("EICAR", "the verdict on EICAR, if that was sent", values=VERDICTS)] = None


class Services(ProbeSheet):
    """services: other services of the server, where the configured path has none."""

    missing: Annotated[
        Word | None,
        about(
            "missing",
            "what is missing at the path: a service, or REQMOD",
            values=("service", "reqmod"),
        ),
    ] = None
    services: Annotated[
        tuple[ServiceTried, ...] | None,
        about("paths tried", "each path that was tried: service_uri, icap_status, methods, service, product, eicar"),
    ] = None
    candidates: Annotated[
        tuple[Text, ...] | None,
        about(
            "services found",
            "those that support REQMOD and scan: they blocked EICAR, or have the name of a virus scanner",
        ),
    ] = None
    unproven: Annotated[
        tuple[Text, ...] | None,
        about(
            "services that may scan",
            "those that support REQMOD, but neither EICAR nor their name shows whether they scan",
        ),
    ] = None
    unscanning: Annotated[
        tuple[Text, ...] | None,
        about(
            "services without scanning",
            "those that support REQMOD and passed EICAR, or whose name is that of an echo, a demo or a URL filter",
        ),
    ] = None
    stopped: Stopped = None


class VariantTried(Record):
    """The refused request with one change."""

    nulls = frozenset({"icap_status", "icap_reason"})
    method: Annotated[Text | None, about("method", "its ICAP method")] = None
    variant: Annotated[Word | None, about("change", "what was changed; unchanged: nothing", values=CHANGES)] = None
    icap_status: Annotated[int | None, about("ICAP status", "of the response")] = None
    icap_reason: Annotated[Text | None, about("ICAP reason", "the text after the status code")] = None
    reason: Annotated[Word | None, about("reason", "why there was no response")] = None


class Variants(ProbeSheet):
    """variants: the failed request with one thing changed at a time."""

    variants: Annotated[
        tuple[VariantTried, ...] | None,
        about("requests tried", "each request that was tried: method, variant, icap_status, icap_reason, reason"),
    ] = None
    refused_method: RefusedMethod = None
    refused_status: RefusedStatus = None
    refused_reason: RefusedReason = None
    accepted: Annotated[
        tuple[Word, ...] | None,
        about(
            "accepted",
            "the changes with which the request was accepted: preview-offered, a preview of the length that OPTIONS"
            " offers; tiny-body, one byte; tls, a TLS handshake with a member that is configured without TLS; plain,"
            " OPTIONS without TLS to a member configured with it; proxy-v1, OPTIONS after a PROXY protocol line;"
            " empty-line, only a line end; unchanged, the same request again",
            values=CHANGES,
        ),
    ] = None
    rejected: Annotated[
        tuple[Word, ...] | None, about("rejected", "the changes with which it still failed", values=CHANGES)
    ] = None
    fixed_by: Annotated[
        Word | None,
        about(
            "fixed by",
            "the one change that makes the server accept the request; without it the request is still rejected",
            values=FIXES,
        ),
    ] = None
    stopped: Stopped = None


class Respmod(ProbeSheet):
    """respmod: whether the server supports RESPMOD where it refuses REQMOD."""

    refused_method: RefusedMethod = None
    refused_status: RefusedStatus = None
    refused_reason: RefusedReason = None
    respmod_served: Annotated[bool | None, about("supports RESPMOD", "the service supports RESPMOD")] = None
    respmod_status: Annotated[int | None, about("RESPMOD answered with", "the ICAP status of the response")] = None
    respmod_verdict: Annotated[
        Word | None,
        about("verdict in RESPMOD", "what the server decided about a clean body in RESPMOD", values=VERDICTS),
    ] = None


SHEETS: Mapping[str, type[ProbeSheet]] = {"services": Services, "variants": Variants, "respmod": Respmod}
