"""Whether a server works for one client in the minutes in which it fails for another: then it is not down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from icapdiag.facts.joined import JoinedMember
from icapdiag.joined.logged import Logged
from icapdiag.joined.seen import Seen
from icapdiag.joined.source import moment

_MINUTE = timedelta(minutes=1)


class _Series(NamedTuple):
    """So many events: the first not after ``begin``, the last not before ``end``."""

    begin: datetime
    end: datetime
    number: int

    @property
    def is_dense(self) -> bool:
        """At least one a minute, on average: between two of them nothing goes down and up again."""
        return self.number > 1 and self.end - self.begin <= _MINUTE * (self.number - 1)


def works_meanwhile(seen: Sequence[Seen], facts: JoinedMember) -> bool:
    """Whether a check works within a dense series of failures from other hosts, which never succeed meanwhile.

    A failure before the check could be over, and one after it could be new: only both exclude that. Where a check
    fails, or the others succeed since their first failure, it comes and goes. A capture counts only if its clients are
    not this host.
    """
    checks = [each for each in seen if each.source.kind == "check"]
    if any(each.tested.state != "ok" for each in checks) or {facts.captured, facts.scripted} & {"ok", "mixed"}:
        return False
    here = {address for each in checks for address in each.source.report.vantage.source_addresses}
    failing = [*_scripted(seen), *_captured(seen, here), *_logged(facts)]
    success = moment(facts.last_success)
    if success is not None and any(each.begin <= success for each in failing):
        return False
    return any(_encloses(each, *check.source.span) for each in failing for check in checks)


def _encloses(series: _Series, begin: str | None, end: str | None) -> bool:
    first, last = moment(begin), moment(end)
    if first is None or last is None or not series.is_dense:
        return False
    return series.begin <= first and last <= series.end


def _scripted(seen: Iterable[Seen]) -> Iterator[_Series]:
    """When in a run it failed is not known."""
    spans = [each.source.span for each in seen if each.source.kind == "script"]
    begins = [at for begin, _ in spans if (at := moment(begin)) is not None]
    ends = [at for _, end in spans if (at := moment(end)) is not None]
    if begins and ends:
        yield _Series(min(ends), max(begins), len(spans))


def _captured(seen: Iterable[Seen], here: set[str]) -> Iterator[_Series]:
    for each in seen:
        if each.source.kind == "capture" and here.isdisjoint(each.source.report.vantage.source_addresses):
            yield from _series(each.tested.first_failure, each.tested.last_failure, each.tested.failures)


def _logged(facts: JoinedMember) -> Iterator[_Series]:
    if facts.logged == "failing":
        yield from _series(facts.first_failure, facts.last_failure, facts.log_failures or 0)


def _series(begin: str | None, end: str | None, number: int) -> Iterator[_Series]:
    first, last = moment(begin), moment(end)
    if first is not None and last is not None:
        yield _Series(first, last, number)


def interleaved(said: Logged) -> bool:
    """Whether a log has failures and successes of the same minutes."""
    failures = _series(said.first_failure, said.last_failure, said.failures + said.lost)
    successes = _series(said.first_success, said.last_success, said.requests - said.failures)
    return any(
        bad.is_dense and good.is_dense and min(bad.end, good.end) - max(bad.begin, good.begin) >= _MINUTE
        for bad in failures
        for good in successes
    )
