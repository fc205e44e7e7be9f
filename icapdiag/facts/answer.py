"""An ICAP answer, met live, kept in a log or pasted: the status, the verdict, the headers."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.sheet import FileName, ISTag, Record, Text, Word, about
from icapdiag.vocabulary import Verdict

PEERS = ("http", "tls", "ssh", "smtp", "clamd", "unknown")
VERDICTS = tuple(str(verdict) for verdict in Verdict)

ServiceURI = Annotated[Text | None, about("service path", "the path of the ICAP service, such as /avscan")]


class Deviation(Record):
    """Something that RFC 3507 forbids and the server did."""

    rule: Annotated[Word | None, about("rule", "the rule that was broken, as a slug")] = None
    section: Annotated[Word | None, about("section", "the section that has it")] = None
    detail: Annotated[Text | None, about("detail", "what is wrong")] = None
    seen: Annotated[Text | None, about("seen", "the bytes, as ISO 8859-1")] = None
    case: Annotated[Word | None, about("upload", "the upload whose answer it was in, of several")] = None


class Answer(Record):
    """An ICAP answer. A header's fact is its value as the server wrote it, bounded and not escaped."""

    method: Annotated[Text | None, about("method", "the ICAP method of the request: OPTIONS, REQMOD or RESPMOD")] = None
    protocol_rule: Annotated[
        Word | None, about("protocol rule", "the rule at which reading stopped, with reason protocol or too-large")
    ] = None
    peer: Annotated[
        Word | None,
        about("peer speaks", "what the peer speaks instead, with reason not-icap", values=PEERS),
    ] = None
    peer_excerpt: Annotated[Text | None, about("peer sent", "the first bytes that such a peer sent")] = None
    complete_body_sent: Annotated[
        bool | None, about("complete body sent", "the server got the whole body, not only the preview")
    ] = None
    icap_status: Annotated[int | None, about("ICAP status", "the status code of the ICAP answer")] = None
    icap_reason: Annotated[Text | None, about("ICAP reason", "the words after it")] = None
    complete: Annotated[bool | None, about("complete", "the answer was received to its end")] = None
    deviations: Annotated[
        tuple[Deviation, ...] | None, about("deviations", "what the answer breaks: rule, section, detail, seen")
    ] = None
    deviation_rules: Annotated[
        tuple[Word, ...] | None, about("rules broken", "rules of RFC 3507 that the answer breaks, as slugs")
    ] = None
    http_status: Annotated[
        int | None, about("HTTP status", "the status code of the HTTP response inside the answer")
    ] = None
    verdict: Annotated[Word | None, about("verdict", "what the server decided about the body", values=VERDICTS)] = None
    verdict_reason: Annotated[Text | None, about("verdict's reason", "the server's reason in its own words")] = None
    threats: Annotated[tuple[Text, ...] | None, about("threats", "names of threats that the server found")] = None
    decided_by: Annotated[
        tuple[Word, ...] | None, about("decided by", "the headers or status codes that the verdict was read from")
    ] = None

    istag: Annotated[ISTag | None, about("ISTag", "header ISTag of the ICAP answer", changes=True)] = None
    server: Annotated[Text | None, about("Server", "header Server of the ICAP answer")] = None
    service: Annotated[Text | None, about("Service", "header Service of the ICAP answer")] = None
    service_id: Annotated[Text | None, about("Service-ID", "header Service-ID of the ICAP answer")] = None
    transfer_preview: Annotated[
        Text | None, about("Transfer-Preview", "header Transfer-Preview of the ICAP answer")
    ] = None
    transfer_ignore: Annotated[Text | None, about("Transfer-Ignore", "header Transfer-Ignore of the ICAP answer")] = (
        None
    )
    transfer_complete: Annotated[
        Text | None, about("Transfer-Complete", "header Transfer-Complete of the ICAP answer")
    ] = None
    x_include: Annotated[Text | None, about("X-Include", "header X-Include of the ICAP answer")] = None
    x_response_info: Annotated[Text | None, about("X-Response-Info", "header X-Response-Info of the ICAP answer")] = (
        None
    )
    x_response_desc: Annotated[Text | None, about("X-Response-Desc", "header X-Response-Desc of the ICAP answer")] = (
        None
    )
    x_response_description: Annotated[
        Text | None, about("X-Response-Description", "header X-Response-Description of the ICAP answer")
    ] = None
    x_blocked: Annotated[Text | None, about("X-Blocked", "header X-Blocked of the ICAP answer")] = None
    x_blocked_by: Annotated[Text | None, about("X-Blocked-By", "header X-Blocked-By of the ICAP answer")] = None
    x_blocked_reason: Annotated[
        Text | None, about("X-Blocked-Reason", "header X-Blocked-Reason of the ICAP answer")
    ] = None
    x_block_reason: Annotated[Text | None, about("X-Block-Reason", "header X-Block-Reason of the ICAP answer")] = None
    x_block_result: Annotated[Text | None, about("X-Block-Result", "header X-Block-Result of the ICAP answer")] = None
    x_infection_found: Annotated[
        Text | None, about("X-Infection-Found", "header X-Infection-Found of the ICAP answer")
    ] = None
    x_violations_found: Annotated[
        Text | None, about("X-Violations-Found", "header X-Violations-Found of the ICAP answer")
    ] = None
    x_virus_id: Annotated[Text | None, about("X-Virus-ID", "header X-Virus-ID of the ICAP answer")] = None
    x_virus_name: Annotated[Text | None, about("X-Virus-Name", "header X-Virus-Name of the ICAP answer")] = None
    x_icap_profile: Annotated[Text | None, about("X-ICAP-Profile", "header X-ICAP-Profile of the ICAP answer")] = None
    x_mwg_block_reason: Annotated[
        Text | None, about("X-MWG-Block-Reason", "header X-MWG-Block-Reason of the ICAP answer")
    ] = None
    x_wwblockresult: Annotated[Text | None, about("X-WWBlockResult", "header X-WWBlockResult of the ICAP answer")] = (
        None
    )
    x_fsecure_scan_result: Annotated[
        Text | None, about("X-FSecure-Scan-Result", "header X-FSecure-Scan-Result of the ICAP answer")
    ] = None
    x_fsecure_infection_name: Annotated[
        Text | None, about("X-FSecure-Infection-Name", "header X-FSecure-Infection-Name of the ICAP answer")
    ] = None
    x_fsecure_infected_filename: Annotated[
        FileName | None, about("X-FSecure-Infected-Filename", "header X-FSecure-Infected-Filename of the ICAP answer")
    ] = None
    x_icapeg_shadow_service: Annotated[
        Text | None, about("X-ICAPeg-Shadow-Service", "header X-ICAPeg-Shadow-Service of the ICAP answer")
    ] = None
    x_error_code: Annotated[Text | None, about("X-Error-Code", "header X-Error-Code of the ICAP answer")] = None
    connection: Annotated[Text | None, about("Connection", "header Connection of the ICAP answer")] = None
    date: Annotated[Text | None, about("Date", "header Date of the ICAP answer", changes=True)] = None
    methods: Annotated[tuple[Text, ...] | None, about("Methods", "header Methods of the ICAP answer")] = None
    allow: Annotated[tuple[Text, ...] | None, about("Allow", "header Allow of the ICAP answer")] = None
    preview: Annotated[int | None, about("Preview", "header Preview of the ICAP answer", "bytes")] = None
    max_connections: Annotated[int | None, about("Max-Connections", "header Max-Connections of the ICAP answer")] = None
    options_ttl: Annotated[int | None, about("Options-TTL", "header Options-TTL of the ICAP answer", "s")] = None
    encapsulated: Annotated[Text | None, about("Encapsulated", "header Encapsulated of the answer")] = None
    parts: Annotated[
        tuple[Word, ...] | None, about("encapsulated parts", "encapsulated parts of the answer, such as req-hdr")
    ] = None
    hop_by_hop: Annotated[
        tuple[Text, ...] | None,
        about("hop-by-hop headers", "headers inside the encapsulated heads that are for one connection only"),
    ] = None
    odd_headers: Annotated[
        tuple[Text, ...] | None,
        about("odd headers", "headers of the answer that no RFC knows, with names that do not begin with X-"),
    ] = None
