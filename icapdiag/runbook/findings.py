"""From what a runbook explains to a finding: whom it concerns, why, what it means for requests, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from icapdiag.facts.config import Place
from icapdiag.facts.connection import Sightings
from icapdiag.facts.pool import Difference, ValueGroup
from icapdiag.facts.scanner import ScannerEvent
from icapdiag.facts.standard import EICAR_FORMS
from icapdiag.model import Cause, Facts, Finding, JSONValue, Observation, Problem, unflatten
from icapdiag.runbook.causes import Weighed, by_certainty, in_words, paths, weigh
from icapdiag.runbook.diagnosed import About, Diagnosed, Met, named, requests
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.library import FOLDER, Library
from icapdiag.runbook.places import places
from icapdiag.runbook.prose import STEPS, first_paragraph, items, plain
from icapdiag.runbook.steps import steps_of
from icapdiag.runbook.verifying import verify
from icapdiag.vocabulary import CERTAINTY_ORDER, CauseStatus

EVIDENCE = 5  # observations kept with a finding, and examples kept of what nothing explains
TEXT = 400  # characters of one text in the evidence
ELEMENTS = 20  # of one list in the evidence

SAMPLES = ("clean", "upload", "eicar", *EICAR_FORMS)

Spot = tuple[str | None, int | None, int | None]  # file, line and column of a configuration


class Roots:
    """Which findings are only consequences of others.

    At the same members, of the pool whose members they divide, or at the same lines of a configuration.
    """

    def __init__(self, library: Library, diagnosed: Sequence[Diagnosed]) -> None:
        self._explained: dict[tuple[About, str], list[str]] = {}
        wide = {one.runbook.id: found for one in diagnosed if (found := _divided(one))}
        explained = set[str]().union(*(library.explains(one.runbook.id) for one in diagnosed))
        placed = {one.runbook.id: _placed(one) for one in diagnosed if one.runbook.id in explained}
        for one in diagnosed:
            ids = library.explains(one.runbook.id) - {one.runbook.id}
            for about in one.abouts:
                for name in ids:
                    self._note(about, name, one)
            for name in ids & wide.keys():
                for about, divisions in wide[name].items():
                    if about not in one.abouts and _explains_division(one, about, divisions):
                        self._note(about, name, one)
            everywhere = _spots(one.runbook, one.met) if ids & placed.keys() else set()
            for name in ids & placed.keys():
                for about, spots in placed[name].items():
                    if about not in one.abouts and spots and spots <= everywhere:
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
            spots = set[Spot]().union(*(_spots(one.runbook, one.abouts[about]) for about in abouts))
            together = zip(*(one.weighed[about] for about in abouts), strict=True)
            follows = [
                other.runbook.id
                for other in others
                if any(
                    one.runbook.id in self._explained.get((about, other.runbook.id), ())
                    and (about in here or spots & _spots(other.runbook, theirs))
                    for about, theirs in other.abouts.items()
                )
            ]
            yield Problem(
                finding=one.runbook.id,
                severity=one.severity,
                title=one.runbook.title,
                members=named(met),
                count=requests(met),
                effect=one.effect,
                causes=_causes({about: one.weighed[about] for about in abouts}, one.abouts),
                steps=steps_of(one.runbook, [by_certainty(each)[0] for each in together], met),
                places=_places(one.runbook, met),
                consequences=tuple(follows) or None,
                verify=verify(one.runbook, tls=bool(met[0].record.get("tls"))) or None,
                escalate=tuple(items(one.runbook.sections.get("Escalate with", ""))) or None,
            )


def _placed(one: Diagnosed) -> dict[About, set[Spot]]:
    """Where in a configuration each of what it is about stands."""
    return {about: _spots(one.runbook, met) for about, met in one.abouts.items()}


def _spots(runbook: Runbook, met: Iterable[Met]) -> set[Spot]:
    return {(each.file, each.line, each.column) for each in _places(runbook, met) or ()}


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
    steps = steps_of(runbook, next(iter(one.weighed.values())), met)
    return Finding(
        id=runbook.id,
        severity=one.severity,
        title=runbook.title,
        members=named(met),
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


def _causes(
    weighed: Mapping[About, tuple[Weighed, ...]], abouts: Mapping[About, Sequence[Met]]
) -> tuple[Cause, ...] | None:
    """Each cause with the most certain status that it has anywhere, and where it has it, if not everywhere."""
    found: list[tuple[Weighed, Cause]] = []
    for each in zip(*weighed.values(), strict=True):
        best = by_certainty(each)[0]
        where = [about for about, one in zip(weighed, each, strict=True) if one.status is best.status]
        members = named(met for about in where for met in abouts[about])
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
