"""How a member does by the rules of `icapdiag.icap.conformance`, worked out from what the probes saw of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from icapdiag.icap.conformance import RULES, Rule
from icapdiag.probe.comparing.rule_evidence import (
    DEVIATES,
    PASS,
    UNTESTED,
    Evidence,
    RuleResult,
    first_line,
    header_line,
    number_of,
    status_of,
    text_of,
    texts_of,
)

_NO_ANSWER_OF_ITS_OWN = {401, 403, 404, 407, 408, 503}  # to OPTIONS: they say nothing about OPTIONS itself
_RFC_1123 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_TRANSFERS = ("transfer_preview", "transfer_ignore", "transfer_complete")


def check_rules(evidence: Evidence) -> Iterator[tuple[Rule, RuleResult]]:
    """A result for each rule, in their order."""
    for rule in RULES.values():
        yield rule, _TESTS[rule.name](evidence, rule)


def _status_line(evidence: Evidence, rule: Rule) -> RuleResult:
    for facts in evidence.exchanges:
        if facts.get("peer") is not None:
            return RuleResult(
                DEVIATES, f"the peer speaks {facts['peer']}", text_of(facts.get("peer_excerpt")), breaks=True
            )
    if not evidence.answers:
        return UNTESTED
    return evidence.broken(rule) or RuleResult(PASS, seen=first_line(evidence.answers[0]))


def _options(evidence: Evidence, _: Rule) -> RuleResult:
    status = evidence.options.get("icap_status")
    if not isinstance(status, int) or status in _NO_ANSWER_OF_ITS_OWN:
        return UNTESTED
    if status == 200:
        return RuleResult(PASS, seen=first_line(evidence.options))
    return RuleResult(DEVIATES, "OPTIONS is refused", first_line(evidence.options))


def _methods(evidence: Evidence, rule: Rule) -> RuleResult:
    if evidence.offers is None:
        return UNTESTED
    listed = header_line(evidence.offers, "methods", "Methods")
    if broken := evidence.broken(rule):
        return broken
    if len(texts_of(evidence.offers.get("methods"))) > 1:
        return RuleResult(DEVIATES, "several methods for one URI", listed)
    return RuleResult(PASS, seen=listed)


def _reqmod_offered(evidence: Evidence, _: Rule) -> RuleResult:
    methods = texts_of((evidence.offers or {}).get("methods"))
    if not methods:
        return UNTESTED
    listed = header_line(evidence.options, "methods", "Methods")
    if "REQMOD" in (name.upper() for name in methods):
        return RuleResult(PASS, seen=listed)
    return RuleResult(DEVIATES, "REQMOD is not listed", listed, breaks=True)


def _istag_present(evidence: Evidence, rule: Rule) -> RuleResult:
    good = [facts for facts in evidence.answers if status_of(facts) < 400]
    if not good:
        return UNTESTED
    if broken := evidence.broken(rule, among=good):
        return broken
    spared = any(status_of(facts) >= 400 and "istag" not in facts for facts in evidence.answers)
    return RuleResult(PASS, "error answers have none" if spared else "", header_line(good[0], "istag", "ISTag"))


def _of_istag(evidence: Evidence, rule: Rule) -> RuleResult:
    tagged = [facts for facts in evidence.answers if "istag" in facts]
    if not tagged:
        return UNTESTED
    return evidence.broken(rule) or RuleResult(PASS, seen=header_line(tagged[0], "istag", "ISTag"))


def _istag_stable(evidence: Evidence, _: Rule) -> RuleResult:
    first, again = evidence.options.get("istag"), evidence.requests.get("options-again", {}).get("istag")
    if first is None or again is None:
        return UNTESTED
    if first == again:
        return RuleResult(PASS, seen=f"ISTag: {again}")
    return RuleResult(DEVIATES, "it changed from one OPTIONS to the next", f"ISTag: {first}, ISTag: {again}")


def _options_encapsulated(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return UNTESTED
    parts = texts_of(evidence.offers.get("parts"))
    if {"null-body", "opt-body"} & set(parts):
        return RuleResult(PASS, seen=header_line(evidence.offers, "encapsulated", "Encapsulated"))
    return RuleResult(
        DEVIATES,
        "no Encapsulated with null-body or opt-body",
        header_line(evidence.offers, "encapsulated", "Encapsulated") or first_line(evidence.offers),
    )


def _encapsulated(evidence: Evidence, rule: Rule) -> RuleResult:
    # That of OPTIONS, which has a rule of its own, may be missing.
    bare = "encapsulated-missing" in texts_of(evidence.options.get("deviation_rules"))
    among = [facts for facts in evidence.exchanges if not (bare and facts is evidence.options)]
    if broken := evidence.broken(rule, among=among):
        return broken
    shown = [facts for facts in evidence.answers if facts.get("parts")]
    shown.sort(key=lambda facts: "null-body" in texts_of(facts.get("parts")))  # the more telling ones first
    return RuleResult(PASS, seen=header_line(shown[0], "encapsulated", "Encapsulated")) if shown else UNTESTED


def _of_options(name: str, header: str) -> Callable[[Evidence, Rule], RuleResult]:
    """A header that may be left out, and is only to be well-formed."""

    def test(evidence: Evidence, rule: Rule) -> RuleResult:
        if evidence.offers is None:
            return UNTESTED
        if broken := evidence.broken(rule):
            return broken
        seen = header_line(evidence.offers, name, header)
        return RuleResult(PASS, "" if seen else "not sent, and need not be", seen)

    return test


def _max_connections(evidence: Evidence, rule: Rule) -> RuleResult:
    if evidence.offers is not None and evidence.offers.get("max_connections") == 0:
        return RuleResult(DEVIATES, "it is 0", "Max-Connections: 0")
    return _of_options("max_connections", "Max-Connections")(evidence, rule)


def _date(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return UNTESTED
    dates = [date for facts in evidence.answers if isinstance(date := facts.get("date"), str)]
    for date in dates:
        if not _RFC_1123.fullmatch(date):
            return RuleResult(DEVIATES, "it is not in the form of RFC 1123", f"Date: {date}")
    return RuleResult(PASS, seen=f"Date: {dates[0]}") if dates else RuleResult(PASS, "not sent, and need not be")


def _allow_204(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return UNTESTED
    seen = header_line(evidence.offers, "allow", "Allow")
    if "204" in texts_of(evidence.offers.get("allow")):
        return RuleResult(PASS, seen=seen)
    sent = any(facts.get("icap_status") == 204 for facts in evidence.answers)
    return RuleResult(DEVIATES, "204 is not announced" + (", and sent all the same" if sent else ""), seen)


def _transfer(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return UNTESTED
    sent = {name: value for name in _TRANSFERS if isinstance(value := evidence.offers.get(name), str)}
    seen = ", ".join(f"{name.title().replace('_', '-')}: {value}" for name, value in sent.items())
    if not sent:
        return RuleResult(PASS, "none is sent, and need not be")
    stars = sum("*" in [part.strip() for part in value.split(",")] for value in sent.values())
    return RuleResult(PASS, seen=seen) if stars == 1 else RuleResult(DEVIATES, f"* stands in {stars} of them", seen)


def _204_allowed(evidence: Evidence, rule: Rule) -> RuleResult:
    if broken := evidence.broken(rule):
        return broken
    case = evidence.cases.get("no-allow", {})
    return RuleResult(PASS, seen=first_line(case)) if case.get("status") == "ok" else UNTESTED


def _100_continue(evidence: Evidence, rule: Rule) -> RuleResult:
    if broken := evidence.broken(rule):
        return broken
    inside = number_of(evidence.clean.get("profile_preview_size")) >= number_of(evidence.clean.get("sample_size")) > 0
    for facts in (evidence.cases.get("preview-n-exact", {}), evidence.clean if inside else {}):
        if isinstance(facts.get("icap_status"), int):
            return RuleResult(PASS, seen=first_line(facts))
    return UNTESTED


def _of_parts(*names: str) -> Callable[[Evidence, Rule], RuleResult]:
    """Passed if such a part was read, and nothing was wrong with it."""

    def test(evidence: Evidence, rule: Rule) -> RuleResult:
        return evidence.broken(rule) or (RuleResult(PASS) if evidence.any_part(*names) else UNTESTED)

    return test


def _hop_by_hop(evidence: Evidence, _: Rule) -> RuleResult:
    for facts in evidence.answers:
        if names := texts_of(facts.get("hop_by_hop")):
            return RuleResult(DEVIATES, "encapsulated heads have them", ", ".join(names))
    return RuleResult(PASS) if evidence.any_part("req-hdr", "res-hdr") else UNTESTED


def _answered_with(request: str, wanted: int) -> Callable[[Evidence, Rule], RuleResult]:
    """A request that calls for this status."""

    def test(evidence: Evidence, _: Rule) -> RuleResult:
        facts = evidence.requests.get(request)
        if evidence.offers is None:
            return UNTESTED  # what refuses a good OPTIONS says nothing by refusing a bad one
        if facts is None or facts.get("icap_status") == 503 or not facts.get("bytes_sent"):
            return UNTESTED
        status = facts.get("icap_status")
        if status is None:
            return RuleResult(DEVIATES, text_of(facts.get("error")) or "there is no answer")
        return RuleResult(PASS if status == wanted else DEVIATES, "", first_line(facts))

    return test


def _close_announced(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.reuse == "closed":
        return RuleResult(DEVIATES, "it closed after an answer without Connection: close")
    return RuleResult(PASS) if evidence.reuse in {"honoured", "announced-close"} else UNTESTED


def _kept_alive(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.reuse in {"closed", "unanswered", "desynchronised"}:
        return RuleResult(DEVIATES, f"the second request on a connection: {evidence.reuse}")
    return RuleResult(PASS) if evidence.reuse == "honoured" else UNTESTED


def _host_names(evidence: Evidence, _: Rule) -> RuleResult:
    if evidence.offers is None:
        return UNTESTED
    named = evidence.requests.get("options-by-name")
    if named is None or not isinstance(named.get("icap_status"), int):
        return RuleResult(PASS, "by address; by name was not tried")
    if named.get("icap_status") == 200:
        return RuleResult(PASS, "by address and by name", first_line(named))
    return RuleResult(DEVIATES, "by name it answers otherwise", first_line(named))


def _header_names(evidence: Evidence, rule: Rule) -> RuleResult:
    if not evidence.answers:
        return UNTESTED
    if broken := evidence.broken(rule):
        return broken
    odd = list(dict.fromkeys(name for facts in evidence.answers for name in texts_of(facts.get("odd_headers"))))
    return RuleResult(DEVIATES, "they do not begin with X-", ", ".join(odd)) if odd else RuleResult(PASS)


def _folding(evidence: Evidence, _: Rule) -> RuleResult:
    told = [facts for facts in evidence.answers if "x_violations_found" in facts]
    for facts in told:
        if "header-without-colon" in texts_of(facts.get("deviation_rules")):
            return RuleResult(
                DEVIATES, "its lines begin without white space", header_line(facts, "x_violations_found", "")
            )
    return RuleResult(PASS) if told else UNTESTED


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
        "opt-body-type": _of_options("", "Opt-body-type"),
        "max-connections": _max_connections,
        "options-ttl": _of_options("options_ttl", "Options-TTL"),
        "date": _date,
        "service": _of_options("service", "Service"),
        "allow-204": _allow_204,
        "preview": _of_options("preview", "Preview"),
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
