"""From what a runbook explains to a finding: whom it concerns, why, what it means for requests, what to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from icapdiag.facts.config import Place
from icapdiag.facts.connection import Sightings
from icapdiag.facts.logs import RequestGroup
from icapdiag.facts.pool import Difference, ValueGroup
from icapdiag.facts.scanner import SCANNER, ScannerEvent, ScannerRequests
from icapdiag.facts.sheet import Sheet
from icapdiag.facts.standard import EICAR_FORMS
from icapdiag.model import Cause, Facts, Finding, JSONValue, Observation, Problem, Steps, unflatten
from icapdiag.runbook.causes import (
    Weighed,
    by_certainty,
    fill,
    fixes,
    for_product,
    in_words,
    paths,
    settling,
    weigh,
    written,
)
from icapdiag.runbook.document import FAIL_ACTIONS, Runbook
from icapdiag.runbook.library import FOLDER, Library
from icapdiag.runbook.places import places
from icapdiag.runbook.prose import STEPS, first_paragraph, first_steps, items, plain
from icapdiag.runbook.surroundings import WideRecord
from icapdiag.runbook.verifying import verify
from icapdiag.vocabulary import CERTAINTY_ORDER, EFFECT_ORDER, SEVERITY_ORDER, CauseStatus, Effect, Severity, Status

EVIDENCE = 5  # observations kept with a finding, and examples kept of what nothing explains
TEXT = 400  # characters of one text in the evidence
ELEMENTS = 20  # of one list in the evidence
MEMBERS = 50  # named in the finding of a log, which may know thousands

SAMPLES = ("clean", "upload", "eicar", *EICAR_FORMS)
_NAMED = 3  # members in one step
_PORT = 5  # digits
_LOGGED = frozenset({"log", SCANNER})  # sources with counts, and with any number of members
_URL = re.compile(r"icaps?://[\w.:\[\]-]+(?:/[\w./~%+=-]*)?", re.ASCII)  # without anything strange
_HARMED = (Effect.UNSCANNED, Effect.REFUSED)
_REFUSED = frozenset({"refused-500", "refused-413"})  # outcomes for the client
_FAILED = "ICAP_FAILED"  # icap_action of an attempt
_SERVED = frozenset({"passed", "modified", "blocked"})
_HARMLESS = len(EFFECT_ORDER)  # what has no effect comes last

About = tuple[str, str] | int
"""What an observation is about: a member with all that was probed on it; of a log the observation alone, by number."""


class Met(NamedTuple):
    """What one runbook explains. The record is `flatten`ed, with its surroundings."""

    observation: Observation
    record: WideRecord
    about: About


class Diagnosed:
    """A runbook, and all that it explains."""

    def __init__(self, runbook: Runbook, met: Sequence[Met]) -> None:
        self.runbook = runbook
        self.met = met
        self.abouts: dict[About, list[Met]] = {}
        for each in met:
            self.abouts.setdefault(each.about, []).append(each)
        self.weighed = {
            about: _together(
                [weigh(runbook.causes, each.record) for each in own], apart=own[0].observation.source == SCANNER
            )
            for about, own in self.abouts.items()
        }
        failing = [each for each in met if runbook.effect_of(each.record) in FAIL_ACTIONS]
        self.effect = _effect(runbook, met, failing)
        self.severity = _severity(runbook, met)
        self.by_fail_action = bool(failing) and (self.effect in _HARMED or runbook.effect == FAIL_ACTIONS[1])
        known = met[0].record.get("profile.fail_action") or met[0].record.get("client_outcome")
        self._assumed = bool(failing) and self.effect in _HARMED and not known

    @property
    def failing(self) -> list[tuple[str, str]]:
        """The members at which it does harm now: none of them is healthy."""
        critical = self.severity is Severity.CRITICAL
        return [about for about in self.abouts if critical and isinstance(about, tuple) and about[1]]

    @property
    def rank(self) -> tuple[int, int, bool, int, int, str]:
        """How it is sorted: by harm, what is assumed of it last, by how much it concerns, by certainty."""
        statuses = [CERTAINTY_ORDER.index(each.status) for weighed in self.weighed.values() for each in weighed]
        return (
            SEVERITY_ORDER.index(self.severity),
            _HARMLESS if self.effect is None else EFFECT_ORDER.index(self.effect),
            self._assumed,
            -_weight(self.met),
            min(statuses, default=0),
            self.runbook.id,
        )


def _together(weighed: Sequence[tuple[Weighed, ...]], *, apart: bool = False) -> tuple[Weighed, ...]:
    """The causes by all the records of one member: what rules a cause out comes first, then what proves it.

    ``apart``: they are about different requests or times, as messages of a log are, so that each can have its cause.
    """
    contradicted = (CauseStatus.RULED_OUT, CauseStatus.PROVEN, CauseStatus.LIKELY, CauseStatus.POSSIBLE)
    order = CERTAINTY_ORDER if apart else contradicted
    return tuple(min(each, key=lambda one: order.index(one.status)) for each in zip(*weighed, strict=True))


def _effect(runbook: Runbook, met: Sequence[Met], failing: Sequence[Met]) -> Effect | None:
    """The worst at any of its places; where something fails, ``failing``, what becomes of such requests."""
    said = {runbook.effect_of(each.record) for each in met}
    found = [Effect(name) for name in said if name and name not in FAIL_ACTIONS]
    if failing:
        failed = _by_fail_action(failing)
        harmless = failed is Effect.UNSCANNED and "fail-action" not in said
        found.append(Effect.NONE if harmless else failed)
    return min(found, key=EFFECT_ORDER.index, default=None)


def _by_fail_action(met: Sequence[Met]) -> Effect:
    """What the log says that clients got, else what the profile does; where nobody said, Avi fails open by default."""
    outcomes = {str(each.record.get("client_outcome")) for each in met}
    if outcomes <= _SERVED:  # another attempt of the same requests went well
        return Effect.NONE
    if not outcomes.isdisjoint(_REFUSED) and "unscanned" not in outcomes:
        return Effect.REFUSED
    closed = met[0].record.get("profile.fail_action") == "ICAP_FAIL_CLOSED"
    return Effect.REFUSED if closed else Effect.UNSCANNED


def _severity(runbook: Runbook, met: Sequence[Met]) -> Severity:
    """That of the runbook; but if each request of a log succeeded in another attempt, nobody was affected."""
    attempts = [one for one in met if one.record.get("icap_action") == _FAILED]
    served = len(attempts) == len(met) and all(one.record.get("client_outcome") in _SERVED for one in attempts)
    return Severity.WARNING if served and runbook.severity is Severity.CRITICAL else runbook.severity


class Roots:
    """Which findings are only consequences of others: at the same members, or of the pool whose members they divide."""

    def __init__(self, library: Library, diagnosed: Sequence[Diagnosed]) -> None:
        self._explained: dict[tuple[About, str], list[str]] = {}
        wide = {one.runbook.id: found for one in diagnosed if (found := _divided(one))}
        for one in diagnosed:
            ids = library.explains(one.runbook.id) - {one.runbook.id}
            for about in one.abouts:
                for name in ids:
                    self._note(about, name, one)
            for name in ids & wide.keys():
                for about, divisions in wide[name].items():
                    if about not in one.abouts and _explains_division(one, about, divisions):
                        self._note(about, name, one)

    def _note(self, about: About, name: str, root: Diagnosed) -> None:
        self._explained.setdefault((about, name), []).append(root.runbook.id)

    def of(self, one: Diagnosed) -> tuple[str, ...]:
        """The ids of what explains it wherever it was found; none if it is on its own somewhere."""
        found = [self._explained.get((about, one.runbook.id), []) for about in one.abouts]
        return tuple(dict.fromkeys(name for names in found for name in names)) if all(found) else ()

    def problems(self, one: Diagnosed, others: Iterable[Diagnosed]) -> Iterator[Problem]:
        """A finding at members with the same most certain causes each, where it is not a consequence.

        What is only possible tells no members apart. Where steps name other service paths, or other objects of a
        configuration, it is another problem.
        """
        alike: dict[tuple[str, ...], list[About]] = {}
        for about, weighed in one.weighed.items():
            if (about, one.runbook.id) not in self._explained:
                record = one.abouts[about][0].record
                alike.setdefault((*_settled(weighed), *paths(record), *_object(record)), []).append(about)
        for abouts in alike.values():
            met = [each for about in abouts for each in one.abouts[about]]
            here = {*abouts, *((about[0], "") for about in abouts if isinstance(about, tuple))}
            together = zip(*(one.weighed[about] for about in abouts), strict=True)
            follows = [
                other.runbook.id
                for other in others
                if any(
                    one.runbook.id in self._explained.get((about, other.runbook.id), ())
                    for about in here & other.abouts.keys()
                )
            ]
            yield Problem(
                finding=one.runbook.id,
                severity=one.severity,
                title=one.runbook.title,
                members=_named(met),
                count=requests(met),
                effect=one.effect,
                causes=_causes({about: one.weighed[about] for about in abouts}, one.abouts),
                steps=_steps(one.runbook, [by_certainty(each)[0] for each in together], met),
                places=_places(one.runbook, met),
                consequences=tuple(follows) or None,
                verify=verify(one.runbook, tls=bool(met[0].record.get("tls"))) or None,
                escalate=tuple(items(one.runbook.sections.get("Escalate with", ""))) or None,
            )


def _divided(one: Diagnosed) -> dict[About, list[Difference]]:
    """Its differences between the members that are about no single one."""
    found: dict[About, list[Difference]] = {}
    for about, met in one.abouts.items():
        if isinstance(about, tuple) and not about[1]:
            parts = (each.observation.facts.part(Difference) for each in met)
            found[about] = [part for part in parts if part is not None and part.value_groups]
    return found


def _explains_division(root: Diagnosed, about: About, divisions: Sequence[Difference]) -> bool:
    """Whether it was found at all members of each group but one, and at none of that."""
    having = {other[1] for other in root.abouts if isinstance(other, tuple) and isinstance(about, tuple)
              and other[0] == about[0] and other[1]}  # fmt: skip

    def shares(group: ValueGroup) -> set[bool]:
        labels = group.members or ()
        own = {any(label == name or label.startswith(f"{name} at ") for name in having) for label in labels}
        return own | {False} if (group.count or 0) > len(labels) else own  # of a long list only the first are known

    shared = [[shares(group) for group in difference.value_groups or ()] for difference in divisions]
    return bool(shared) and all(
        groups.count({False}) == 1 and groups.count({True}) == len(groups) - 1 for groups in shared
    )


def _settled(weighed: Sequence[Weighed]) -> tuple[str, ...]:
    """The proven causes, else those that are likely."""
    for status in (CauseStatus.PROVEN, CauseStatus.LIKELY):
        if found := tuple(each.cause.id for each in weighed if each.status is status):
            return (status, *found)
    return ()


def under_roots(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each finding followed by its consequences, at the place of the most severe of them."""
    known = {finding.id: finding for finding in findings}

    def root(finding: Finding) -> str:
        for _ in known:  # runbooks may explain each other
            above = next((name for name in finding.because_of or () if name in known), None)
            if above is None:
                break
            finding = known[above]
        return finding.id

    families: dict[str, list[Finding]] = {}
    for finding in findings:
        families.setdefault(root(finding), []).append(finding)
    return tuple(
        finding
        for name, family in families.items()
        for finding in (known[name], *(each for each in family if each.id != name))
    )


