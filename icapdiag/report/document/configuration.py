"""What a report says of an Avi configuration: which uploads reach ICAP, and where in the files a finding stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from icapdiag.facts.config import LIKELY_NOT, LintSubject, ObjectSheet, Place, RuleSummary, ServiceSummary
from icapdiag.model import Finding, Problem
from icapdiag.report.document.words import count, names, safe_text

_METHODS = 4  # of a rule, that are named
_PATHS = 2
_RULES = 2
_EXCEPT = "not "  # of a path match that excludes
_SERVICES = 3  # that the first line names instead of their number
_SETTINGS = 12  # of an object
_FILES = 3  # of one command
_STDIN = "<stdin>"  # - on the command line
_WORDS = {  # kinds of object, for people
    "virtualservice": "virtual service", "hostrule": "HostRule", "l7rule": "L7Rule", "rule": "rule",
    "icapprofile": "ICAP profile", "poolgroup": "pool group", "pool": "pool", "server": "server",
    "healthmonitor": "health monitor", "pkiprofile": "PKI profile", "analyticsprofile": "analytics profile",
    "serviceenginegroup": "SE group", "httppolicyset": "HTTP policy set",
    "applicationprofile": "application profile", "cloud": "cloud", "systemconfiguration": "system configuration",
}  # fmt: skip
_WHY = {
    "no-profile": "a rule has the ICAP action and no ICAP profile is attached",
    "no-rule": "the profile is attached but no rule has the ICAP action",
    "rule-disabled": "the rule with the ICAP action is disabled",
    "rule-covered": "an earlier rule ends the evaluation before the ICAP rule",
    "refused-first": "an earlier rule ends all requests of the ICAP rule",
    "rule-not-for-uploads": "the rules with the ICAP action are for neither POST nor PUT nor PATCH",
    "nothing-attached": "no ICAP profile is attached and no rule has the ICAP action",
    "not-enabled": "the virtual service is switched off and takes no requests",
    "no-member": "no server of its ICAP profile can be selected",
    "policy-set-elsewhere": "AKO attaches the profile only, and no policy set is named here",
    "policy-set-not-visible": "a policy set is not in these files",
    "profile-elsewhere": "no ICAP profile is named here, and an AKO rule that is not in these files may name one",
    "rule-matches-nothing": "no request can match the rule with the ICAP action",
    "not-http": "its application profile is not of type HTTP",
    "references-broken": "the ICAP configuration has broken references",
    "version-without-icap": "its version of Avi has no ICAP",
    "licence-without-icap": "its licence tier has no ICAP",
    "service-uri-unfit": "service_uri is not the path of a service for requests",
    "profile-not-visible": "its ICAP profile is not in these files",
    "pool-group-not-visible": "the pool group of its ICAP profile is not in these files",
    "pool-not-visible": "the pools of its ICAP profile are not in these files",
}


def named(kind: str | None, name: str | None) -> str:
    """``pool icap-pool``."""
    return f"{_WORDS.get(kind or '', safe_text(kind, 40))} {safe_text(name, 80)}".strip()


# --- virtual services ------------------------------------------------------------------------------


def headline(found: LintSubject) -> tuple[str, str]:
    """What it is about, and the answer: the first line."""
    services = found.services
    if len(services) == 1:
        return _about(services[0]), _answer(services[0])
    if services:
        return _of_several(services)
    if found.profiles:
        return "Whether uploads are scanned is not visible", (
            f"no virtual service that uses ICAP in these files; {_list('ICAP profile', found.profiles)} checked"
        )
    return "Nothing to check", "these files have no ICAP profile, and no virtual service that uses ICAP"


def _of_several(services: Sequence[ServiceSummary]) -> tuple[str, str]:
    by = {word: [each for each in services if each.scanned == word] for word in ("yes", "no", "unknown")}
    all_of_them = count(len(services), "virtual service")
    if len(by["unknown"]) == len(services) and not any(each.why in LIKELY_NOT for each in services):
        which = _names(services) if len(services) <= _SERVICES else all_of_them
        reasons = dict.fromkeys(map(_answer, services))
        return f"Whether uploads to {which} are scanned is not visible", "; ".join(reasons)
    if all(each.why in LIKELY_NOT for each in services):
        return f"Uploads to {all_of_them} are likely not scanned", _names(services)
    if all(map(_is_refused, services)):
        return f"Uploads to {all_of_them} are refused (HTTP 500)", _names(services)
    if len(by["no"]) == len(services):
        return f"No upload to {all_of_them} is scanned", _names(services)
    others = [f"not {_names(by['no'])}"] if by["no"] and by["yes"] else []
    for words, found in (
        ("likely not", [each for each in by["unknown"] if each.why in LIKELY_NOT]),
        ("not visible for", [each for each in by["unknown"] if each.why not in LIKELY_NOT]),
        ("likely not all to", [each for each in by["yes"] if each.allowed_before or each.children_without_icap]),
    ):
        others += [f"{words} {_names(found)}"] if found else []
    if by["yes"]:
        return f"Uploads to {len(by['yes']):,} of {all_of_them} are scanned", "; ".join(others) or _names(services)
    return f"No upload to {len(by['no']):,} of {all_of_them} is scanned", "; ".join([_names(by["no"]), *others])


def _is_refused(service: ServiceSummary) -> bool:
    """Whether uploads get HTTP 500: they are sent to ICAP, which has no server, and the profile fails closed."""
    return service.why == "no-member" and service.fail_action == "ICAP_FAIL_CLOSED"


def lines(found: LintSubject | None, *, beside_others: bool = False) -> list[str]:
    """A line for each virtual service, where there are several. ``beside_others``: other sources say more."""
    if found is None or len(found.services) < 2:
        return []
    return [
        f"{_about(each, 'sent to ICAP' if beside_others else 'scanned')}: {_answer(each)}" for each in found.services
    ]


def _about(service: ServiceSummary, scanned: str = "scanned") -> str:
    name = safe_text(service.name, 80)
    if service.object != "virtualservice":
        name = named(service.object, service.name)
    if _is_refused(service):
        which = "Uploads to {name} are" if _past(service) else "Every upload to {name} is"
        return f"{which.format(name=name)} refused (HTTP 500)"
    if service.why in LIKELY_NOT:
        return f"Uploads to {name} are likely not scanned"
    if service.why == "refused-first":
        return f"No upload to {name} is scanned or let in"
    match service.scanned:
        case "yes":
            return f"Uploads to {name} are {scanned}{_except(service)}"
        case "no":
            return f"No upload to {name} is scanned"
        case _:
            return f"Whether uploads to {name} are scanned is not visible"


def _except(service: ServiceSummary) -> str:
    """``, likely except those that rule office allows first``."""
    allowed, children = service.allowed_before or (), service.children_without_icap or ()
    allow = "allow" if len(allowed) > 1 else "allows"
    rules = f"those that {_list('rule', allowed)} {allow} first"
    less = [rules] if allowed else []
    less += [f"those to {_list('child', children, 'children')}"] if children else []
    return f", likely except {' and '.join(less)}" if less else ""


def _answer(service: ServiceSummary) -> str:
    if service.why == "no-member" and service.profile:
        return f"no server of ICAP profile {safe_text(service.profile, 80)} can be selected"
    if service.scanned != "yes":
        return _WHY.get(service.why or "", safe_text(service.why))
    rules = service.rules or ()
    said = ", ".join(_rule(each) for each in rules[:_RULES])
    more = f" and {len(rules) - _RULES} more" if len(rules) > _RULES else ""
    members = "members not visible" if service.members is None else count(service.members, "member")
    return f"rule{'s' if len(rules) > 1 else ''} {said}{more} → {safe_text(service.profile, 80)} → {members}"


def _past(service: ServiceSummary) -> str:
    """``PATCH; paths other than under /upload``: what the ICAP rules are not for."""
    paths, methods = service.paths_only or (), names(service.methods_past) if service.methods_past else ""
    other = f"paths other than {names(paths, _PATHS)}" if paths else ""
    if len(paths) == 1 and paths[0].startswith(_EXCEPT):
        other = f"paths {names([paths[0].removeprefix(_EXCEPT)], _PATHS)}"
    return "; ".join(filter(None, (methods, other)))


def _rule(found: RuleSummary) -> str:
    methods = names(found.methods or (), _METHODS) if found.methods is not None else "all methods"
    paths = names(found.paths, _PATHS) if found.paths else ""
    others = f"; conditions on {names(found.other_matches, _PATHS)}" if found.other_matches else ""
    return f"{safe_text(found.name, 80)} ({f'{methods} {paths}'.strip()}{others})"


def _names(services: Sequence[ServiceSummary]) -> str:
    kinds = {each: f"{_WORDS.get(each, '')} " for each in ("hostrule", "l7rule")}
    return names([f"{kinds.get(each.object or '', '')}{each.name or ''}" for each in services])


def _list(noun: str, found: Sequence[str], several: str = "") -> str:
    return f"{(several or f'{noun}s') if len(found) > 1 else noun} {names(found, _SERVICES)}"


# --- places ----------------------------------------------------------------------------------------


def objects_of(found: Finding | Problem) -> tuple[str, ...]:
    """The objects that it is about, each once."""
    return tuple(dict.fromkeys(subject_of(each) for each in found.places or ()))


def subject_of(found: Place) -> str:
    """The object that the finding is about; the place may be in another one."""
    if found.subject:
        return named(found.subject, found.subject_name)
    return named(found.object, found.object_name)


def place(found: Place) -> str:
    """``export.json:12:5: pool icap-pool: default_server_port 80 (Avi's default; 1 to 65535)``."""
    at = ":".join(str(part) for part in (safe_text(found.file, None), found.line, found.column) if part)
    return ": ".join(part for part in (at, named(found.object, found.object_name), setting(found)) if part)


def setting(found: Place) -> str:
    """``default_server_port 80 (Avi's default; 1 to 65535)``; empty for a place that is a whole object."""
    if not found.field:
        return ""
    unit = f" {safe_text(found.unit)}" if found.unit and found.value else ""
    value = f" {safe_text(found.value)}{unit}" if found.value else ""
    notes = []
    if found.is_default:
        notes.append("Avi's default")
    elif found.default:
        notes.append(f"default {safe_text(found.default)}")
    if found.allowed and not found.allowed.startswith("true"):
        notes.append(f"allowed {safe_text(found.allowed)}")
    return f"{safe_text(found.field)}{value}" + (f" ({'; '.join(notes)})" if notes and value else "")


def described(sheet: ObjectSheet) -> Iterator[str]:
    """An object of a configuration: the values that are written in it."""
    written = [each for each in sheet.settings or () if each.value and not each.is_default]
    said = (
        f"{safe_text(each.field)} {safe_text(each.value, 80)}{f' {safe_text(each.unit)}' if each.unit else ''}"
        for each in written[:_SETTINGS]
    )
    yield from dict.fromkeys(said)  # several facts may come from one field


def closing(found: LintSubject, not_visible: Iterable[str], *, problems: bool) -> Iterator[str]:
    """What could not be seen, and what was not looked at."""
    listed = [safe_text(each, 200) for each in not_visible]
    if listed:
        more = f" and {len(listed) - _FILES} more" if len(listed) > _FILES else ""
        yield f"Not visible: {'; '.join(listed[:_FILES])}{more}."
    if listed or not (found.services or found.profiles):
        yield "`icapdiag pull --controller HOST --user NAME -d DIR` fetches all that is needed."
    sent = [each for each in found.services if each.scanned == "yes" or _is_refused(each)]
    past = [(each, said) for each in sent if (said := _past(each))]
    for each, said in past[:_FILES]:
        yield f"Not sent to ICAP: {said}{f' ({safe_text(each.name, 80)})' if len(found.services) > 1 else ''}."
    if problems and 0 < len(found.inputs) <= _FILES:
        files = " ".join("-" if each == _STDIN else shlex.quote(safe_text(each, None)) for each in found.inputs)
        yield f"After a change: `icapdiag lint {files}`."
    if found.without_icap:
        yield f"Without ICAP: {_list('virtual service', found.without_icap)}."
