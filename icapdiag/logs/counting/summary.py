"""All that is kept of a log: a value that entries are added to, and that merges with others of its kind.

Its size depends on how many kinds of requests there are, not on how many requests: groups, names,
threats, latencies and time buckets are all bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from icapdiag.avi.times import parse_time, to_iso
from icapdiag.avi.vocabulary import BLOCKED, BODY_SIZE, DISABLED, FAILED, MODIFIED, PASSED
from icapdiag.facts.fields import SUMMARY
from icapdiag.facts.groups import ReportedGroup, RequestGroup
from icapdiag.facts.logs import Bucket, EntryCounts, LogSummary
from icapdiag.logs.counting.counter import GROUPS_KEPT, Counting
from icapdiag.logs.counting.group import CountedGroup
from icapdiag.logs.counting.pace import Pace
from icapdiag.logs.counting.signature import AVI, UPLOAD, other_signature, reason_of
from icapdiag.logs.counting.timeline import COLUMNS, UNSCANNED, UNSETTLED, Timeline
from icapdiag.model import Observation
from icapdiag.vocabulary import Status

_POOLS_JOINED = 5
_NO_COINCIDENCE = 8  # failures: at random, 1 time in 128 all would be from one Service Engine of two
_AN_OUTAGE = 3  # failures
_FEW = 0.2  # of the requests in an outage, whose last minute has some after it
_SCANNED = frozenset({PASSED, MODIFIED, BLOCKED})  # whose outcomes are the first of `OUTCOMES`
_ACTIONS = (PASSED, MODIFIED, BLOCKED, FAILED, DISABLED)


class SummaryWire(Struct, gc=False, array_like=True):
    """A summary as it travels between processes."""

    entries: int
    filtered: int
    insignificant: bool
    answered: bool
    without_icap: set[str]
    actions: dict[str, int]
    columns: list[int]
    large: int
    groups: list[CountedGroup]
    timeline: Timeline
    pace: Pace


class Summary(Counting):
    """Counts and groups of the entries added so far.

    Groups are of ICAP requests: an entry may hold several, and one whose icap_log has an action and no request counts
    as one. ``entries_…`` are of entries, by ``icap_log.action``; an empty icap_log counts as none.
    """

    def to_wire(self) -> bytes:
        """Everything that was counted, for `merge_wire` in another process."""
        counted = SummaryWire(
            self.entries,
            self.filtered,
            self.insignificant,
            self.answered,
            self.without_icap,
            self.more_actions,
            self.more_columns,
            self.more_large,
            list(self.groups_.values()),
            self.timeline_,
            self.pace,
        )
        return msgspec.msgpack.encode(counted)

    def merge_wire(self, text: bytes) -> None:
        """Add what `to_wire` gave of a later part of the log. Raises `ValueError` for anything else."""
        wire = msgspec.msgpack.decode(text, type=SummaryWire)
        self.entries += wire.entries
        self.filtered += wire.filtered
        self.insignificant = self.insignificant or wire.insignificant
        self.answered = self.answered or wire.answered
        self.without_icap |= wire.without_icap
        for action, count in wire.actions.items():
            self.more_actions[action] = self.more_actions.get(action, 0) + count
        self.more_columns = [mine + count for mine, count in zip(self.more_columns, wire.columns, strict=True)]
        self.more_large += wire.large
        self.timeline_.merge(wire.timeline)
        self.pace.merge(wire.pace)
        groups = self.groups_
        for theirs in wire.groups:
            signature, sheet = theirs.signature, theirs.sheet
            if signature not in groups and len(groups) >= GROUPS_KEPT:
                signature = other_signature(signature)
                sheet = RequestGroup(icap_action=sheet.icap_action, client_outcome=sheet.client_outcome)
            group = groups.get(signature)
            if group is None:
                group = groups[signature] = CountedGroup(signature, sheet, None, None)
            group.merge(theirs)

    def head(self) -> EntryCounts:
        """The log as a whole."""
        actions: dict[str, int] = {}
        for group in self.groups_.values():
            action = group.signature.entry_action or ""
            actions[action] = actions.get(action, 0) + group.count
        requests = sum(actions.values())
        for action, more in self.more_actions.items():
            actions[action] = actions.get(action, 0) - more
        entries = sum(actions.values())
        passed, modified, blocked, failed, disabled = (actions.get(action, 0) for action in _ACTIONS)
        first = min((group.first for group in self.groups_.values() if group.first), default=None)
        last = max((group.last for group in self.groups_.values() if group.last), default=None)
        start, end = parse_time(first), parse_time(last)
        unscanned = [group for group in self._settled() if group.signature.outcome == UNSCANNED]
        not_offered = sum(group.count for group in unscanned if group.signature.request_body == "yes")
        too_large = sum(group.count for group in unscanned if BODY_SIZE in group.signature.adf_codes) - self.more_large
        ceiling = self.pace.ceiling()
        outcomes = self.outcomes()
        in_all = outcomes[UNSCANNED]
        return EntryCounts(
            entries_total=self.entries - self.filtered,
            entries_icap=entries,
            entries_passed=passed,
            entries_modified=modified,
            entries_blocked=blocked,
            entries_failed=failed,
            entries_disabled=disabled,
            entries_other=entries - passed - modified - blocked - failed - disabled,
            icap_requests=requests,
            by_outcome={name: count for name, count in outcomes.items() if count} if requests > entries else None,
            without_icap=_in_all(self.without_icap) if not entries else None,
            only_significant=entries > 0 and not self.insignificant and not passed,
            first_seen=to_iso(first),
            last_seen=to_iso(last),
            span_s=(end - start).total_seconds() if start and end else None,
            failed_share=round(failed / (entries - disabled), 6) if entries > disabled else None,
            unscanned_count=in_all,
            unscanned_failed=in_all - too_large - not_offered,
            unscanned_too_large=too_large,
            unscanned_disabled=not_offered,
            throttled_at=ceiling.rate if ceiling else None,
            throttled_s=ceiling.seconds if ceiling else None,
            filtered=self.filtered,
            groups=len(self.groups_),
        )

    def outcomes(self) -> dict[str, int]:
        """Entries with an icap_log per outcome for the client."""
        counts = [-more for more in self.more_columns]
        for group in self.groups_.values():
            counts[group.column] += group.count
        return self._by_outcome(counts)

    def groups(self, observations: Sequence[Observation] | None = None) -> tuple[ReportedGroup, ...]:
        """Each group as a report has it, most frequent first, without findings; from `observations`, if at hand."""
        observed = self.observations() if observations is None else observations
        return tuple(
            ReportedGroup(
                **{name: value for name, value in asdict(one.facts).items() if value is not None},
                probe=one.probe,
                status=str(group.signature.status),
                by_member=group.counts_by("member"),
                by_pool=group.counts_by("pool"),
                logged_reason=reason_of(group.signature) or None,
                by_threat=dict(group.threats),
                by_virtualservice=group.services or None,
                last_by_virtualservice=group.last_of_services,
                looked_at=group.looked_at,
                by_client=group.names_by("clients"),
                by_user=group.names_by("users"),
                by_method=group.names_by("methods"),
                by_host=group.names_by("hosts"),
                by_path=group.names_by("paths"),
                by_content_type=group.names_by("content_types"),
                by_size=group.names_by("sizes"),
                by_rule=group.names_by("rules"),
                by_service_engine=group.names_by("engines"),
            )
            for group, one in zip(self._ordered(), observed, strict=False)
        )

    def timeline(self) -> tuple[Bucket, ...]:
        """Requests per outcome in steps of a minute, an hour or a day, in order; steps without any are left out."""
        return tuple(
            Bucket(
                start=start.isoformat(),
                step_s=round(step.total_seconds()),
                requests=sum(counts),
                **{name.replace("-", "_"): count for name, count in self._by_outcome(counts).items()},
            )
            for start, step, counts in self.timeline_
        )

    def observations(self) -> tuple[Observation, ...]:
        """One for each group, most frequent first, and one of probe ``summary`` for the log as a whole."""
        groups = self._ordered()
        engine, quiet = _only_engine(groups), self._quiet(groups)
        return (*(_observation(group, engine, quiet) for group in groups), self._whole())

    def _quiet(self, groups: Sequence[CountedGroup]) -> float | None:
        """For how long requests were scanned after a time in which nearly all failed, in s; None without such a time.

        What depends on the content fails between requests that pass, and its last failure says nothing about an end.
        """
        failed = [group for group in groups if group.signature.action == FAILED]
        times = [time for one in failed for at in (one.first, one.last) if (time := parse_time(to_iso(at)))]
        scanned = [one.last for one in groups if one.signature.action in _SCANNED]
        end = max((time for at in scanned if (time := parse_time(to_iso(at)))), default=None)
        if not times or end is None or end < max(times) or sum(one.count for one in failed) < _AN_OUTAGE:
            return None
        within = [counts for start, _, counts in self.timeline_ if min(times) < start <= max(times)]
        well = sum(sum(counts[: len(_SCANNED)]) for counts in within)
        requests = sum(map(sum, within))
        return (end - max(times)).total_seconds() if requests and well <= _FEW * requests else None

    def _ordered(self) -> list[CountedGroup]:
        return sorted(self._settled(), key=lambda group: -group.count)

    def _by_outcome(self, counts: Sequence[int]) -> dict[str, int]:
        """Counts per column as counts per outcome."""
        found = dict(zip(COLUMNS, counts, strict=True))
        found[self._unsettled] += found.pop(UNSETTLED)
        return found

    @property
    def _unsettled(self) -> str:
        """What `UNSETTLED` stands for: a code that is nowhere in the log is missing for another reason."""
        return "disabled" if self.answered else UNSCANNED

    def _settled(self) -> list[CountedGroup]:
        """The groups, with the outcomes that a report has."""
        return [self._settle(each) if each.signature.answered_by == AVI else each for each in self.groups_.values()]

    def _settle(self, group: CountedGroup) -> CountedGroup:
        outcome, by = group.signature.outcome, AVI if self.answered else None
        outcome = self._unsettled if outcome == UNSETTLED else outcome
        return replace(
            group,
            signature=replace(group.signature, outcome=outcome, answered_by=by),
            sheet=replace(group.sheet, client_outcome=outcome, answered_by=by),
        )

    def _whole(self) -> Observation:
        head = self.head()
        return Observation(
            source="log",
            probe=SUMMARY,
            pool="",
            member="",
            status=Status.FAILED if head.entries_failed else Status.OK,
            facts=LogSummary(**{name: getattr(head, name) for name in LogSummary.__struct_fields__}),
        )


def _in_all(kinds: set[str]) -> str | None:
    """What became of all entries without ICAP; None without entries."""
    if UPLOAD in kinds or len(kinds) == 1:
        return UPLOAD if UPLOAD in kinds else next(iter(kinds))
    return "rule" if kinds == {"waf", "rule"} else "mixed" if kinds else None


def _only_engine(groups: Sequence[CountedGroup]) -> str | None:
    """The Service Engine that all failures come from, and no other result, while the same servers scan for others.

    There have to be too many for a coincidence, and the engines of all of them known.
    """
    failed = [group for group in groups if group.signature.action == FAILED]
    scanned = [group for group in groups if group.signature.action in _SCANNED]
    engines, working = (frozenset[str]().union(*(each.engines for each in own)) for own in (failed, scanned))
    servers, answering = ({name for each in own for name in each.counts_by("member")} for own in (failed, scanned))
    known = all(group.looked_at == group.count for group in failed)
    if not known or sum(group.count for group in failed) < _NO_COINCIDENCE:
        return None
    same = len(engines) == 1 and bool(working) and engines.isdisjoint(working) and servers <= answering
    return next(iter(engines)) if same else None


def _observation(group: CountedGroup, only_engine: str | None, quiet: float | None) -> Observation:
    pools, members = list(group.counts_by("pool")), list(group.counts_by("member"))
    return Observation(
        source="log",
        probe="",
        pool=", ".join(pools[:_POOLS_JOINED]) + ("…" if len(pools) > _POOLS_JOINED else ""),
        member=members[0] if len(members) == 1 else "",
        status=group.signature.status,
        facts=group.shown(pools, members, *((only_engine, quiet) if group.signature.action == FAILED else ())),
    )
