"""A source: a report, what kind of thing it was made of, which time it covers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from icapdiag.facts.config import LintSubject
from icapdiag.facts.joined import EvidenceSource, JoinedSubject
from icapdiag.facts.run import CaptureSubject, LogSubject, ScriptSubject
from icapdiag.model import Report

EARLY = datetime.min.replace(tzinfo=UTC)


class NotJoinable(ValueError):
    """A report that can't be a source; the message says why."""


class Source(Struct, frozen=True):
    """A report under the name that people know it by."""

    name: str
    report: Report

    @property
    def kind(self) -> str:
        """One of `KINDS`. Raises `NotJoinable`."""
        match self.report.subject:
            case LogSubject():
                return "log"
            case LintSubject():
                return "configuration"
            case CaptureSubject():
                return "capture"
            case ScriptSubject():
                return "script"
            case JoinedSubject():
                raise NotJoinable("a report of icapdiag diagnose: give the sources that it was made of")
        return "check"

    @property
    def span(self) -> tuple[str | None, str | None]:
        """The first and the last time that it covers: of logs and captures that of what is in them."""
        match self.report.subject:
            case LogSubject(entries=entries):
                return (entries.first_seen, entries.last_seen) if entries else (None, None)
            case CaptureSubject(captures=files):
                return earliest(each.first_seen for each in files), latest(each.last_seen for each in files)
            case ScriptSubject(scripts=runs):
                return earliest(each.started_at for each in runs), latest(each.finished_at for each in runs)
            case LintSubject():
                return None, None
        return self.report.started_at, self.report.finished_at

    @property
    def described(self) -> EvidenceSource:
        """What it is and covers."""
        first, last = self.span
        logged = self.kind in {"log", "configuration"}
        return EvidenceSource(
            kind=self.kind,
            name=self.name,
            seen_from=None if logged else self.report.vantage.host,
            first_seen=first,
            last_seen=last,
            complete=self.report.complete,
        )


def moment(text: str | None) -> datetime | None:
    """A time in UTC; None where it is not one. A time without an offset is UTC."""
    try:
        found = datetime.fromisoformat(text or "")
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def earliest(texts: Iterable[str | None]) -> str | None:
    """The earliest of these times, in UTC."""
    return _iso(min(filter(None, map(moment, texts)), default=None))


def latest(texts: Iterable[str | None]) -> str | None:
    """The latest of these times, in UTC."""
    return _iso(max(filter(None, map(moment, texts)), default=None))


def _iso(found: datetime | None) -> str | None:
    return None if found is None else found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_order(sources: Sequence[Source]) -> list[Source]:
    """By the end of what they cover; what has no time comes first."""
    return sorted(sources, key=lambda each: moment(each.span[1]) or EARLY)
