"""What the probes that look into a refusal find out: other services, other requests, RESPMOD. One sheet a probe."""

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
RefusedStatus = Annotated[int | None, about("refused with", "the ICAP status that it was refused with")]
RefusedReason = Annotated[
    Word | None, about("failed because", "the reason of its failure, where it got no ICAP status")
]


class ServiceTried(Record):
    """A path that OPTIONS was asked for."""

    nulls = frozenset({"icap_status"})
    service_uri: ServiceURI = None
    icap_status: Annotated[int | None, about("ICAP status", "what it was answered with")] = None
    methods: Annotated[tuple[Text, ...] | None, about("Methods", "what the service takes")] = None
    service: Annotated[Text | None, about("Service", "what it calls itself")] = None
    product: Annotated[Word | None, about("product", "the virus scanner that its headers name", values=PRODUCTS)] = None
    reason: Annotated[Word | None, about("reason", "why there was no answer")] = None
    eicar: Annotated[
        Word | None, about("EICAR", "what it decided about EICAR, where that was sent", values=VERDICTS)
    ] = None


class Services(ProbeSheet):
    """services: what the server has where the asked path leads nowhere."""

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
        about("services found", "those that take REQMOD and scan: EICAR was blocked there, or their name says so"),
    ] = None
    unproven: Annotated[
        tuple[Text, ...] | None,
        about("services that may scan", "those that take REQMOD, and neither EICAR nor their name shows what they do"),
    ] = None
    unscanning: Annotated[
        tuple[Text, ...] | None,
        about(
            "services without scanning",
            "those that take REQMOD and passed EICAR, or that are an echo, a demo or a URL filter by their name",
        ),
    ] = None
    stopped: Stopped = None


class VariantTried(Record):
    """The refused request with one change."""

    nulls = frozenset({"icap_status", "icap_reason"})
    method: Annotated[Text | None, about("method", "its ICAP method")] = None
    variant: Annotated[Word | None, about("change", "what was changed; unchanged: nothing", values=CHANGES)] = None
    icap_status: Annotated[int | None, about("ICAP status", "what it was answered with")] = None
    icap_reason: Annotated[Text | None, about("ICAP reason", "the words after it")] = None
    reason: Annotated[Word | None, about("reason", "why there was no answer")] = None


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
            "the changes with which the request was answered well: preview-offered is a preview of the length that"
            " OPTIONS offers, tiny-body one byte, tls a handshake that was answered by TLS on a member without,"
            " plain OPTIONS in clear on a member with TLS, proxy-v1 OPTIONS behind a PROXY protocol line that got an"
            " ICAP response, empty-line nothing but a line end, unchanged the same request once more",
            values=CHANGES,
        ),
    ] = None
    rejected: Annotated[
        tuple[Word, ...] | None, about("rejected", "the changes with which it failed as well", values=CHANGES)
    ] = None
    fixed_by: Annotated[
        Word | None,
        about(
            "fixed by",
            "the one change with which the server takes the request that it still refuses without",
            values=FIXES,
        ),
    ] = None
    stopped: Stopped = None


class Respmod(ProbeSheet):
    """respmod: whether the server takes RESPMOD where it refuses REQMOD."""

    refused_method: RefusedMethod = None
    refused_status: RefusedStatus = None
    refused_reason: RefusedReason = None
    respmod_served: Annotated[bool | None, about("takes RESPMOD", "the service takes RESPMOD")] = None
    respmod_status: Annotated[int | None, about("RESPMOD answered with", "its ICAP status")] = None
    respmod_verdict: Annotated[
        Word | None,
        about("verdict in RESPMOD", "what the server decided about a clean body in RESPMOD", values=VERDICTS),
    ] = None


SHEETS: Mapping[str, type[ProbeSheet]] = {"services": Services, "variants": Variants, "respmod": Respmod}
