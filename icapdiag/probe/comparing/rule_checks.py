"""Whether a member keeps to the rules of `icapdiag.icap.conformance`, derived from what the probes observed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts import from_plain, to_plain
from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.deep import Keepalive, Preview, PreviewCase, RuleResult
from icapdiag.facts.standard import Sample
from icapdiag.icap.conformance import BREAKING, RULES, Rule
from icapdiag.probe.base import found_in

PASS, DEVIATES, NOT_TESTED = "pass", "deviates", "not-tested"
_SEEN = 80  # characters of what was seen
_NO_ANSWER_OF_ITS_OWN = {401, 403, 404, 407, 408, 503}  # to OPTIONS: they say nothing about OPTIONS itself
_RFC_1123 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


class Heard(Struct, frozen=True):
    """An answer to one request. ``error``: why it is missing or incomplete; ``bytes_sent``: of the request."""

    answer: Answer
    error: str | None = None
    bytes_sent: int | None = None


class Evidence:
    """Everything that was exchanged with a member at one address.

    ``sheets``: those of the probes that ran; ``requests``: those of the conformance probe, by name.
    """

    def __init__(self, sheets: Mapping[str, ProbeSheet], requests: Mapping[str, Heard]) -> None:
        cases = found_in(sheets.get("preview"), Preview).cases or ()
        self.cases = {case.case: case for case in cases}
        self.requests = requests
        self.options = found_in(sheets.get("options"), Answer)
        self.offered = self.options.icap_status == 200
        self.offers = self.options if self.offered else Answer()  # a good answer to OPTIONS
        self.clean = found_in(sheets.get("clean"), Sample)
        self.reuse = found_in(sheets.get("keepalive"), Keepalive).reuse
        samples = [sheets[name] for name in ("options", "clean", "eicar") if name in sheets]
        self.exchanges: Sequence[Heard] = (
            *(Heard(answer, sheet.error) for sheet in samples if (answer := sheet.part(Answer)) is not None),
            *(Heard(from_plain(Answer, to_plain(case)), case.error) for case in cases),
            *requests.values(),
        )
        self.answers = [heard.answer for heard in self.exchanges if heard.answer.icap_status is not None]

    def asked(self, name: str) -> Heard:
        """The answer to this request of the conformance probe; an empty one if it was not sent."""
        return self.requests.get(name, Heard(Answer()))

    def any_part(self, *names: str) -> bool:
        return any(name in (answer.parts or ()) for answer in self.answers for name in names)

    def broken(self, rule: Rule, *, among: Callable[[Answer], bool]) -> RuleResult | None:
        """The worst deviation from this rule in the exchanges with such answers."""
        exchanges = [heard for heard in self.exchanges if among(heard.answer)]
        found = [
            _deviates(item.detail or "", item.seen or _first_line(heard.answer), breaks=item.rule in BREAKING)
            for heard in exchanges
            for item in heard.answer.deviations or ()
            if item.rule in rule.deviations
        ]
        found += [
            _deviates(heard.error or "", breaks=True)
            for heard in exchanges
            if heard.answer.protocol_rule in rule.deviations
        ]
        return max(found, key=lambda result: result.breaks is True, default=None)


_First = Callable[[Evidence], RuleResult | None]


class _Check(Struct, frozen=True):
    """How a rule is tested: by ``test`` if no exchange shows a deviation from it.

    ``first``: a result before that, mostly that there was nothing to test it with.
    ``among``: the answers whose deviations count.
    """

    test: Callable[[Evidence], RuleResult]
    first: _First = lambda _: None
    among: Callable[[Evidence], Callable[[Answer], bool]] = lambda _: lambda _: True


def check_rules(evidence: Evidence) -> Iterator[RuleResult]:
    """A result for each rule, in order."""
    for rule in RULES.values():
        check = _CHECKS[rule.name]
        found = check.first(evidence) or evidence.broken(rule, among=check.among(evidence)) or check.test(evidence)
        seen = (found.seen or "")[:_SEEN]
        yield replace(found, rule=rule.name, number=rule.number, section=rule.section, seen=seen)


def _passes(seen: str = "", detail: str = "") -> RuleResult:
    return RuleResult(result=PASS, detail=detail, seen=seen, breaks=False)


def _deviates(detail: str, seen: str = "", *, breaks: bool = False) -> RuleResult:
    """``breaks``: strict clients, Avi likely among them, fail on it. ``seen`` is ISO 8859-1, unescaped."""
    return RuleResult(result=DEVIATES, detail=detail, seen=seen, breaks=breaks)


_UNTESTED = RuleResult(result=NOT_TESTED, detail="", seen="", breaks=False)


def _kept(good: bool, seen: str, otherwise: str, *, breaks: bool = False) -> RuleResult:
    """Passed, or ``otherwise`` is what deviates."""
    return _passes(seen) if good else _deviates(otherwise, seen, breaks=breaks)


def _unless(seen: Callable[[Evidence], object]) -> _First:
    """Not tested unless there is such a value."""
    return lambda evidence: None if seen(evidence) else _UNTESTED


_NO_OFFERS = _unless(lambda evidence: evidence.offered)


def _first_line(answer: Answer | PreviewCase) -> str:
    return f"ICAP/1.0 {answer.icap_status or 0} {answer.icap_reason or ''}".rstrip()


def _header(name: str, value: str | int | tuple[str, ...] | None) -> str:
    """The line of an answer; empty if there was none."""
    if value is None:
        return ""
    return f"{name}: {', '.join(value) if isinstance(value, tuple) else value}"


def _other_peer(evidence: Evidence) -> RuleResult | None:
    for heard in evidence.exchanges:
        if heard.answer.peer is not None:
            return _deviates(f"the peer speaks {heard.answer.peer}", heard.answer.peer_excerpt or "", breaks=True)
    return None if evidence.answers else _UNTESTED


def _options(evidence: Evidence) -> RuleResult:
    status = evidence.options.icap_status
    if status is None or status in _NO_ANSWER_OF_ITS_OWN:
        return _UNTESTED
    return _kept(status == 200, _first_line(evidence.options), "OPTIONS is refused")


def _methods(evidence: Evidence) -> RuleResult:
    methods = evidence.offers.methods
    return _kept(len(methods or ()) <= 1, _header("Methods", methods), "several methods for one URI")


def _reqmod_offered(evidence: Evidence) -> RuleResult:
    methods = evidence.offers.methods or ()
    listed = "REQMOD" in (name.upper() for name in methods)
    return _kept(listed, _header("Methods", methods), "REQMOD is not listed", breaks=True)


def _istag_present(evidence: Evidence) -> RuleResult:
    good = next(answer for answer in evidence.answers if _is_good(answer))
    spared = any(not _is_good(answer) and answer.istag is None for answer in evidence.answers)
    return _passes(_header("ISTag", good.istag), "error answers have none" if spared else "")


def _is_good(answer: Answer) -> bool:
    return answer.icap_status is not None and answer.icap_status < 400


def _istags(evidence: Evidence) -> list[str]:
    return [answer.istag for answer in evidence.answers if answer.istag is not None]


_OF_ISTAG = _Check(lambda evidence: _passes(_header("ISTag", _istags(evidence)[0])), _unless(_istags))


def _istag_stable(evidence: Evidence) -> RuleResult:
    first, again = evidence.options.istag, evidence.asked("options-again").answer.istag
    if first is None or again is None:
        return _UNTESTED
    if first == again:
        return _passes(f"ISTag: {again}")
    return _deviates("it changed from one OPTIONS to the next", f"ISTag: {first}, ISTag: {again}")


def _options_encapsulated(evidence: Evidence) -> RuleResult:
    seen = _header("Encapsulated", evidence.offers.encapsulated) or _first_line(evidence.offers)
    without_body = bool({"null-body", "opt-body"} & set(evidence.offers.parts or ()))
    return _kept(without_body, seen, "no Encapsulated with null-body or opt-body")


def _encapsulated(evidence: Evidence) -> RuleResult:
    shown = [answer for answer in evidence.answers if answer.parts]
    shown.sort(key=lambda answer: "null-body" in (answer.parts or ()))  # the more telling ones first
    return _passes(_header("Encapsulated", shown[0].encapsulated)) if shown else _UNTESTED


def _with_encapsulated(evidence: Evidence) -> Callable[[Answer], bool]:
    """Encapsulated may be missing in the response to OPTIONS, which has a rule of its own."""
    bare = "encapsulated-missing" in (evidence.options.deviation_rules or ())
    return lambda answer: not (bare and answer is evidence.options)


def _optional(seen: str) -> RuleResult:
    """A test of an optional header, which only has to be well-formed."""
    return _passes(seen, "" if seen else "not sent, and need not be")


def _of_options(header: str, value: Callable[[Answer], str | int | None], first: _First = _NO_OFFERS) -> _Check:
    return _Check(lambda evidence: _optional(_header(header, value(evidence.offers))), first)


def _no_connections(evidence: Evidence) -> RuleResult | None:
    return _deviates("it is 0", "Max-Connections: 0") if evidence.offers.max_connections == 0 else _NO_OFFERS(evidence)


def _date(evidence: Evidence) -> RuleResult:
    dates = [answer.date for answer in evidence.answers if answer.date is not None]
    for date in dates:
        if not _RFC_1123.fullmatch(date):
            return _deviates("it is not in the form of RFC 1123", f"Date: {date}")
    return _optional(_header("Date", dates[0] if dates else None))


def _allow_204(evidence: Evidence) -> RuleResult:
    allow = evidence.offers.allow
    sent = any(answer.icap_status == 204 for answer in evidence.answers)
    otherwise = "204 is not announced" + (", but sent" if sent else "")
    return _kept("204" in (allow or ()), _header("Allow", allow), otherwise)


def _transfer(evidence: Evidence) -> RuleResult:
    lists = {
        "Transfer-Preview": evidence.offers.transfer_preview,
        "Transfer-Ignore": evidence.offers.transfer_ignore,
        "Transfer-Complete": evidence.offers.transfer_complete,
    }
    sent = {name: value for name, value in lists.items() if value is not None}
    if not sent:
        return _passes(detail="none is sent, and need not be")
    seen = ", ".join(_header(name, value) for name, value in sent.items())
    stars = sum("*" in [part.strip() for part in value.split(",")] for value in sent.values())
    return _kept(stars == 1, seen, f"* stands in {stars} of them")


def _204_allowed(evidence: Evidence) -> RuleResult:
    case = evidence.cases.get("no-allow")
    return _passes(_first_line(case)) if case is not None and case.status == "ok" else _UNTESTED


def _100_continue(evidence: Evidence) -> RuleResult:
    exact, clean = evidence.cases.get("preview-n-exact"), evidence.clean
    if exact is not None and exact.icap_status is not None:
        return _passes(_first_line(exact))
    inside = (clean.profile.profile_preview_size or -1) >= (clean.sample_size or 0) > 0
    return _passes(_first_line(clean.answer)) if inside and clean.answer.icap_status is not None else _UNTESTED


def _of_parts(*names: str) -> _Check:
    """Passed if such a part was read and was correct."""
    return _Check(lambda evidence: _passes() if evidence.any_part(*names) else _UNTESTED)


def _hop_by_hop(evidence: Evidence) -> RuleResult:
    for answer in evidence.answers:
        if answer.hop_by_hop:
            return _deviates("encapsulated heads have them", ", ".join(answer.hop_by_hop))
    return _passes() if evidence.any_part("req-hdr", "res-hdr") else _UNTESTED


def _answered_with(request: str, wanted: int) -> _Check:
    """Passed if a request got this status. A server that refuses a good OPTIONS shows nothing by refusing a bad one."""

    def test(evidence: Evidence) -> RuleResult:
        heard = evidence.asked(request)
        if heard.answer.icap_status == 503 or not heard.bytes_sent:
            return _UNTESTED
        if heard.answer.icap_status is None:
            return _deviates(heard.error or "no response")
        return _kept(heard.answer.icap_status == wanted, _first_line(heard.answer), "")

    return _Check(test, _NO_OFFERS)


def _of_reuse(good: set[str], bad: set[str], otherwise: str) -> _Check:
    """A test by the result of a second request on a connection."""
    tested = _unless(lambda evidence: evidence.reuse in good | bad)
    return _Check(lambda evidence: _kept(evidence.reuse in good, "", otherwise.format(evidence.reuse)), tested)


def _host_names(evidence: Evidence) -> RuleResult:
    named = evidence.asked("options-by-name").answer
    if named.icap_status is None:
        return _passes(detail="by address; by name was not tried")
    if named.icap_status == 200:
        return _passes(_first_line(named), "by address and by name")
    return _deviates("by name it answers otherwise", _first_line(named))


def _header_names(evidence: Evidence) -> RuleResult:
    odd = list(dict.fromkeys(name for answer in evidence.answers for name in answer.odd_headers or ()))
    return _deviates("they do not begin with X-", ", ".join(odd)) if odd else _passes()


def _folding(evidence: Evidence) -> RuleResult:
    told = [answer for answer in evidence.answers if answer.x_violations_found is not None]
    for answer in told:
        if "header-without-colon" in (answer.deviation_rules or ()):
            return _deviates("its lines begin without white space", answer.x_violations_found or "")
    return _passes() if told else _UNTESTED


_CHECKS: Mapping[str, _Check] = {
    "status-line": _Check(lambda evidence: _passes(_first_line(evidence.answers[0])), _other_peer),
    "options": _Check(_options),
    "methods": _Check(_methods, _NO_OFFERS),
    "reqmod-offered": _Check(_reqmod_offered, _unless(lambda evidence: evidence.offers.methods)),
    "istag-present": _Check(
        _istag_present, _unless(lambda evidence: any(map(_is_good, evidence.answers))), lambda _: _is_good
    ),
    "istag-quoted": _OF_ISTAG,
    "istag-length": _OF_ISTAG,
    "istag-stable": _Check(_istag_stable),
    "options-encapsulated": _Check(_options_encapsulated, _NO_OFFERS),
    "encapsulated": _Check(_encapsulated, among=_with_encapsulated),
    "opt-body-type": _of_options("Opt-body-type", lambda offers: None),
    "max-connections": _of_options("Max-Connections", lambda offers: offers.max_connections, _no_connections),
    "options-ttl": _of_options("Options-TTL", lambda offers: offers.options_ttl),
    "date": _Check(_date, _NO_OFFERS),
    "service": _of_options("Service", lambda offers: offers.service),
    "allow-204": _Check(_allow_204, _NO_OFFERS),
    "preview": _of_options("Preview", lambda offers: offers.preview),
    "transfer": _Check(_transfer, _NO_OFFERS),
    "204-allowed": _Check(_204_allowed),
    "100-continue": _Check(_100_continue),
    "body-coding": _of_parts("req-body", "res-body"),
    "heads": _of_parts("req-hdr", "res-hdr"),
    "hop-by-hop": _Check(_hop_by_hop),
    "unknown-method": _answered_with("unknown-method", 501),
    "unknown-service": _answered_with("unknown-service", 404),
    "close-announced": _of_reuse(
        {"honoured", "announced-close"}, {"closed"}, "it closed after an answer without Connection: close"
    ),
    "kept-alive": _of_reuse(
        {"honoured"}, {"closed", "unanswered", "desynchronised"}, "the second request on a connection: {}"
    ),
    "host-names": _Check(_host_names, _NO_OFFERS),
    "header-names": _Check(_header_names, _unless(lambda evidence: evidence.answers)),
    "folding": _Check(_folding),
}
