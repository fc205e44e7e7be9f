"""One line that says why a finding was made: what the server said, or what the system said about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from icapdiag.icap.header_table import EXPLANATIONS, SHOWN, fact_name
from icapdiag.report.text.lines import count, milliseconds, whole
from icapdiag.report.untyped import Facts, JSONValue
from icapdiag.text import from_wire, visible

_HEADERS_SHOWN = 2
_DEVIATIONS_SHOWN = 2
_REASONS = (*map(fact_name, EXPLANATIONS), "opswat_reason")  # of a request in a log, most telling first
_WHERE = {"summary": "the log as a whole", "answer": "the ICAP answer"}
_TOTALS = (  # facts on a log as a whole
    ("entries_total", "in all"),
    ("entries_icap", "with ICAP"),
    ("entries_failed", "failed"),
    ("unscanned_count", "passed unscanned"),
    ("entries_disabled", "disabled"),
)
_SKEWED = 60.0  # seconds of difference between two clocks that are worth a word
_FOLLOW_UPS = ("variants", "services", "respmod")  # probes that look into a refusal


def telling(facts: Facts) -> str:
    """What one flat observation has to say, most telling first; its bare reason if nothing else."""
    if facts.get("source") == "log" and facts.get("probe") != "answer":
        logged = _whole_log(facts) if facts.get("probe") == "summary" else _requests(facts)
        return "; ".join(part for part in logged if part)
    if said := _of_its_own(facts):
        return said
    parts = [
        *_previews(facts),
        *_answer(facts),
        *_headers(facts),
        *_peer(facts),
        *_certificate(facts),
        *_clocks(facts),
        *_shortened(facts),
    ]
    error = _shown(facts.get("error"))
    if error and not (facts.get("verify_error") and _shown(facts.get("verify_error")) in error):
        parts.append(error)
    if not parts:
        parts.append(_shown(facts.get("reason")) or _shown(facts.get("status")))
    return "; ".join(part for part in parts if part)


def _of_its_own(facts: Facts) -> str:
    """What a probe says whose facts are other than those of one answer; empty for the others, or if it says nothing."""
    probe = facts.get("probe")
    said: Iterable[str] = ()
    if probe == "pool":
        from icapdiag.report.sections.comparison import telling_difference  # noqa: PLC0415 - logs have none

        said = (telling_difference(facts),)
    elif probe == "keepalive" and facts.get("reuse"):
        from icapdiag.report.sections.connections import telling_reuse  # noqa: PLC0415 - as above

        said = telling_reuse(facts)
    elif probe == "size":
        from icapdiag.report.sections.sizes import telling_sizes  # noqa: PLC0415 - as above

        said = (telling_sizes(facts),)
    elif probe == "load" and facts.get("load_ended"):
        from icapdiag.report.sections.connections import telling_load  # noqa: PLC0415 - as above

        said = telling_load(facts)
    elif facts.get("object") == "suppression":
        said = (_suppression(facts),)
    elif probe in _FOLLOW_UPS:
        from icapdiag.report.sections.followups import telling_follow_up  # noqa: PLC0415 - as above

        said = telling_follow_up(facts)
    return "; ".join(said)


def _suppression(facts: Facts) -> str:
    pattern = _shown(facts.get("member_pattern"))
    at = f" at {pattern}" if pattern else ""
    terms = f"owner {_shown(facts.get('owner'))}, until {_shown(facts.get('until'))}"
    return f"{_shown(facts.get('finding'))}{at}: {_shown(facts.get('because'))} ({terms})"


def telling_reason(facts: Facts) -> str:
    """Why requests of a log went as they did, in the words of the server or else of the Service Engine."""
    reason = next((text for name in _REASONS if (text := _shown(facts.get(name)))), "")
    codes = _strings(facts.get("adf_codes"))
    if codes and facts.get("status") == "failed":
        return " ".join(codes)
    threats = [name for name in _strings(facts.get("threats")) if name not in reason]
    if threats:
        shown = threats[0] + (f" and {len(threats) - 1} more" if len(threats) > 1 else "")
        return f"{reason}: {shown}" if reason else shown
    if reason:
        return reason
    return " ".join(codes) or _shown(facts.get("significance")) or _shown(facts.get("verdict_reason"))


def where(facts: Facts) -> str:
    """Whose observation it is: ``10.0.0.5:1344 eicar``; for a log how many requests, and whose."""
    probe, member = _shown(facts.get("probe")), _shown(facts.get("member"))
    if facts.get("source") == "log":
        requests = count(whole(facts.get("count")) or 1, "request")
        return _WHERE.get(probe) or (f"{requests} to {member}" if member else requests)
    if facts.get("object") == "suppression":
        return "the pool file"
    if probe == "pool":  # what differs between members, of one of them or of all
        return member or "the pool"
    return " ".join(word for word in (member, probe) if word)


def deviations(facts: Facts, limit: int | None) -> list[str]:
    """Where the answer is not as the standard has it, the first ``limit`` of them, safe to show."""
    found = facts.get("deviations")
    if not isinstance(found, list | tuple):
        return []
    records = [item for item in found if isinstance(item, dict) and _shown(item.get("detail"))]
    return [_shown(item.get("detail")) + _section(item.get("section")) for item in records[:limit]]


def _shown(value: JSONValue) -> str:
    if isinstance(value, str):
        # The reader of heads joins folded lines with "\n".
        return visible(from_wire(value).replace("\r\n", "\n").replace("\n", " / "))
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    return ""


def _strings(value: JSONValue) -> list[str]:
    return [text for item in value if (text := _shown(item))] if isinstance(value, list | tuple) else []


def _answer(facts: Facts) -> Iterator[str]:
    if status := _shown(facts.get("icap_status")):
        yield f"ICAP {status} {_shown(facts.get('icap_reason'))}".rstrip()
    if status := _shown(facts.get("http_status")):
        yield f"HTTP {status} inside"
    if verdict := _shown(facts.get("verdict")):
        yield f"verdict {verdict}"
    if threats := _strings(facts.get("threats")):
        yield visible("threats: " + ", ".join(threats))


def _previews(facts: Facts) -> Iterator[str]:
    """Uploads with previews of several lengths."""
    for name, words in (("cases_failed", "failed"), ("cases_passed_unseen", "called clean by the preview alone")):
        if cases := _strings(facts.get(name)):
            yield visible(f"{words}: {', '.join(cases)}")
    for name, words in (("eicar_beyond_preview", "EICAR behind the preview"), ("eicar_whole", "without a preview")):
        if (outcome := _shown(facts.get(name))) not in {"", "not-asked"}:
            yield f"{words}: {outcome}"


def _requests(facts: Facts) -> Iterator[str]:
    """Requests of a log that went alike."""
    yield _shown(facts.get("icap_action"))
    yield _client(facts)
    yield from _answer(facts)
    yield from _headers(facts)
    if reason := _shown(facts.get("opswat_reason")):
        yield f"OPSWAT: {reason}"
    if codes := _strings(facts.get("adf_codes")):
        yield " ".join(codes)
    yield _shown(facts.get("significance"))
    if facts.get("complete_body_sent") is False:
        yield "the body was not sent whole"
    worst = facts.get("latency_max_ms")
    if isinstance(worst, int | float):
        yield f"up to {milliseconds(worst)}"


def _client(facts: Facts) -> str:
    outcome, code = _shown(facts.get("client_outcome")), _shown(facts.get("response_code"))
    if outcome == "unscanned":
        return f"passed unscanned{f', the client got {code}' if code else ''}"
    return f"the client got {code}" if code else ""


def _whole_log(facts: Facts) -> Iterator[str]:
    for name, words in _TOTALS:
        number = facts.get(name)
        if isinstance(number, int):
            yield f"{number:,} {words}"


def _headers(facts: Facts) -> list[str]:
    present = [(header.name, text) for header in SHOWN if (text := _shown(facts.get(header.fact)))]
    return [f"{name}: {text}" for name, text in present[:_HEADERS_SHOWN]]


def _peer(facts: Facts) -> Iterator[str]:
    if peer := _shown(facts.get("peer")):
        yield f"the peer speaks {peer}" if peer != "unknown" else "the peer speaks no ICAP"
    if excerpt := _shown(facts.get("peer_excerpt")):
        yield f"it said: {excerpt}"


def _certificate(facts: Facts) -> Iterator[str]:
    reason = facts.get("reason")
    if reason in ("tls-expired", "tls-not-yet-valid"):
        end = "cert_not_after" if reason == "tls-expired" else "cert_not_before"
        if moment := _shown(facts.get(end)):
            yield f"certificate {'valid until' if reason == 'tls-expired' else 'not valid before'} {moment}"
    if reason == "tls-name" and (names := _strings(facts.get("cert_names"))):
        wanted = _shown(facts.get("server_name"))
        yield visible(f"certificate for {', '.join(names)}" + (f", asked for {wanted}" if wanted else ""))
    if verify_error := _shown(facts.get("verify_error")):
        yield verify_error


def _clocks(facts: Facts) -> Iterator[str]:
    """A server's time that is not ours, and an answer that took too long."""
    skew, offset, doubt = (_number(facts.get(f"clock_{name}_s")) for name in ("skew", "offset", "uncertainty"))
    if skew is not None and offset is not None and skew >= _SKEWED:
        known = f", known to {doubt:g} s" if doubt is not None else ""
        yield f"its clock is {abs(offset):,.0f} s {'ahead' if offset > 0 else 'behind'}{known}"
    took, limit = _number(facts.get("answer_ms")), _number(facts.get("warn_ms"))
    if took is not None and limit is not None and took > limit:
        yield f"the answer came after {milliseconds(took)}"
    if facts.get("probe") == "options" and facts.get("icap_status") == 200 and (tag := _shown(facts.get("istag"))):
        yield f"ISTag {tag}"
    if facts.get("istag_changed") is True:
        yield f"ISTag {_shown(facts.get('istag'))} is another than in OPTIONS"


def _number(value: JSONValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _shortened(facts: Facts) -> list[str]:
    return deviations(facts, _DEVIATIONS_SHOWN)


def _section(value: JSONValue) -> str:
    section = _shown(value)
    if not section:
        return ""
    return f" ({section})" if section.startswith("RFC") else f" (RFC 3507 {section})"