def finding_of(one: Diagnosed, because_of: tuple[str, ...]) -> Finding:
    """An observation of a log stands for many requests, at one or several members, over some time."""
    runbook, met = one.runbook, one.met
    times = ("timestamp", "first_seen", "last_seen")
    records = [each.observation.facts.part(Sightings) or each.observation.facts for each in met]
    texts = (getattr(record, name, None) for record in records for name in times)
    moments = sorted(moment for text in texts if text and (moment := _moment(text)))
    steps = _steps(runbook, next(iter(one.weighed.values())), met)
    return Finding(
        id=runbook.id,
        severity=one.severity,
        title=runbook.title,
        members=_named(met),
        count=requests(met),
        first_seen=_iso(moments[0]) if moments else None,
        last_seen=_iso(moments[-1]) if moments else None,
        evidence=evidence(met),
        meaning=first_paragraph(runbook.sections.get("What it means", "")),
        remedy=(*(steps.now or ()), *(steps.fix or ()))[:STEPS],
        runbook=f"{FOLDER}/{runbook.id}.md",
        effect=one.effect,
        causes=_causes(one.weighed, one.abouts),
        steps=steps,
        places=_places(runbook, met),
        by_fail_action=one.by_fail_action or None,
        because_of=because_of or None,
    )


def _object(record: Facts) -> tuple[str, ...]:
    """The object of a configuration that steps name: of a server its pool; of a value its field, too."""
    if record.get("source") != "config":
        return ()
    return tuple(str(record.get(name)) for name in ("in_pool" if record.get("in_pool") else "object_name", "field"))


