"""All that was exchanged with a member, as the rules of RFC 3507 look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.icap.conformance import BREAKING, Rule
from icapdiag.model import JSONValue
from icapdiag.probe.base import Facts

PASS, DEVIATES, NOT_TESTED = "pass", "deviates", "not-tested"
_SEEN = 80  # characters of what was seen


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What came of one rule. ``breaks``: strict clients, Avi likely among them, fail on it."""

    result: str  # PASS, DEVIATES or NOT_TESTED
    detail: str = ""
    seen: str = ""  # the bytes, as ISO 8859-1, unescaped
    breaks: bool = False

    def record(self, rule: Rule) -> dict[str, JSONValue]:
        return {
            "rule": rule.name,
            "number": rule.number,
            "section": rule.section,
            "result": self.result,
            "detail": self.detail,
            "seen": self.seen[:_SEEN],
            "breaks": self.breaks,
        }


UNTESTED = RuleResult(NOT_TESTED)


class Evidence:
    """The facts of all that was exchanged with a member at one address.

    ``probes`` maps the probes that ran to their facts. ``requests`` are those of the conformance probe by name.
    """

    def __init__(self, probes: Mapping[str, Facts], requests: Mapping[str, Facts]) -> None:
        cases = probes.get("preview", {}).get("cases")
        records = [dict(case) for case in cases if isinstance(case, dict)] if isinstance(cases, list) else []
        self.cases = {str(case.get("case")): case for case in records}
        self.requests = requests
        self.options = probes.get("options", {})
        self.clean = probes.get("clean", {})
        self.reuse = probes.get("keepalive", {}).get("reuse")
        samples = [probes[name] for name in ("options", "clean", "eicar") if name in probes]
        self.exchanges: Sequence[Facts] = (*samples, *records, *requests.values())
        self.answers = [facts for facts in self.exchanges if isinstance(facts.get("icap_status"), int)]

    @property
    def offers(self) -> Facts | None:
        """A good answer to OPTIONS."""
        return self.options if self.options.get("icap_status") == 200 else None

    def broken(self, rule: Rule, *, among: Sequence[Facts] | None = None) -> RuleResult | None:
        """The worst deviation from this rule that any exchange, or one of these, shows."""
        among = self.exchanges if among is None else among
        found = [
            RuleResult(
                DEVIATES,
                text_of(item.get("detail")),
                text_of(item.get("seen")) or first_line(facts),
                item.get("rule") in BREAKING,
            )
            for facts in among
            for item in deviations_of(facts)
            if item.get("rule") in rule.deviations
        ]
        found += [
            RuleResult(DEVIATES, text_of(facts.get("error")), "", breaks=True)
            for facts in among
            if facts.get("protocol_rule") in rule.deviations
        ]
        return max(found, key=lambda result: result.breaks, default=None)

    def any_part(self, *names: str) -> bool:
        return any(name in texts_of(facts.get("parts")) for facts in self.answers for name in names)


def status_of(facts: Facts) -> int:
    status = facts.get("icap_status")
    return status if isinstance(status, int) else 0


def first_line(facts: Facts) -> str:
    return f"ICAP/1.0 {status_of(facts)} {text_of(facts.get('icap_reason'))}".rstrip()


def header_line(facts: Facts, name: str, header: str) -> str:
    value = facts.get(name)
    if value is None:
        return ""
    text = ", ".join(texts_of(value)) if isinstance(value, list) else str(value)
    return f"{header}: {text}" if header else text


def deviations_of(facts: Facts) -> Iterator[Mapping[str, JSONValue]]:
    listed = facts.get("deviations")
    for item in listed if isinstance(listed, list | tuple) else ():
        if isinstance(item, Mapping):
            yield item


def text_of(value: JSONValue) -> str:
    return value if isinstance(value, str) else ""


def texts_of(value: JSONValue) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def number_of(value: JSONValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
