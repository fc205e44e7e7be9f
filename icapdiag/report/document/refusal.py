"""What the probes that look into a refusal have to say, in a line: other services, other requests, RESPMOD."""

from __future__ import annotations

from icapdiag.facts.refusal import Respmod, Services, ServiceTried, Variants
from icapdiag.report.document.words import safe_text
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


def describe_services(sheet: Services) -> str:
    """``REQMOD is taken under /avscan (REQMOD, RESPMOD; C-ICAP/0.5.10)``; or that there is none."""
    answers, wanted = sheet.services or (), sheet.candidates or ()
    found = [answer for answer in answers if answer.service_uri in wanted]
    if not found:
        return f"none of {len(answers)} usual service paths takes REQMOD here"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"REQMOD is taken under {', '.join(map(_service, found[:_SHOWN]))}{more}"


def _service(answer: ServiceTried) -> str:
    methods = ", ".join(visible(method) for method in (answer.methods or ())[:_SHOWN])
    words = "; ".join(part for part in (methods, safe_text(answer.service)) if part)
    return safe_text(answer.service_uri) + (f" ({words})" if words else "")


def describe_variants(sheet: Variants) -> str:
    """With which change the refused request is taken, or that it is with none; empty if none was tried."""
    method, status, cure = safe_text(sheet.refused_method), sheet.refused_status or 0, safe_text(sheet.cured_by)
    if cure:
        return f"{method}, refused with {status}, is taken {_CHANGES.get(cure, cure)}, and as it was still is not"
    tried = dict.fromkeys(safe_text(each.variant) for each in sheet.variants or ())
    changes = ", ".join(_CHANGES.get(name, name) for name in tried)
    return f"refused with {status} in each form: {changes}" if tried else ""


def describe_respmod(sheet: Respmod) -> str:
    """What RESPMOD was answered with where REQMOD was refused."""
    got = "no answer" if sheet.respmod_status is None else f"ICAP {sheet.respmod_status}"
    verdict = safe_text(sheet.respmod_verdict) if sheet.respmod_served else ""
    return f"REQMOD was refused with {sheet.refused_status or 0}, RESPMOD got {got}" + (
        f" (verdict {verdict})" if verdict else ""
    )