def _places(runbook: Runbook, met: Iterable[Met]) -> tuple[Place, ...] | None:
    return places(runbook, ((each.observation, each.record) for each in met)) or None


def _named(met: Iterable[Met]) -> tuple[str, ...]:
    members: dict[str, None] = {}
    for observation, *_ in met:
        for member in _members(observation):
            if observation.source not in _LOGGED or len(members) < MEMBERS:
                members.setdefault(member)
    return tuple(members)


def _causes(
    weighed: Mapping[About, tuple[Weighed, ...]], abouts: Mapping[About, Sequence[Met]]
) -> tuple[Cause, ...] | None:
    """Each cause with the most certain status that it has anywhere, and where it has it, if not everywhere."""
    found: list[tuple[Weighed, Cause]] = []
    for each in zip(*weighed.values(), strict=True):
        best = by_certainty(each)[0]
        where = [about for about, one in zip(weighed, each, strict=True) if one.status is best.status]
        members = _named(met for about in where for met in abouts[about])
        found.append(
            (
                best,
                Cause(
                    id=best.cause.id,
                    title=plain(best.cause.title),
                    status=best.status,
                    members=members if len(where) < len(weighed) else None,
                    facts=_said(best, (met for about in where for met in abouts[about]))
                    or in_words(best.facts)
                    or None,
                ),
            )
        )
    found.sort(key=lambda one: CERTAINTY_ORDER.index(one[0].status))
    return tuple(cause for _, cause in found) or None


