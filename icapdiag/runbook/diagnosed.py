"""A runbook and all that it explains: how certain each cause is at each member, its effect, how much it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from icapdiag.facts.fields import stands_for
from icapdiag.facts.groups import RequestGroup
from icapdiag.facts.joined import JoinedWhole
from icapdiag.facts.scanner import SCANNER
from icapdiag.model import Observation
from icapdiag.runbook.causes import Weighed, weigh
from icapdiag.runbook.document import FAIL_ACTIONS, Runbook
from icapdiag.runbook.surroundings import WideRecord
from icapdiag.vocabulary import CERTAINTY_ORDER, EFFECT_ORDER, SEVERITY_ORDER, CauseStatus, Effect, Severity

MEMBERS = 50  # named in the finding of a log, which may know thousands

LOGGED = frozenset({"log", SCANNER})  # sources with counts, and with any number of members
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
        self.severity = _severity(runbook, met, self.effect)
        self.by_fail_action = bool(failing) and (self.effect in _HARMED or runbook.effect == FAIL_ACTIONS[1])
        known = met[0].record.get("profile.fail_action") or met[0].record.get("client_outcome")
        self._assumed = bool(failing) and self.effect in _HARMED and not known

    @property
    def failing(self) -> list[tuple[str, str]]:
        """The members at which it does harm now: none of them is healthy."""
        critical = self.severity is Severity.CRITICAL
        return [about for about in self.abouts if critical and isinstance(about, tuple) and about[1]]

    @property
    def failing_in_log(self) -> set[str]:
        """The servers that a log names in requests to which it did harm."""
        logged = [each.observation for each in self.met if each.observation.source == "log"]
        return {name for each in logged for name in members_of(each)} if self.severity is Severity.CRITICAL else set()

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


def _severity(runbook: Runbook, met: Sequence[Met], effect: Effect | None) -> Severity:
    """That of the runbook; but if the facts say that nobody is affected now, it is a warning at most.

    They do if each request of a log succeeded in another attempt, or by the runbook's own ``effect_when``.
    """
    attempts = [one for one in met if one.record.get("icap_action") == _FAILED]
    served = len(attempts) == len(met) and all(one.record.get("client_outcome") in _SERVED for one in attempts)
    harmless = served or (bool(runbook.effects) and effect is Effect.NONE)
    return Severity.WARNING if harmless and runbook.severity is Severity.CRITICAL else runbook.severity


def _weight(met: Iterable[Met]) -> int:
    """Requests of a log, or failures that are missing from it, or members probed."""
    logged = [one for one in met if one[0].source in LOGGED]
    probed = {
        member for observation, *_ in met if observation.source not in LOGGED for member in members_of(observation)
    }
    together = (observation.facts for observation, *_ in met if isinstance(observation.facts, JoinedWhole))
    return requests(logged) + len(probed) + sum(each.failures_not_logged or 0 for each in together)


def requests(met: Iterable[Met]) -> int:
    """Of a log or a capture; an observation of a live probe counts as one, as does a scanner's message about none."""
    return sum(stands_for(observation.facts) for observation, *_ in met)


def members_of(observation: Observation) -> Iterable[str]:
    """The members that an observation is about: of a log there may be several, of a pool there is none."""
    group = observation.facts.part(RequestGroup)
    return filter(None, (group.members if group else None) or (observation.member,))


def named(met: Iterable[Met]) -> tuple[str, ...]:
    """The members concerned, in their order; of a log at most `MEMBERS`."""
    members: dict[str, None] = {}
    for observation, *_ in met:
        for member in members_of(observation):
            if observation.source not in LOGGED or len(members) < MEMBERS:
                members.setdefault(member)
    return tuple(members)
