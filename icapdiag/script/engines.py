"""One pool seen from several Service Engines: a member that fails from one only is not what is broken."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.engines import Engines
from icapdiag.model import Observation
from icapdiag.script.plan import Target
from icapdiag.vocabulary import Status


class Seen(Struct, frozen=True, kw_only=True):
    """One target as one run saw it. ``name`` is that in the report; ``started``: ms since 1970."""

    name: str
    target: Target
    engine: str
    namespace: str = ""
    started: int | None = None
    observations: tuple[Observation, ...]

    @property
    def failure(self) -> Observation | None:
        """The first step that failed."""
        return next((one for one in self.observations if one.status is Status.FAILED), None)


def compared(seen: Sequence[Seen]) -> list[Seen]:
    """The same, each that fails where others work with one more observation, on just that."""
    groups: dict[tuple[str, str, int], list[Seen]] = {}
    for each in seen:
        groups.setdefault((each.target.member, each.target.address, each.target.port), []).append(each)
    return [_with_others(each, groups[each.target.member, each.target.address, each.target.port]) for each in seen]


def _with_others(own: Seen, group: Sequence[Seen]) -> Seen:
    failure = own.failure
    failing = {each.engine for each in group if each.failure is not None}
    working = [each for each in group if each.engine not in failing]
    if failure is None or not working:
        return own
    answer = failure.facts.part(Answer)
    apart = [
        abs(own.started - each.started) for each in working if own.started is not None and each.started is not None
    ]
    facts = Engines(
        fails_from=tuple(sorted(failing)),
        works_from=tuple(sorted({each.engine for each in working})),
        failed_step=failure.probe,
        failed_because=failure.reason,
        refused_with=None if answer is None else answer.icap_status,
        other_namespace=all(own.namespace != each.namespace for each in working),
        apart_s=min(apart) // 1000 if apart else None,
    )
    endpoint = failure.facts.endpoint if isinstance(failure.facts, ProbeSheet) else None
    observation = Observation(
        source="probe",
        probe="engines",
        pool=failure.pool,
        member=failure.member,
        status=Status.OK,
        facts=facts if endpoint is None else replace(facts, endpoint=endpoint),
    )
    return replace(own, observations=(*own.observations, observation))