def _said(weighed: Weighed, met: Iterable[Met]) -> tuple[str, ...]:
    """The scanner message that decides how certain a cause is; empty if there is none."""
    for each in met:
        facts = each.observation.facts
        if isinstance(facts, ScannerEvent) and facts.example:
            (own,) = weigh((weighed.cause,), each.record)
            if own.status is weighed.status is CauseStatus.PROVEN:
                return (f'the log says "{facts.example}"',)
    return ()


def _steps(runbook: Runbook, weighed: Sequence[Weighed], met: Sequence[Met]) -> Steps:
    names = _named(met)
    record = met[0].record.also_about(
        {(each.observation.pool, name) for each in met for name in _members(each.observation)}
    )
    members = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    own = _place(met) | ({"members": members} if names else {})
    fix = fixes(weighed, record, own) if runbook.causes else _first_steps(runbook, record)
    return Steps(
        now=written(runbook.now, record, own) or None,
        fix=fix or None,
        check=(
            *settling(weighed, record, own),
            *written(runbook.check, record, own),
            *(_again(met) or _again_logged(met)),
        )
        or None,
    )


def _place(met: Sequence[Met]) -> dict[str, JSONValue]:
    """Host and port of the server that a scanner's log names, for the steps; a probe's record has them."""
    host, _, port = met[0].observation.member.rpartition(":")
    if met[0].observation.source != SCANNER or not host or not port.isdecimal() or len(port) > _PORT:
        return {}
    return {"host": host.strip("[]"), "port": int(port)}


