"""How a member does by the rules of `icapdiag.icap.conformance`, worked out from what the probes saw of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts import from_plain, to_plain
from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.deep import Keepalive, Preview, PreviewCase, RuleResult
from icapdiag.facts.standard import Options, Sample
from icapdiag.icap.conformance import BREAKING, RULES, Rule

PASS, DEVIATES, NOT_TESTED = "pass", "deviates", "not-tested"
_SEEN = 80  # characters of what was seen
_NO_ANSWER_OF_ITS_OWN = {401, 403, 404, 407, 408, 503}  # to OPTIONS: they say nothing about OPTIONS itself
_RFC_1123 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


class Heard(Struct, frozen=True):
    """An answer to one request. ``error``: why there was none, or not all of it; ``bytes_sent`` of the request."""

    answer: Answer
    error: str | None = None
    bytes_sent: int | None = None


class Evidence:
    """All that was exchanged with a member at one address.

    ``sheets`` are those of the probes that ran, ``requests`` those of the conformance probe, by name.
    """

    def __init__(self, sheets: Mapping[str, ProbeSheet], requests: Mapping[str, Heard]) -> None:
        preview, keepalive = sheets.get("preview"), sheets.get("keepalive")
        options, clean = sheets.get("options"), sheets.get("clean")
        cases = (preview.cases or ()) if isinstance(preview, Preview) else ()
        self.cases = {case.case: case for case in cases}
        self.requests = requests
        self.options = options.answer if isinstance(options, Options) else Answer()
        self.clean = clean if isinstance(clean, Sample) else Sample()
        self.reuse = keepalive.reuse if isinstance(keepalive, Keepalive) else None
        samples = [sheets[name] for name in ("options", "clean", "eicar") if name in sheets]
        self.exchanges: Sequence[Heard] = (
            *(Heard(answer, sheet.error) for sheet in samples if (answer := sheet.part(Answer)) is not None),
            *(Heard(from_plain(Answer, to_plain(case)), case.error) for case in cases),
            *requests.values(),
        )
        self.answers = [heard.answer for heard in self.exchanges if heard.answer.icap_status is not None]

    @property
    def offers(self) -> Answer | None:
        """A good answer to OPTIONS."""
        return self.options if self.options.icap_status == 200 else None

    def broken(self, rule: Rule, *, among: Callable[[Answer], bool] = lambda _: True) -> RuleResult | None:
        """The worst deviation from this rule that any exchange shows, or one of those whose answers are such."""
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

    def any_part(self, *names: str) -> bool:
        return any(name in (answer.parts or ()) for answer in self.answers for name in names)


def check_rules(evidence: Evidence) -> Iterator[RuleResult]:
    """A result for each rule, in their order."""
    for rule in RULES.values():
        found = _TESTS[rule.name](evidence, rule)
        seen = (found.seen or "")[:_SEEN]
        yield replace(found, rule=rule.name, number=rule.number, section=rule.section, seen=seen)


def _passes(seen: str = "", detail: str = "") -> RuleResult:
    return RuleResult(result=PASS, detail=detail, seen=seen, breaks=False)


def _deviates(detail: str, seen: str = "", *, breaks: bool = False) -> RuleResult:
    """``breaks``: strict clients, Avi likely among them, fail on it. ``seen`` is ISO 8859-1, unescaped."""
    return RuleResult(result=DEVIATES, detail=detail, seen=seen, breaks=breaks)


_UNTESTED = RuleResult(result=NOT_TESTED, detail="", seen="", breaks=False)


def _first_line(answer: Answer | PreviewCase) -> str:
    return f"ICAP/1.0 {answer.icap_status or 0} {answer.icap_reason or ''}".rstrip()


def _header(name: str, value: str | int | tuple[str, ...] | None) -> str:
    """The line of an answer; empty if there was none."""
    if value is None:
        return ""
    return f"{name}: {', '.join(value) if isinstance(value, tuple) else value}"


def _status_line(evidence: Evidence, rule: Rule) -> RuleResult:
    for heard in evidence.exchanges:
        if heard.answer.peer is not None:
            return _deviates(f"the peer speaks {heard.answer.peer}", heard.answer.peer_excerpt or "", breaks=True)
    if not evidence.answers:
        return _UNTESTED
    return evidence.broken(rule) or _passes(_first_line(evidence.answers[0]))


def _options(evidence: Evidence, _: Rule) -> RuleResult:
    status = evidence.options.icap_status
    if status is None or status in _NO_ANSWER_OF_ITS_OWN:
        return _UNTESTED
    if status == 200:
        return _passes(_first_line(evidence.options))
    return _deviates("OPTIONS is refused", _first_line(evidence.options))


def _methods(evidence: Evidence, rule: Rule) -> RuleResult:
    if evidence.offers is None:
        return _UNTESTED
    listed = _header("Methods", evidence.offers.methods)
    if broken := evidence.broken(rule):
        return broken
    if len(evidence.offers.methods or ()) > 1:
        return _deviates("several methods for one URI", listed)
    return _passes(listed)


def _reqmod_offered(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None or not evidence.offers.methods:
        return _UNTESTED
    listed = _header("Methods", evidence.offers.methods)
    if "REQMOD" in (name.upper() for name in evidence.offers.methods):
        return _passes(listed)
    return _deviates("REQMOD is not listed", listed, breaks=True)


def _istag_present(evidence: Evidence, rule: Rule) -> RuleResult:
    good = [answer for answer in evidence.answers if _is_good(answer)]
    if not good:
        return _UNTESTED
    if broken := evidence.broken(rule, among=_is_good):
        return broken
    spared = any(not _is_good(answer) and answer.istag is None for answer in evidence.answers)
    return _passes(_header("ISTag", good[0].istag), "error answers have none" if spared else "")


def _is_good(answer: Answer) -> bool:
    return answer.icap_status is not None and answer.icap_status < 400


def _of_istag(evidence: Evidence, rule: Rule) -> RuleResult:
    tagged = [answer.istag for answer in evidence.answers if answer.istag is not None]
    if not tagged:
        return _UNTESTED
    return evidence.broken(rule) or _passes(_header("ISTag", tagged[0]))


def _istag_stable(evidence: Evidence, _: Rule) -> RuleResult:
    second = evidence.requests.get("options-again")
    first, again = evidence.options.istag, None if second is None else second.answer.istag
    if first is None or again is None:
        return _UNTESTED
    if first == again:
        return _passes(f"ISTag: {again}")
    return _deviates("it changed from one OPTIONS to the next", f"ISTag: {first}, ISTag: {again}")


def _options_encapsulated(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return _UNTESTED
    line = _header("Encapsulated", evidence.offers.encapsulated)
    if {"null-body", "opt-body"} & set(evidence.offers.parts or ()):
        return _passes(line)
    return _deviates("no Encapsulated with null-body or opt-body", line or _first_line(evidence.offers))


def _encapsulated(evidence: Evidence, rule: Rule) -> RuleResult:
    # That of OPTIONS, which has a rule of its own, may be missing.
    bare = "encapsulated-missing" in (evidence.options.deviation_rules or ())
    if broken := evidence.broken(rule, among=lambda answer: not (bare and answer is evidence.options)):
        return broken
    shown = [answer for answer in evidence.answers if answer.parts]
    shown.sort(key=lambda answer: "null-body" in (answer.parts or ()))  # the more telling ones first
    return _passes(_header("Encapsulated", shown[0].encapsulated)) if shown else _UNTESTED


def _of_options(header: str, value: Callable[[Answer], str | int | None]) -> Callable[[Evidence, Rule], RuleResult]:
    """A header that may be left out, and is only to be well-formed."""

    def test(evidence: Evidence, rule: Rule) -> RuleResult:
        if evidence.offers is None:
            return _UNTESTED
        if broken := evidence.broken(rule):
            return broken
        seen = _header(header, value(evidence.offers))
        return _passes(seen, "" if seen else "not sent, and need not be")

    return test


def _max_connections(evidence: Evidence, rule: Rule) -> RuleResult:
    if evidence.offers is not None and evidence.offers.max_connections == 0:
        return _deviates("it is 0", "Max-Connections: 0")
    return _of_options("Max-Connections", lambda offers: offers.max_connections)(evidence, rule)


def _date(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return _UNTESTED
    dates = [answer.date for answer in evidence.answers if answer.date is not None]
    for date in dates:
        if not _RFC_1123.fullmatch(date):
            return _deviates("it is not in the form of RFC 1123", f"Date: {date}")
    return _passes(f"Date: {dates[0]}") if dates else _passes(detail="not sent, and need not be")


def _allow_204(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return _UNTESTED
    seen = _header("Allow", evidence.offers.allow)
    if "204" in (evidence.offers.allow or ()):
        return _passes(seen)
    sent = any(answer.icap_status == 204 for answer in evidence.answers)
    return _deviates("204 is not announced" + (", and sent all the same" if sent else ""), seen)


def _transfer(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return _UNTESTED
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
    return _passes(seen) if stars == 1 else _deviates(f"* stands in {stars} of them", seen)


def _204_allowed(evidence: Evidence, rule: Rule) -> RuleResult:
    if broken := evidence.broken(rule):
        return broken
    case = evidence.cases.get("no-allow")
    return _passes(_first_line(case)) if case is not None and case.status == "ok" else _UNTESTED


def _100_continue(evidence: Evidence, rule: Rule) -> RuleResult:
    if broken := evidence.broken(rule):
        return broken
    exact, clean = evidence.cases.get("preview-n-exact"), evidence.clean
    if exact is not None and exact.icap_status is not None:
        return _passes(_first_line(exact))
    inside = (clean.profile.profile_preview_size or -1) >= (clean.sample_size or 0) > 0
    return _passes(_first_line(clean.answer)) if inside and clean.answer.icap_status is not None else _UNTESTED


def _of_parts(*names: str) -> Callable[[Evidence, Rule], RuleResult]:
    """Passed if such a part was read, and nothing was wrong with it."""

    def test(evidence: Evidence, rule: Rule) -> RuleResult:
        return evidence.broken(rule) or (_passes() if evidence.any_part(*names) else _UNTESTED)

    return test


def _hop_by_hop(evidence: Evidence, _: Rule) -> RuleResult:
    for answer in evidence.answers:
        if answer.hop_by_hop:
            return _deviates("encapsulated heads have them", ", ".join(answer.hop_by_hop))
    return _passes() if evidence.any_part("req-hdr", "res-hdr") else _UNTESTED


def _answered_with(request: str, wanted: int) -> Callable[[Evidence, Rule], RuleResult]:
    """A request that calls for this status."""

    def test(evidence: Evidence, _: Rule) -> RuleResult:
        heard = evidence.requests.get(request)
        if evidence.offers is None:
            return _UNTESTED  # what refuses a good OPTIONS says nothing by refusing a bad one
        if heard is None or heard.answer.icap_status == 503 or not heard.bytes_sent:
            return _UNTESTED
        if heard.answer.icap_status is None:
            return _deviates(heard.error or "there is no answer")
        line = _first_line(heard.answer)
        return _passes(line) if heard.answer.icap_status == wanted else _deviates("", line)

    return test


def _close_announced(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.reuse == "closed":
        return _deviates("it closed after an answer without Connection: close")
    return _passes() if evidence.reuse in {"honoured", "announced-close"} else _UNTESTED


def _kept_alive(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.reuse in {"closed", "unanswered", "desynchronised"}:
        return _deviates(f"the second request on a connection: {evidence.reuse}")
    return _passes() if evidence.reuse == "honoured" else _UNTESTED


def _host_names(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return _UNTESTED
    named = evidence.requests.get("options-by-name")
    if named is None or named.answer.icap_status is None:
        return _passes(detail="by address; by name was not tried")
    if named.answer.icap_status == 200:
        return _passes(_first_line(named.answer), "by address and by name")
    return _deviates("by name it answers otherwise", _first_line(named.answer))


def _header_names(evidence: Evidence, rule: Rule) -> RuleResult:
    if not evidence.answers:
        return _UNTESTED
    if broken := evidence.broken(rule):
        return broken
    odd = list(dict.fromkeys(name for answer in evidence.answers for name in answer.odd_headers or ()))
    return _deviates("they do not begin with X-", ", ".join(odd)) if odd else _passes()


def _folding(evidence: Evidence, _: Rule) -> RuleResult:
    told = [answer for answer in evidence.answers if answer.x_violations_found is not None]
    for answer in told:
        if "header-without-colon" in (answer.deviation_rules or ()):
            return _deviates("its lines begin without white space", answer.x_violations_found or "")
    return _passes() if told else _UNTESTED


_TESTS: Mapping[str, Callable[[Evidence, Rule], RuleResult]] = MappingProxyType(
    {
        "status-line": _status_line,
        "options": _options,
        "methods": _methods,
        "reqmod-offered": _reqmod_offered,
        "istag-present": _istag_present,
        "istag-quoted": _of_istag,
        "istag-length": _of_istag,
        "istag-stable": _istag_stable,
        "options-encapsulated": _options_encapsulated,
        "encapsulated": _encapsulated,
        "opt-body-type": _of_options("Opt-body-type", lambda offers: None),
        "max-connections": _max_connections,
        "options-ttl": _of_options("Options-TTL", lambda offers: offers.options_ttl),
        "date": _date,
        "service": _of_options("Service", lambda offers: offers.service),
        "allow-204": _allow_204,
        "preview": _of_options("Preview", lambda offers: offers.preview),
        "transfer": _transfer,
        "204-allowed": _204_allowed,
        "100-continue": _100_continue,
        "body-coding": _of_parts("req-body", "res-body"),
        "heads": _of_parts("req-hdr", "res-hdr"),
        "hop-by-hop": _hop_by_hop,
        "unknown-method": _answered_with("unknown-method", 501),
        "unknown-service": _answered_with("unknown-service", 404),
        "close-announced": _close_announced,
        "kept-alive": _kept_alive,
        "host-names": _host_names,
        "header-names": _header_names,
        "folding": _folding,
    }
)
