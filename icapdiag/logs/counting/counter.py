"""Counts log entries into groups; every single ICAP request goes through here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, cast

from msgspec.structs import replace

from icapdiag.avi.entry import LIST_KEPT, Action, DetailedEntry, IcapLog, LogEntry, RequestLog, looks_like_entry
from icapdiag.avi.times import to_iso
from icapdiag.avi.vocabulary import BODY_SIZE, FAILED, FAILURES
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.group import NOWHERE, CountedGroup, Destination, destination_of
from icapdiag.logs.counting.logged_answer import DATE_LINE, HeaderCache, LoggedAnswer
from icapdiag.logs.counting.pace import Pace
from icapdiag.logs.counting.signature import (
    UPLOAD,
    Signature,
    answered_by,
    body_of,
    codes,
    judgement_of,
    nsx_of,
    other_signature,
    outcome_of,
    reason_of,
    sheet_for,
    signature_of,
    without_icap,
)
from icapdiag.logs.counting.timeline import COLUMNS, UNSCANNED, Bucket, Timeline

GROUPS_KEPT = 2000
_WIDE_GROUPS = 50  # the first groups, which keep more names than the others
_NO_REQUEST = RequestLog()
_UNCOUNTED_KEPT = 100_000  # requests: a few megabytes
_DETAILED_WEIGHT = 5  # of a request whose details may be kept
_ZONES = {"+00:00", "Z"}  # behind the six digits of a second
_UTC = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}(?:\+00:00|Z)")
_KEYS_KEPT = 20_000  # raw keys of groups, and destinations by address: caches that start anew when full


class Counting:
    """Counts and groups of the entries added so far; see `icapdiag.logs.counting.summary.Summary`."""

    def __init__(self, filters: Filters | None = None) -> None:
        self.filters = filters or Filters()
        self.entries = 0  # all, with an icap_log or without
        self.filtered = 0  # entries that the filters left out
        self.insignificant = False  # an entry was seen that is not significant
        self.answered = False  # an entry was seen that the application answered
        self.without_icap: set[str] = set()  # what became of those without ICAP, until one was answered
        self.timeline_ = Timeline()
        self.pace = Pace()
        self._groups: dict[Signature, CountedGroup] = {}
        self._uncounted = 0  # requests that groups have noted
        # Requests beyond the first of an entry, per action of the entry and per outcome: taken off where entries count.
        self.more_actions: dict[str, int] = {}
        self.more_columns = [0] * len(COLUMNS)
        self.more_large = 0  # the same of requests that passed unscanned because they were too large
        self._answers = HeaderCache()
        self._keys: dict[object, CountedGroup] = {}
        self._destinations: dict[object, Destination] = {}

    @property
    def groups_(self) -> dict[Signature, CountedGroup]:
        """The groups, after counting everything noted."""
        if self._uncounted:
            self.count_new()
        return self._groups

    @property
    def asks_why(self) -> bool:
        """Whether it may be that no request of the log needed ICAP, so that entries without it are looked into."""
        return not self._groups and UPLOAD not in self.without_icap

    def count_new(self) -> None:
        """Count what the groups have noted."""
        self._uncounted = 0
        for group in self._groups.values():
            group.count_new()

    def add(self, entry: LogEntry) -> None:
        """Count one entry."""
        self.add_all((entry,))

    def add_all(self, entries: Sequence[LogEntry], *, strict: bool = False, paced: bool = True) -> bool:
        """Count entries in the order of the log. Times that are not plain UTC are rewritten in place.

        With ``strict`` nothing is counted, and False is returned, if some do not look like log entries. ``paced``: they
        follow the previous ones without a gap, so that entries per second can be counted.
        """
        times = [entry.report_timestamp for entry in entries]
        if strict and not all(times) and not all(map(looks_like_entry, entries)):
            return False
        self.entries += len(entries)
        if paced:
            self.pace.note(entries)
        if not self.insignificant:
            self.insignificant = not all(entry.adf for entry in entries)
        if not self.answered:
            self.answered = any(entry.server_response_code for entry in entries)
        if self.filters:
            entries = self._filter(entries)
            times = [entry.report_timestamp for entry in entries]
        logged = [entry for entry in entries if entry.icap_log is not None]
        if len(logged) < len(entries):
            times = [one.report_timestamp for one in logged]
            if self.asks_why:
                self.without_icap |= {without_icap(entry) for entry in entries if entry.icap_log is None}
        if logged:
            self._count(logged, self._buckets(logged, times))
        return True

    def _buckets(self, logged: Sequence[LogEntry], times: list[Any]) -> Iterable[Bucket]:
        """The bucket of each entry's time. Entries of a block are mostly from one minute."""
        try:
            ordered = sorted(times)  # in order already, as a rule: quicker than to look for both ends
            first, last = ordered[0], ordered[-1]
            same = first[:16] == last[:16] and {moment[26:] for moment in times} <= _ZONES
            same = same and _is_utc(first) and _is_utc(last)
        except TypeError:  # None, or a number, among them
            same = False
        if same:
            bucket = self.timeline_.bucket(first)
            if bucket is not self.timeline_.undated:
                return repeat(bucket)
        for one in logged:
            if not _is_utc(one.report_timestamp):
                one.report_timestamp = to_iso(one.report_timestamp)
        return map(self.timeline_.bucket, [one.report_timestamp for one in logged])  # type: ignore[arg-type]

    def _count(self, logged: Sequence[Any], buckets: Iterable[Bucket]) -> None:  # noqa: C901, PLR0912, PLR0915
        """Count every single request: a few look-ups, and counting in the group.

        All other work is deferred until a key is seen for the first time, or until the end. It is one
        long loop because a call per request would cost more than the rest.
        """
        keys, destinations, answers = self._keys, self._destinations, self._answers.by_text
        detailed = isinstance(logged[0], DetailedEntry)
        for entry, bucket in zip(logged, buckets):  # noqa: B905 - buckets may be endless
            log = entry.icap_log
            try:
                (request,) = log.request_logs
            except (TypeError, ValueError):
                self._count_each(entry, bucket)
                continue
            text = request.icap_headers_received_from_server
            if text is None:
                answer = None
            else:
                try:
                    answer = answers[text[DATE_LINE:] if text[:5] == "Date:" and text[DATE_LINE - 1] == "\n" else text]
                except (KeyError, IndexError):
                    answer = self._answers.find(text)
            opswat, violations = request.opswat_log, None
            if opswat is None:
                reason, threat = request.reason, request.threat_id
            else:
                violations = opswat.violations
                reason, threat = request.reason or opswat.reason, request.threat_id or opswat.threat_id
                if threat is None and opswat.violations:
                    threat = opswat.violations[0].threat_name
            kind = (
                answer,
                request.icap_response_code,
                request.action,
                log.action,
                entry.response_code,
                entry.server_response_code,
                request.http_response_code,
                request.icap_method,
                request.complete_body_sent,
                entry.significant_log,
                reason,
                request.vendor,
                entry.significance,
                request.nsx_defender_log and nsx_of(request.nsx_defender_log),
            )
            try:
                group = keys[kind]
            except KeyError:
                group = self._group(kind, entry, log, request, answer)
            bucket[group.column] += 1
            try:
                where = destinations[request.icap_server_ip]
                if request.icap_server_port != where.port or request.pool_name.val != where.pool:
                    where = self._destination(request)
            except (KeyError, AttributeError):
                where = self._destination(request)
            group.new_destinations.append(where)
            group.new_latencies.append(request.latency)
            moment = entry.report_timestamp
            try:
                if moment > group.last:
                    group.last = moment
                elif moment < group.first:
                    group.first = moment
            except TypeError:
                group.note_moment(moment)
            length = entry.request_length
            if length and length > group.length:
                group.length = length
            if detailed:
                group.new_services.append(entry.vs_name or entry.virtualservice)
                group.new_moments.append(moment)
                if group.noting:
                    group.note_entry(entry, request)
            elif group.left:
                group.note_example(entry, request)
            if threat is not None:
                try:
                    group.threats[threat] += 1
                except KeyError:
                    group.note_threat(threat)
            elif group.named:
                judgement = judgement_of(request, answer, log.action)
                for threat in judgement.threats if judgement else ():
                    group.note_threat(threat)
            if request.modified_content_length and request.modified_content_length > group.modified:
                group.modified = request.modified_content_length
            if violations:
                group.note_violations(violations)
            if request.nsx_defender_log is not None:
                group.note_nsx(request.nsx_defender_log)
        self._uncounted += len(logged) * (_DETAILED_WEIGHT if detailed else 1)
        if self._uncounted >= _UNCOUNTED_KEPT:
            self.count_new()

    def _count_each(self, entry: LogEntry, bucket: Bucket) -> None:
        """Count an entry with several ICAP requests, or with none."""
        log = entry.icap_log
        requests: Sequence[RequestLog] = (log and log.request_logs) or ()
        if log is None or (not requests and not log.action):
            if self.asks_why:
                self.without_icap.add(without_icap(entry))
            return
        if not requests:
            self._count_bare(entry, log, bucket)
            return
        requests = requests[:LIST_KEPT]
        action = log.action or requests[-1].action
        retried = any(request.action == FAILED for request in requests)
        for request in requests:
            blamed = not retried or request.action == FAILED
            self._count([_alone(entry if blamed else _without_failure(entry), action, request)], (bucket,))
        more = len(requests) - 1
        column = COLUMNS.index(outcome_of(entry, log, codes(entry)))
        self.more_columns[column] += more
        if COLUMNS[column] == UNSCANNED and BODY_SIZE in codes(entry):
            self.more_large += more
        name = str(action or "")
        self.more_actions[name] = self.more_actions.get(name, 0) + more

    def _count_bare(self, entry: LogEntry, log: IcapLog, bucket: Bucket) -> None:
        """Count an entry without an ICAP request: ICAP was disabled for it, or no server was available."""
        codes, carried = entry.significant_log, body_of(entry)
        kind = (
            log.action,
            entry.response_code,
            entry.server_response_code,
            codes,
            entry.significance,
            carried,
            answered_by(entry),
        )
        group = self._keys.get(kind) or self._group(kind, entry, log, _NO_REQUEST, None)
        bucket[group.column] += 1
        group.new_destinations.append(NOWHERE)
        group.new_latencies.append(None)
        group.note_moment(cast("str | None", entry.report_timestamp))
        group.length = max(group.length, entry.request_length or 0)
        if isinstance(entry, DetailedEntry):
            group.new_services.append(entry.service)
            group.new_moments.append(cast("str | None", entry.report_timestamp))
            group.note_entry(entry, _NO_REQUEST)
        elif group.left:
            group.note_example(entry, _NO_REQUEST)
        self._uncounted += _DETAILED_WEIGHT

    def _group(
        self, kind: object, entry: LogEntry, log: IcapLog, request: RequestLog, answer: LoggedAnswer | None
    ) -> CountedGroup:
        """The group of a raw key that is new."""
        signature, judgement = signature_of(entry, log, request, answer)
        group = self._groups.get(signature)
        if group is None and len(self._groups) >= GROUPS_KEPT:
            signature = other_signature(signature)
            group = self._groups.get(signature)
        if group is None:
            sheet = sheet_for(entry, request, signature, judgement)
            moment = cast("str | None", entry.report_timestamp)  # or to be rewritten by now: see `add_all`
            group = self._groups[signature] = CountedGroup(signature, sheet, moment, moment)
            if len(self._groups) > _WIDE_GROUPS:
                group.narrow()
        group.named = group.named or bool(judgement and judgement.threats)
        group.note_response_code(entry.response_code)
        if len(self._keys) >= _KEYS_KEPT:
            self._keys.clear()
        self._keys[kind] = group
        return group

    def _destination(self, request: RequestLog) -> Destination:
        """The destination of a request, which is remembered for its address."""
        address = request.icap_server_ip
        key = (request.pool_name, address or request.icap_absolute_uri, request.icap_server_port)
        where = self._destinations.get(key)
        if where is None:
            if len(self._destinations) >= _KEYS_KEPT:
                self._destinations.clear()
            where = self._destinations[key] = destination_of(request)
        if address:
            self._destinations[address] = where
        return where

    def _filter(self, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """The entries that match the filters, with only the ICAP requests that match."""
        kept: list[LogEntry] = []
        for entry in entries:
            if not _is_utc(entry.report_timestamp):
                entry.report_timestamp = to_iso(entry.report_timestamp)
            log, filters = entry.icap_log, self.filters
            taken = entry if filters.takes_time(to_iso(entry.report_timestamp)) and filters.takes_entry(entry) else None
            if taken is not None and log is not None and filters.by_request:
                requests: Sequence[RequestLog] = log.request_logs or (_NO_REQUEST,)
                retried = any(one.action == FAILED for one in requests)
                chosen = [one for one in requests if self._takes(entry, log, one, retried=retried)]
                if len(chosen) < len(requests):
                    blamed = not retried or any(one.action == FAILED for one in chosen)
                    own = entry if blamed else _without_failure(entry)
                    taken = _alone(own, log.action, *chosen) if chosen else None
            if taken is None:
                self.filtered += 1
            else:
                kept.append(taken)
        return kept

    def _takes(self, entry: LogEntry, log: IcapLog, request: RequestLog, *, retried: bool) -> bool:
        """Whether the filters for ICAP requests take this one; ``retried``: another attempt of the entry failed."""
        if not self.filters.takes_request(request.action or log.action or "", *destination_of(request)[:2]):
            return False
        if self.filters.reason is None:
            return True
        text = request.icap_headers_received_from_server
        answer = None if text is None else self._answers.find(text)
        own = entry if not retried or request.action == FAILED else _without_failure(entry)
        bare = log if request is _NO_REQUEST else IcapLog(log.action, (request,))
        return self.filters.takes_reason(reason_of(signature_of(own, bare, request, answer)[0]))


def _alone(entry: LogEntry, action: Action | None, *requests: RequestLog) -> LogEntry:
    """The entry with these requests only."""
    return replace(entry, icap_log=IcapLog(action, requests))


def _without_failure(entry: LogEntry) -> LogEntry:
    """The entry without its failure, which belongs to another attempt of the same request."""
    codes = tuple(code for code in entry.significant_log or () if code not in FAILURES)
    return replace(entry, significant_log=codes, significance=None)


def _is_utc(moment: object) -> bool:
    """Whether a time is a UTC text with six digits, as Avi writes it, which sorts in time order."""
    return isinstance(moment, str) and _UTC.fullmatch(moment) is not None
