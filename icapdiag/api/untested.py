"""What a check did not test, in words: silence is not health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType

from icapdiag.facts.standard import EICAR_FORMS
from icapdiag.pool import Pool
from icapdiag.probe import Probe, Settings
from icapdiag.probe.running.catalogue import chosen_names
from icapdiag.probe.running.runner import MemberResult
from icapdiag.vocabulary import Status

_SHOWN = 5  # members that are named
_FORMS = MappingProxyType({"multipart": "an HTML form", "zip": "ZIP", "pdf": "PDF", "json": "JSON"})
_DEEP = MappingProxyType(
    {
        "chunked": "chunked uploads",
        "preview": "previews",
        "size": "sizes",
        "keepalive": "persistent connections",
        "conformance": "RFC 3507 rules",
    }
)


def not_tested(pool: Pool, settings: Settings, probes: tuple[Probe, ...], results: Iterable[MemberResult]) -> list[str]:
    """Each with the reason, or the option that tests it, in brackets; the most important first."""
    return list(_untested(pool, settings, chosen_names(probes), [each for each in results if each.member.enabled]))


def _untested(pool: Pool, settings: Settings, chosen: frozenset[str], results: list[MemberResult]) -> Iterator[str]:
    uploads, detection = "clean" in chosen, "eicar" in chosen and settings.eicar
    if results and not uploads and not detection:
        quick = "options" in chosen and chosen.isdisjoint({"eicar", "eicar-form"})  # else --only or --skip chose
        how = "--depth standard --eicar" if quick else "--eicar, without --only and --skip"
        yield f"uploads and detection (none was sent: {how})"
    elif results and not uploads:
        yield "uploads of a harmless file (none was sent: --only or --skip left them out)"
    elif results and not detection:
        how = "--eicar" if "eicar" in chosen else "--only or --skip left it out"
        yield f"detection (EICAR was not sent: {how})"
    if results and detection:
        unsent = [
            each.member.name
            for each in results
            if any(
                seen.probe == "eicar" and seen.status in {Status.BLOCKED, Status.ERROR} for seen in each.observations
            )
        ]
        if unsent:
            yield f"detection at {_listed(unsent)} (EICAR was not sent: an earlier step failed)"
    left = [words for name, words in _DEEP.items() if name not in chosen]
    missing = [_FORMS[form] for name, form in EICAR_FORMS.items() if name not in chosen]
    if missing and detection:
        left.insert(0, f"EICAR in {', '.join(missing)}")
    if results and left:
        yield f"{', '.join(left)} (--depth deep)"
    if disabled := [member.name for member in pool.members if not member.enabled]:
        yield f"{_listed(disabled)} (disabled in the pool)"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
