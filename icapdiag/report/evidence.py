"""One line that says why a finding was made: what the server said, or what the system said about it."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.model import Facts, JSONValue
from icapdiag.text import from_wire, visible

_HEADERS_SHOWN = 2
_DEVIATIONS_SHOWN = 2
_HEADERS = (  # the ones that say why, most telling first
    "x_response_desc",
    "x_response_description",
    "x_response_info",
    "x_blocked_reason",
    "x_block_reason",
    "x_block_result",
    "x_infection_found",
    "x_violations_found",
    "x_virus_id",
    "x_virus_name",
    "x_fsecure_infection_name",
    "x_fsecure_scan_result",
    "x_error_code",
)
_SPELT = {"desc": "Desc", "id": "ID", "fsecure": "FSecure"}


def telling(facts: Facts) -> str:
    """What one flat observation has to say, most telling first; its bare reason if nothing else."""
    parts = [*_answer(facts), *_headers(facts), *_peer(facts), *_certificate(facts), *_deviations(facts)]
    error = _shown(facts.get("error"))
    if error and not (facts.get("verify_error") and _shown(facts.get("verify_error")) in error):
        parts.append(error)
    if not parts:
        parts.append(_shown(facts.get("reason")) or _shown(facts.get("status")))
    return "; ".join(part for part in parts if part)


def where(facts: Facts) -> str:
    """Whose observation it is: ``10.0.0.5:1344 eicar``, with the address where the name has several."""
    return " ".join(word for word in (_shown(facts.get("member")), _shown(facts.get("probe"))) if word)


def _shown(value: JSONValue) -> str:
    if isinstance(value, str):
        # The reader of heads joins folded lines with "\n".
        return visible(from_wire(value).replace("\n", " / "))
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


def _headers(facts: Facts) -> list[str]:
    present = [(name, text) for name in _HEADERS if (text := _shown(facts.get(name)))]
    return [f"{_spelt(name)}: {text}" for name, text in present[:_HEADERS_SHOWN]]


def _spelt(name: str) -> str:
    return "-".join(_SPELT.get(word, word.capitalize()) for word in name.split("_"))


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


def _deviations(facts: Facts) -> list[str]:
    found = facts.get("deviations")
    if not isinstance(found, list | tuple):
        return []
    records = [item for item in found if isinstance(item, dict) and _shown(item.get("detail"))]
    return [_shown(item.get("detail")) + _section(item.get("section")) for item in records[:_DEVIATIONS_SHOWN]]


def _section(value: JSONValue) -> str:
    section = _shown(value)
    if not section:
        return ""
    return f" ({section})" if section.startswith("RFC") else f" (RFC 3507 {section})"
