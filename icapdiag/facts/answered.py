"""An ICAP response as facts, met live or in a capture."""

from __future__ import annotations

from msgspec.structs import replace

from icapdiag.facts.answer import Answer, Deviation
from icapdiag.icap.body import Body
from icapdiag.icap.client import Exchange
from icapdiag.icap.conformance import hop_by_hop, odd_headers
from icapdiag.icap.header_table import TEXT_KEPT, header_facts
from icapdiag.icap.message import Response
from icapdiag.icap.verdict import judge

TEXTS_KEPT = 20  # of a list that a server fills


def answer_facts(exchange: Exchange, response: Response | None) -> Answer:
    """Status, deviations and headers of an answer; without one, the deviations before it.

    The answer may be an unexpected 100 Continue.
    """
    answer = Answer(method=exchange.request.method)
    deviations = (*(response.deviations if response else ()), *exchange.deviations)
    if response is not None or deviations:
        answer.deviations = tuple(
            Deviation(rule=d.rule, section=d.section, detail=d.detail, seen=d.seen.decode("latin-1"))
            for d in deviations[:TEXTS_KEPT]
        )
        answer.deviation_rules = tuple(dict.fromkeys(d.rule for d in deviations))
    if response is None:
        return answer
    answer = replace(
        answer,
        **header_facts(response.headers),
        icap_status=response.status,
        icap_reason=response.reason[:TEXT_KEPT],
        complete=response.complete,
    )
    if response.http_response is not None:
        answer.http_status = response.http_response.status
    if (encapsulated := response.headers.get("Encapsulated")) is not None:
        answer.encapsulated = encapsulated[:TEXT_KEPT]
    answer.parts = tuple(part.name for part in response.encapsulated or ())[:TEXTS_KEPT] or None
    answer.hop_by_hop = tuple(hop_by_hop(response))[:TEXTS_KEPT] or None
    answer.odd_headers = tuple(odd_headers(response.headers))[:TEXTS_KEPT] or None
    return answer


def verdict_facts(response: Response, sent_body: bytes | Body | None, *, method: str = "REQMOD") -> Answer:
    """The verdict of the answer on the body that was sent; None: the body is not known."""
    judgement = judge(response, sent_body=sent_body, method=method)
    return Answer(
        verdict=judgement.verdict,
        verdict_reason=judgement.reason,
        threats=tuple(judgement.threats),
        decided_by=tuple(judgement.decided_by),
    )
