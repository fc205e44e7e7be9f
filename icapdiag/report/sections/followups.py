"""What the probes that look into a refusal have to say, in a line: other services, other requests, RESPMOD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from icapdiag.report.text.lines import shown, texts, whole
from icapdiag.report.untyped import Facts, JSONValue
from icapdiag.text import visible

_SHOWN = 4
_CHANGES = {
    "no-preview": "without Preview",
    "no-allow": "without Allow",
    "no-encapsulated": "without Encapsulated",
    "user-agent": "with a User-Agent",
    "content-length": "with a Content-Length",
    "host-without-port": "with no port in Host",
    "unchanged": "as it was",
}


def telling_follow_up(facts: Facts) -> Iterator[str]:
    """Nothing for any other probe's observation."""
    match facts.get("probe"):
        case "services":
            yield from _services(facts)
        case "variants":
            yield from _variants(facts)
        case "respmod":
            status = facts.get("respmod_status")
            said = f"ICAP {status}" if isinstance(status, int) else "no answer"
            verdict = shown(facts.get("respmod_verdict")) if facts.get("respmod_served") is True else ""
            yield f"REQMOD was refused with {whole(facts.get('refused_status'))}, RESPMOD got {said}" + (
                f" (verdict {verdict})" if verdict else ""
            )


def _services(facts: Facts) -> Iterator[str]:
    """``here are /avscan (REQMOD, RESPMOD; C-ICAP/0.5.10)``; or that there is none."""
    wanted = texts(facts.get("candidates"))
    answers = _records(facts.get("services"))
    found = [answer for answer in answers if answer.get("service_uri") in wanted]
    if not found:
        yield f"none of {len(answers)} usual service paths takes REQMOD here"
        return
    each = [_service(answer) for answer in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    yield f"REQMOD is taken under {', '.join(each)}{more}"


def _service(answer: Mapping[str, JSONValue]) -> str:
    methods = ", ".join(visible(method) for method in texts(answer.get("methods"))[:_SHOWN])
    words = "; ".join(part for part in (methods, shown(answer.get("service"))) if part)
    return shown(answer.get("service_uri")) + (f" ({words})" if words else "")


def _variants(facts: Facts) -> Iterator[str]:
    method, status = shown(facts.get("refused_method")), whole(facts.get("refused_status"))
    cure = shown(facts.get("cured_by"))
    if cure:
        yield f"{method}, refused with {status}, is taken {_CHANGES.get(cure, cure)}, and as it was still is not"
        return
    tried = [shown(record.get("variant")) for record in _records(facts.get("variants"))]
    if tried:
        changes = ", ".join(_CHANGES.get(name, name) for name in dict.fromkeys(tried))
        yield f"refused with {status} in each form: {changes}"


def _records(value: JSONValue) -> list[Mapping[str, JSONValue]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