def _first_steps(runbook: Runbook, record: WideRecord) -> tuple[str, ...]:
    return tuple(filter(None, (for_product(step, record) for step in first_steps(runbook.sections))))


def _again(met: Sequence[Met]) -> tuple[str, ...]:
    """The command that probes the members once more, the first few of them."""
    records = [each.record for each in met if each.record.get("source") == "probe" and each.record.get("host")]
    if not records:
        return ()
    urls = dict.fromkeys(
        fill(f"{'icaps' if each.get('tls') else 'icap'}://{{host}}:{{port}}{{service_uri}}", each) for each in records
    )
    eicar = any(
        str(each.get("probe")).startswith("eicar") or each.get("eicar.status") in ("ok", "failed") for each in records
    )
    return (f"`icapdiag check {' '.join(list(urls)[:_NAMED])}{' --eicar' if eicar else ''}`",)


def _again_logged(met: Iterable[Met]) -> tuple[str, ...]:
    """The command that probes the members at which requests of a log failed, the first few of them."""
    urls: dict[str, None] = {}
    for each in met:
        facts, group = each.observation.facts, each.observation.facts.part(RequestGroup)
        if each.observation.status is not Status.FAILED:
            continue
        if isinstance(facts, ScannerEvent | ScannerRequests) and _place((each,)):
            found: Iterable[str] = (f"icap://{each.observation.member}{facts.service_uri or '/'}",)
        elif group is not None:
            scheme = "icaps" if group.icap_tls else "icap"
            found = (f"{scheme}://{member}{group.service_uri or '/'}" for member in group.members or ())
        else:
            continue
        urls |= dict.fromkeys(url for url in found if _URL.fullmatch(url))
    return (f"`icapdiag check {' '.join(map(shlex.quote, list(urls)[:_NAMED]))} --eicar`",) if urls else ()


def _weight(met: Iterable[Met]) -> int:
    """Requests of a log, or members probed."""
    logged = [one for one in met if one[0].source in _LOGGED]
    probed = {
        member for observation, *_ in met if observation.source not in _LOGGED for member in _members(observation)
    }
    return requests(logged) + len(probed)


def requests(met: Iterable[Met]) -> int:
    """Of a log or a capture; an observation of a live probe counts as one, as does a scanner's message about none."""
    return sum(_requests(observation.facts) or 1 for observation, *_ in met)


def _requests(facts: Sheet) -> int | None:
    match facts:
        case ScannerEvent():
            return facts.concerned_count
        case ScannerRequests():
            return facts.count
    group = facts.part(RequestGroup) or facts.part(Sightings)
    return group.count if group else None


def _members(observation: Observation) -> Iterable[str]:
    group = observation.facts.part(RequestGroup)
    return filter(None, (group.members if group else None) or (observation.member,))


def evidence(met: Sequence[Met]) -> tuple[Observation, ...]:
    """The first few, as a report keeps them."""
    return tuple(_kept(each.observation, each.record.own) for each in met[:EVIDENCE])


def _kept(observation: Observation, record: Facts) -> Observation:
    """The observation as evidence. Its flat record may have been given offers of the same member's OPTIONS answer."""
    cut = bounded(record)
    if cut == record and observation.probe not in SAMPLES:
        return replace(observation, transcript=())
    return unflatten(cut)


def _moment(text: str) -> datetime | None:
    """A time written by ISO 8601; without an offset it is UTC, as in every Avi log."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bounded(record: Facts) -> dict[str, JSONValue]:
    """A copy of a flat record with its texts and lists cut to what a report should carry."""
    return {name: _bounded(value) for name, value in record.items()}


def _bounded(value: JSONValue) -> JSONValue:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= TEXT else f"{value[:TEXT]}…"
    if isinstance(value, Mapping):
        return {name: _bounded(inner) for name, inner in list(value.items())[:ELEMENTS]}
    return [_bounded(inner) for inner in value[:ELEMENTS]]
