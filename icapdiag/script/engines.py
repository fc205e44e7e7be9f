"""One pool seen from several Service Engines: a member that fails from one only is not what is broken."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

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

    def called(self, name: str) -> Seen:
        """The same under another name."""
        return replace(self, name=name, observations=tuple(replace(one, member=name) for one in self.observations))


def compared(seen: Iterable[Seen]) -> list[Seen]:
    """Each target once for all Service Engines that see the same, and named with them where others see something else.

    The observations are those of the first; one more says which of them see the same, where it
    fails and where it works.
    """
    targets: dict[tuple[str, str, int], list[Seen]] = {}
    for each in seen:
        targets.setdefault((each.target.member, each.target.address, each.target.port), []).append(each)
    return [one for group in targets.values() for one in _of_target(group)]


def _of_target(group: Sequence[Seen]) -> Iterator[Seen]:
    views: dict[Hashable, list[Seen]] = {}
    for each in group:
        views.setdefault(_outcomes(each), []).append(each)
    for alike in views.values():
        first, engines = alike[0], sorted({each.engine for each in alike})
        one = first.called(f"{first.name} from {', '.join(engines)}") if len(views) > 1 else first
        if len({each.engine for each in group}) > 1:
            facts = _differing(alike, group) | Engines(seen_from=tuple(engines))
            one = replace(one, observations=(*one.observations, _observation(one, facts)))
        yield one


def _outcomes(seen: Seen) -> Hashable:
    """What became of each step."""
    found = ((one, one.facts.part(Answer) or Answer()) for one in seen.observations)
    return tuple((one.probe, one.status, one.reason, answer.icap_status, answer.verdict) for one, answer in found)


def _differing(alike: Sequence[Seen], group: Sequence[Seen]) -> Engines:
    """What is to be said of a failure where others see none; nothing for any other view."""
    failure = alike[0].failure
    failing = {each.engine for each in group if each.failure is not None}
    working = [each for each in group if each.engine not in failing]
    if failure is None or not working:
        return Engines()
    answer = failure.facts.part(Answer)
    times = [[each.started for each in some if each.started is not None] for some in (alike, working)]
    apart = [abs(own - other) for own in times[0] for other in times[1]]
    return Engines(
        fails_from=tuple(sorted(failing)),
        works_from=tuple(sorted({each.engine for each in working})),
        failed_step=failure.probe,
        failed_because=failure.reason,
        refused_with=None if answer is None else answer.icap_status,
        other_namespace=not {each.namespace for each in alike} & {each.namespace for each in working},
        apart_s=min(apart) // 1000 if apart else None,
    )


def _observation(seen: Seen, facts: Engines) -> Observation:
    first = seen.observations[0]
    endpoint = first.facts.endpoint if isinstance(first.facts, ProbeSheet) else None
    return Observation(
        source="probe",
        probe="engines",
        pool=first.pool,
        member=seen.name,
        status=Status.OK,
        facts=facts if endpoint is None else replace(facts, endpoint=endpoint),
    )
