"""What an ICAP server decided about a body: one pure function over one response.

A status alone decides little (RFC 3507, 4.8.2: a 200 wraps clean content as well as block pages),
so every part of the answer makes a *claim* (`icapdiag.icap.dialects`) and the claims are weighed
by the steps in `judge`, in that order; the first step with an opinion decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from icapdiag.icap.body import Body
from icapdiag.icap.dialects import ALLOWED, BLOCKED, ERROR, MODIFIED, UNKNOWN, UNSCANNABLE, Claim, action_word, tidy
from icapdiag.icap.header_table import EXPLANATIONS, header_claims
from icapdiag.icap.message import CONTENT_AFTER_NULL_BODY, Response

_REFUSALS = (BLOCKED, UNSCANNABLE, ERROR)
_THREATS_KEPT = 20
_REDIRECTS = {301, 302, 303, 307, 308}  # squidclamav and custom block pages
# "403 VirusFound": a wrong offset ate "HTTP/1.1"
_CUT_STATUS_LINE = re.compile(r"\s*([1-5][0-9]{2})\s+\S.*", re.DOTALL)
_DETECTION_PHRASE = re.compile(r"infect|virus|malware", re.IGNORECASE)
# Documented to answer ICAP 403 for an infected body; elsewhere a bare 403 is an access list (c-icap).
_BLOCKS_WITH_403 = re.compile(r"fortisandbox|trend ?micro|interscan|iwsva", re.IGNORECASE)
_SUCCESSES = {200, 204, 201, 206}  # of RFC 3507, of vendors, of a draft; what another 2xx means nobody says
_STATUS_MEANINGS = {
    404: "no such service", 405: "method not allowed for this service", 418: "bad composition", 500: "server error",
    408: "the server waited in vain for the request", 503: "overloaded", 505: "ICAP version not supported",
    506: "too busy", 533: "error while scanning", 539: "no scanning licence", 551: "resource unavailable",
    558: "no scanning licence",
}  # fmt: skip


class Judgement(NamedTuple):
    """The verdict on a body, and why.

    ``verdict`` is ``allowed``, ``blocked``, ``modified``, ``unscannable`` (encrypted, over a limit, of an unsupported
    type), ``error`` (the scanner failed: no statement about the body) or ``unknown``. ``reason`` is one sentence with
    the server's own words. ``threats`` are names as the server gave them, at most 20 of at most 200 characters.
    ``decided_by`` lists what decided, most decisive first: header names, ``status`` (ICAP), ``http-status`` (the
    encapsulated head's), ``body`` (comparison with the original); empty only for ``unknown``.

    Reason and threats are a stranger's text: whoever shows them escapes them.
    """

    verdict: str
    reason: str
    threats: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()


class _Change(Enum):
    """How the content in the answer relates to the original."""

    NOTHING_RETURNED = auto()
    SAME = auto()
    DIFFERENT = auto()
    CUT = auto()  # the answer broke off, and so far it is the original's beginning
    NO_ORIGINAL = auto()  # content came back and there is nothing to compare it with


class _Case(NamedTuple):
    response: Response
    method: str | None
    claims: tuple[Claim, ...]
    change: _Change

    def saying(self, *verdicts: str) -> list[Claim]:
        return [claim for claim in self.claims if claim.verdict in verdicts]

    @property
    def threats(self) -> tuple[str, ...]:
        named = [name for claim in self.claims if not claim.fallback_name for name in claim.threats]
        named = named or [name for claim in self.claims for name in claim.threats]
        return tuple(dict.fromkeys(named))[:_THREATS_KEPT]

    def judgement(self, verdict: str, reason: str, decided_by: Iterable[str]) -> Judgement:
        return Judgement(verdict, reason, self.threats, tuple(dict.fromkeys(decided_by)))

    def agreed(self, winner: Claim) -> Judgement:
        """The winner's verdict, with all that say the same behind it."""
        return self.judgement(winner.verdict, self.reason(winner), _sources(winner, *self.saying(winner.verdict)))

    def reason(self, claim: Claim) -> str:
        """The claim as a sentence, with the server's explanation where the claim names nothing itself."""
        sentence = _sentence(claim)
        if claim.threats or claim.source in EXPLANATIONS or (claim.source == "status" and claim.verdict == ALLOWED):
            return sentence
        text = _first_text(self.response, *EXPLANATIONS)
        return sentence if text in sentence else f"{sentence}: {text}"


def judge(response: Response, *, sent_body: bytes | Body | None = None, method: str | None = None) -> Judgement:
    """What the server decided about the body of the request that ``response`` answers.

    ``sent_body`` is the original body where it is known (bytes, without chunking): only it tells an echo from a
    rewrite. ``method`` is the request's, where known: an HTTP response in a REQMOD answer stands in the request's place
    (RFC 3507, 4.8.2), in RESPMOD it is the content itself. Raises nothing, whatever the response holds.
    """
    case = _Case(response, method, tuple(_claims(response)), _compare(response, sent_body))
    steps = (_interim, _failed, _refused, _undefined, _changed, _options, _allowed, _nothing_encapsulated, _returned)
    return next(filter(None, (step(case) for step in steps)), None) or _silent(case)


# --- claims of the status codes ---------------------------------------------------------------


def _claims(response: Response) -> Iterable[Claim]:
    """All claims of the answer, weightiest first: headers, encapsulated status, ICAP status."""
    yield from header_claims(response)
    success = 200 <= response.status <= 299
    http_status, http_line = _http_status(response)
    if success and http_status is not None:
        if 400 <= http_status <= 499 or http_status in _REDIRECTS:
            yield Claim(BLOCKED, http_line, source="http-status")
        elif 500 <= http_status <= 599:
            yield Claim(ERROR, http_line, source="http-status")
    words = tidy(f"{response.status:03d} {response.reason or _STATUS_MEANINGS.get(response.status, '')}")
    if response.status == 204:
        yield Claim(ALLOWED, words, source="status")
    elif response.status in {201, 206}:
        yield Claim(MODIFIED, words, source="status")
    elif response.status == 403 and _refuses_with_403(response):
        yield Claim(BLOCKED, words, source="status")
    elif response.status >= 300 or response.status < 100:
        yield Claim(ERROR, words, source="status")


def _http_status(response: Response) -> tuple[int | None, str]:
    """Status and words of the encapsulated response head, also where its beginning was cut off."""
    for head in filter(None, (response.http_response, response.http_request)):
        status = head.status
        if status is None and (cut := _CUT_STATUS_LINE.fullmatch(head.start_line[:200])):
            status = int(cut[1])
        if status is not None:
            line = tidy(head.start_line)
            return status, line.partition(" ")[2] if line.upper().startswith("HTTP/") else line
    return None, ""


def _refuses_with_403(response: Response) -> bool:
    product = " ".join(tidy(value) for name in ("Server", "Service") for value in response.headers.get_all(name))
    return bool(_DETECTION_PHRASE.search(tidy(response.reason)) or _BLOCKS_WITH_403.search(product))


def _compare(response: Response, sent_body: bytes | Body | None) -> _Change:
    """Compare the returned body with the original; of a long body only what was kept, and the length."""
    if response.body_name == "opt-body" or not (response.http_request or response.http_response or response.body_size):
        return _Change.NOTHING_RETURNED
    size, offset = response.body_size, response.use_original_body
    if sent_body is None:
        return _Change.SAME if offset == 0 and size == 0 else _Change.NO_ORIGINAL
    if offset is not None:  # 206: the original goes on from here (draft-icap-ext-partial-content)
        size += max(0, len(sent_body) - offset)
    if not sent_body.startswith(response.body):
        return _Change.DIFFERENT
    if size == len(sent_body):
        return _Change.SAME
    return _Change.CUT if size < len(sent_body) and not response.complete else _Change.DIFFERENT


# --- sentences --------------------------------------------------------------------------------

_SENTENCES = {"status": "ICAP {words}", "http-status": "HTTP {words} came back instead of the content"}


def _sentence(claim: Claim) -> str:
    return _SENTENCES.get(claim.source, "{source} says: {words}").format(source=claim.source, words=claim.words)


def _first_text(response: Response, *names: str) -> str:
    texts = (tidy(response.headers.get(name) or "") for name in names)
    return next((text for text in texts if text), "")


def _sources(*claims: Claim) -> list[str]:
    return [claim.source for claim in claims]


# --- the steps, in order of precedence --------------------------------------------------------


def _interim(case: _Case) -> Judgement | None:
    """1xx: the server has not answered yet (RFC 3507, 4.5)."""
    if not 100 <= case.response.status <= 199:
        return None
    words = tidy(f"{case.response.status} {case.response.reason}")
    return case.judgement(UNKNOWN, f"ICAP {words} is not a final response", ["status"])


def _failed(case: _Case) -> Judgement | None:
    """3xx to 5xx: the service failed, whatever is wrapped inside, except where a status is used to refuse.

    Such are an ICAP 403 whose headers (or reason phrase, or product) name a detection, and the
    X-Error-Code values with which Symantec's 500 refuses a file. A bare 403 is an access list.
    """
    if 200 <= case.response.status <= 299:
        return None
    refusing_status = case.response.status == 403
    refusals = [c for c in case.saying(*_REFUSALS) if refusing_status or c.source in {"X-Error-Code", "status"}]
    winner = refusals[0]  # the status itself is one
    agreeing = [claim for claim in refusals if claim.verdict == winner.verdict or claim.source == "status"]
    return case.judgement(winner.verdict, case.reason(winner) + _inner_words(case.response), _sources(*agreeing))


def _inner_words(response: Response) -> str:
    """What a failed answer carries beside its status: an HTTP status, or a text as opt-body."""
    _, http_line = _http_status(response)
    text = tidy(response.body.decode("latin-1")) if response.body_name == "opt-body" else ""
    return (f", with HTTP {http_line} inside" if http_line else "") + (f": {text}" if text else "")


def _refused(case: _Case) -> Judgement | None:
    """A refusal outweighs what merely did not find anything, but must not contradict a pass.

    Detection headers come first, then reasons, then the action word, then an encapsulated 4xx or
    redirect (the user gets that page instead of the content, so it beats a header that says
    "allowed"). A server that both names a threat and lets the original pass (204, X-Response-Info:
    Allowed) can't be understood: ``unknown``. One that says "allowed" of what it could not scan has
    not scanned it: the refusal stands. Resolution=1 is believed only where content came back.
    """
    refusals = case.saying(*_REFUSALS)
    if not refusals:
        return None
    winner = refusals[0]
    page = next((c for c in refusals if c.source == "http-status" and c.verdict == BLOCKED), None)
    passes = [claim for claim in case.saying(ALLOWED) if claim.explicit]
    returned = page is None and case.change in {_Change.DIFFERENT, _Change.NO_ORIGINAL}
    if winner.verdict == BLOCKED and returned and winner.cleaned:
        return case.judgement(MODIFIED, f"{_sentence(winner)}; the cleaned content came back", [winner.source])
    if winner.verdict == BLOCKED and passes and (page is None or case.response.status == 204):
        if case.change is _Change.DIFFERENT:
            reason = f"{_sentence(winner)}; {_sentence(passes[0])}, and other content came back"
            return case.judgement(MODIFIED, reason, [passes[0].source, "body", winner.source])
        reason = f"the answer contradicts itself: {_sentence(winner)}, but {_sentence(passes[0])}"
        return case.judgement(UNKNOWN, reason, _sources(winner, passes[0]))
    return case.agreed(winner)


def _undefined(case: _Case) -> Judgement | None:
    """A 2xx without a meaning in ICAP, and content where Encapsulated has none: never clean, whatever else is said."""
    words = tidy(f"{case.response.status} {case.response.reason}")
    if case.response.status not in _SUCCESSES:
        return case.judgement(UNKNOWN, f"ICAP {words} has no defined meaning", ["status"])
    if any(deviation.rule == CONTENT_AFTER_NULL_BODY for deviation in case.response.deviations):
        reason = "the answer contradicts itself: Encapsulated has null-body=0, and content follows"
        return case.judgement(UNKNOWN, reason, ["Encapsulated"])
    return None


def _changed(case: _Case) -> Judgement | None:
    """201 and 206 (vendor codes and a draft) or a header such as "Cleaned": other content, unless it is the same."""
    claims = case.saying(MODIFIED)
    if not claims:
        return None
    if case.change is _Change.SAME:
        reason = f"{_sentence(claims[0])}, but the content came back unchanged"
        return case.judgement(ALLOWED, reason, ["Encapsulated", "body"])
    return case.agreed(claims[0])


def _options(case: _Case) -> Judgement | None:
    """An OPTIONS answer (4.10.2) says what a service can do, and nothing about a body."""
    headers = case.response.headers
    if "Methods" in headers:
        source = "Methods"
    elif case.response.body_name == "opt-body":
        source = "Encapsulated"
    elif (headers.get("X-Response-Info") or "").strip().lower() == "options":
        source = "X-Response-Info"
    else:
        return None
    return case.judgement(UNKNOWN, "this answers OPTIONS, which has no body to decide on", [source])


def _allowed(case: _Case) -> Judgement | None:
    """204, an allowing word, or headers that found nothing; other content is still a sanitised body."""
    claims = case.saying(ALLOWED)
    if not claims:
        return None
    winner = next((claim for claim in claims if claim.explicit and claim.source != "status"), claims[0])
    if case.change is _Change.DIFFERENT:
        return case.judgement(MODIFIED, f"{_sentence(winner)}, but other content came back", ["body", winner.source])
    return case.agreed(winner)


def _nothing_encapsulated(case: _Case) -> Judgement | None:
    """``null-body=0`` with no head before it: nothing came back, so nothing was changed or refused.

    c-icap writes a 204 so for clients that did not allow one (SupportBuggyClients).
    """
    parts = case.response.encapsulated
    if not parts or case.change is not _Change.NOTHING_RETURNED or case.response.body_name != "null-body":
        return None
    if any(part.offset for part in parts):
        return None
    return case.judgement(ALLOWED, "nothing came back, so nothing was changed", ["Encapsulated"])


def _returned(case: _Case) -> Judgement | None:
    """Content came back and no header says why: only the original tells an echo from a rewrite."""
    if case.change is _Change.SAME:
        return case.judgement(ALLOWED, "the content came back unchanged", ["Encapsulated", "body"])
    if case.change is _Change.CUT:
        return case.judgement(UNKNOWN, "the answer broke off inside an echo of the content", ["Encapsulated", "body"])
    if case.change is _Change.NOTHING_RETURNED:
        return None
    if (case.method or "").upper() == "REQMOD" and case.response.http_response:
        line = tidy(case.response.http_response.start_line)
        return case.judgement(BLOCKED, f"{line} came back instead of the request", ["Encapsulated"])
    if case.change is _Change.DIFFERENT:
        return case.judgement(MODIFIED, "other content came back", ["Encapsulated", "body"])
    reason = "content came back; without the original, an echo looks like a rewrite"
    return case.judgement(MODIFIED, reason, ["Encapsulated"])


def _silent(case: _Case) -> Judgement:
    """A 2xx with neither content nor a word: never clean."""
    words = tidy(f"{case.response.status} {case.response.reason}")
    text = _first_text(case.response, "X-Response-Info", *EXPLANATIONS)
    if text and action_word(text) is None:
        return case.judgement(UNKNOWN, f"ICAP {words} with words that say nothing known: {text}", [])
    if not case.response.complete:
        return case.judgement(UNKNOWN, f"ICAP {words} broke off before the content that it announced", [])
    return case.judgement(UNKNOWN, f"ICAP {words} alone says nothing about the body", [])
