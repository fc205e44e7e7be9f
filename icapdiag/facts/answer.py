"""An ICAP response, met live, kept in a log or pasted: the status, the verdict, the headers."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.sheet import About, FileName, ISTag, Record, Text, Word, about
from icapdiag.icap.product import PRODUCTS
from icapdiag.vocabulary import Verdict

PEERS = ("http", "tls", "ssh", "smtp", "clamd", "echo", "unknown")
VERDICTS = tuple(str(verdict) for verdict in Verdict)

ServiceURI = Annotated[Text | None, about("service path", "the path of the ICAP service, such as /avscan")]


def header(name: str, unit: str = "", *, changes: bool = False, zero: str = "") -> About:
    """What is known of a header's fact: the header's name is its label."""
    return about(name, f"header {name} of the ICAP response", unit, changes=changes, zero=zero)


class Deviation(Record):
    """A way in which the server breaks RFC 3507."""

    rule: Annotated[Word | None, about("rule", "the rule that was broken, as a slug")] = None
    section: Annotated[Word | None, about("section", "of the RFC")] = None
    detail: Annotated[Text | None, about("detail", "what is wrong")] = None
    seen: Annotated[Text | None, about("seen", "the bytes, as ISO 8859-1")] = None
    case: Annotated[Word | None, about("upload", "of several uploads, the one that was answered so")] = None


class Answer(Record):
    """An ICAP response. A header's fact is its value as the server wrote it, bounded and not escaped."""

    method: Annotated[Text | None, about("method", "the ICAP method of the request: OPTIONS, REQMOD or RESPMOD")] = None
    protocol_rule: Annotated[
        Word | None,
        about(
            "protocol rule", "the rule that the response broke so that it can't be read; reason protocol or too-large"
        ),
    ] = None
    peer: Annotated[
        Word | None, about("peer speaks", "the protocol that answered instead, with reason not-icap", values=PEERS)
    ] = None
    peer_excerpt: Annotated[Text | None, about("peer sent", "its first bytes")] = None
    complete_body_sent: Annotated[
        bool | None, about("complete body sent", "the whole body was sent, not only the preview")
    ] = None
    icap_status: Annotated[int | None, about("ICAP status", "the status code of the ICAP response")] = None
    icap_reason: Annotated[Text | None, about("ICAP reason", "the text after the status code")] = None
    verdict: Annotated[Word | None, about("verdict", "what the server decided about the body", values=VERDICTS)] = None
    verdict_reason: Annotated[Text | None, about("verdict's reason", "the server's reason in its own words")] = None
    threats: Annotated[tuple[Text, ...] | None, about("threats", "names of threats that the server found")] = None
    decided_by: Annotated[
        tuple[Word, ...] | None, about("decided by", "the headers, status or body that the verdict is based on")
    ] = None
    complete: Annotated[bool | None, about("complete", "the response was received completely")] = None
    deviations: Annotated[tuple[Deviation, ...] | None, about("deviations", "each: rule, section, detail, seen")] = None
    deviation_rules: Annotated[tuple[Word, ...] | None, about("rules broken", "of RFC 3507, as slugs")] = None
    http_status: Annotated[int | None, about("HTTP status", "of the encapsulated HTTP response")] = None

    istag: Annotated[ISTag | None, header("ISTag", changes=True)] = None
    server: Annotated[Text | None, header("Server")] = None
    service: Annotated[Text | None, header("Service")] = None
    service_id: Annotated[Text | None, header("Service-ID")] = None
    transfer_preview: Annotated[Text | None, header("Transfer-Preview")] = None
    transfer_ignore: Annotated[Text | None, header("Transfer-Ignore")] = None
    transfer_complete: Annotated[Text | None, header("Transfer-Complete")] = None
    x_include: Annotated[Text | None, header("X-Include")] = None
    x_response_info: Annotated[Text | None, header("X-Response-Info")] = None
    x_response_desc: Annotated[Text | None, header("X-Response-Desc")] = None
    x_response_description: Annotated[Text | None, header("X-Response-Description")] = None
    x_blocked: Annotated[Text | None, header("X-Blocked")] = None
    x_blocked_by: Annotated[Text | None, header("X-Blocked-By")] = None
    x_blocked_reason: Annotated[Text | None, header("X-Blocked-Reason")] = None
    x_block_reason: Annotated[Text | None, header("X-Block-Reason")] = None
    x_block_result: Annotated[Text | None, header("X-Block-Result")] = None
    x_infection_found: Annotated[Text | None, header("X-Infection-Found")] = None
    x_violations_found: Annotated[Text | None, header("X-Violations-Found")] = None
    x_virus_id: Annotated[Text | None, header("X-Virus-ID")] = None
    x_virus_name: Annotated[Text | None, header("X-Virus-Name")] = None
    x_icap_profile: Annotated[Text | None, header("X-ICAP-Profile")] = None
    x_mwg_block_reason: Annotated[Text | None, header("X-MWG-Block-Reason")] = None
    x_wwblockresult: Annotated[Text | None, header("X-WWBlockResult")] = None
    x_fsecure_scan_result: Annotated[Text | None, header("X-FSecure-Scan-Result")] = None
    x_fsecure_infection_name: Annotated[Text | None, header("X-FSecure-Infection-Name")] = None
    x_fsecure_infected_filename: Annotated[FileName | None, header("X-FSecure-Infected-Filename")] = None
    x_icapeg_shadow_service: Annotated[Text | None, header("X-ICAPeg-Shadow-Service")] = None
    x_error_code: Annotated[Text | None, header("X-Error-Code")] = None
    product: Annotated[
        Word | None,
        about("product", "as identified from its headers; unknown: none of the known ones", values=PRODUCTS),
    ] = None
    connection: Annotated[Text | None, header("Connection")] = None
    date: Annotated[Text | None, header("Date", changes=True)] = None
    methods: Annotated[tuple[Text, ...] | None, header("Methods")] = None
    allow: Annotated[tuple[Text, ...] | None, header("Allow")] = None
    preview: Annotated[int | None, header("Preview", "bytes")] = None
    max_connections: Annotated[int | None, header("Max-Connections", zero="0")] = None
    options_ttl: Annotated[int | None, header("Options-TTL", "s")] = None
    encapsulated: Annotated[Text | None, header("Encapsulated")] = None
    parts: Annotated[tuple[Word, ...] | None, about("encapsulated parts", "of the response, such as req-hdr")] = None
    hop_by_hop: Annotated[
        tuple[Text, ...] | None,
        about("hop-by-hop headers", "headers inside the encapsulated heads that are for one connection only"),
    ] = None
    odd_headers: Annotated[
        tuple[Text, ...] | None,
        about("non-standard headers", "headers of the answer that no RFC defines and that do not begin with X-"),
    ] = None
