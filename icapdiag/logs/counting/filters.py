"""Which part of a log is looked at: a time span, a pool group, a server, some actions, whose requests."""

from __future__ import annotations

import re
from datetime import datetime
from fnmatch import translate
from functools import cached_property

from msgspec import Struct

from icapdiag.avi.addresses import to_address
from icapdiag.avi.entry import DetailedEntry, LogEntry
from icapdiag.avi.times import to_iso
from icapdiag.facts.groups import ACTIONS
from icapdiag.logs.counting.who import media_type

_OF_AVI = ("pool", "vs", "method", "path", "request_id", "se", "rule", "content_type", "reason")  # only Avi logs these


class Filters(Struct, frozen=True, dict=True):
    """``since`` ≤ time < ``until`` (an entry without a time passes neither).

    ``pool``, ``member`` and ``actions`` look at ICAP requests: a pool group's name, a host or ``host:port`` (case is
    ignored in both), and some of `ACTIONS`. The others look at entries: ``vs`` is the name or the uuid of a virtual
    service, ``client`` an address, ``se`` a Service Engine, ``rule`` the policy rule that decided,
    ``content_type`` a media type without parameters. ``reason`` is what `reason_of` says of an ICAP request. ``*`` and
    ``?`` stand for any text.
    """

    since: datetime | None = None
    until: datetime | None = None
    pool: str | None = None
    member: str | None = None
    actions: frozenset[str] = frozenset()
    vs: str | None = None
    client: str | None = None
    method: str | None = None
    path: str | None = None
    request_id: str | None = None
    se: str | None = None
    rule: str | None = None
    content_type: str | None = None
    reason: str | None = None

    @staticmethod
    def action_name(word: str) -> str:
        """``failed`` or ``icap_failed`` → ``ICAP_FAILED``; raises `ValueError` for an unknown action."""
        name = "ICAP_" + word.strip().upper().removeprefix("ICAP_")
        if name not in ACTIONS:
            known = ", ".join(action.removeprefix("ICAP_").lower() for action in ACTIONS)
            raise ValueError(f"unknown ICAP action {word!r}; choose from {known}")
        return name

    def __bool__(self) -> bool:
        return self.by_time or self.by_request or self.by_entry

    @property
    def by_time(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def by_request(self) -> bool:
        named = (self.pool, self.member, self.reason)
        return bool(self.actions) or any(glob is not None for glob in named)

    @property
    def by_entry(self) -> bool:
        return any(glob is not None for glob in self._globs)

    @property
    def _globs(self) -> tuple[str | None, ...]:
        """Those that look at entries."""
        return (
            *(self.vs, self.client, self.method, self.path, self.request_id, self.se, self.rule, self.content_type),
        )

    def takes_entry(self, entry: LogEntry) -> bool:
        """Whether its virtual service, client, method, path and so on are those asked for."""
        if not self.by_entry:
            return True
        detailed = entry if isinstance(entry, DetailedEntry) else DetailedEntry()
        found = (
            (detailed.vs_name, entry.virtualservice),
            (to_address(detailed.client),),
            ((detailed.method or "").upper(),),
            (detailed.uri_path,),
            (entry.request_id,),
            (entry.service_engine,),
            (detailed.rule,),
            (media_type(detailed.request_content_type or ""),),
        )
        return all(
            glob is None or any(glob.fullmatch(text or "") for text in texts)
            for glob, texts in zip(self._of_entry, found, strict=True)
        )

    @cached_property
    def of_avi(self) -> tuple[str, ...]:
        """The options in use that nothing but an entry of Avi's log can meet: of another record no value is known."""
        used = [
            name for name in _OF_AVI if (glob := getattr(self, name)) is not None and not _compiled(glob).fullmatch("")
        ]
        return tuple(f"--{name.replace('_', '-')}" for name in (*(["action"] if self.actions else []), *used))

    def takes_client(self, client: str) -> bool:
        """Whether it is the client asked for; ``client`` is empty where the log names none."""
        glob = self._of_entry[1]
        return glob is None or glob.fullmatch(client) is not None

    def takes_engine(self, engine: str) -> bool:
        """Whether it is the Service Engine asked for."""
        glob = self._of_entry[5]
        return glob is None or glob.fullmatch(engine) is not None

    def takes_pool(self, pool: str) -> bool:
        """Whether it is the pool group asked for."""
        pools, _ = self._patterns
        return pools is None or pools.fullmatch(pool) is not None

    def takes_time(self, moment: str | None) -> bool:
        """``moment`` in UTC as `to_iso` writes it."""
        if not self.by_time:
            return True
        since, until = self._span
        return moment is not None and since <= moment < until

    def takes_request(self, action: str, pool: str, member: str) -> bool:
        """``pool`` and ``member`` are empty where the log names none."""
        if self.actions and action not in self.actions:
            return False
        return self.takes_pool(pool) and self.takes_member(member)

    def takes_reason(self, reason: str) -> bool:
        """Whether an ICAP request ended for the reason asked for."""
        return self._reason is None or self._reason.fullmatch(reason) is not None

    def takes_member(self, member: str) -> bool:
        """Whether it is the ICAP server asked for, whatever was logged of it."""
        _, members = self._patterns
        return members is None or any(members.fullmatch(name) for name in (member, member.rpartition(":")[0]))

    @cached_property
    def _span(self) -> tuple[str, str]:
        since = to_iso(self.since.isoformat()) if self.since else None
        until = to_iso(self.until.isoformat()) if self.until else None
        return since or "", until or "~"

    @cached_property
    def _of_entry(self) -> tuple[re.Pattern[str] | None, ...]:
        vs, client, method, *others, content_type = self._globs
        globs = (vs, client, method and method.upper(), *others, content_type and content_type.lower())
        return tuple(None if glob is None else _compiled(glob) for glob in globs)

    @cached_property
    def _reason(self) -> re.Pattern[str] | None:
        return None if self.reason is None else _compiled(self.reason)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
        pool, member = (None if glob is None else _compiled(glob, re.IGNORECASE) for glob in (self.pool, self.member))
        return pool, member


def _compiled(glob: str, flags: int = 0) -> re.Pattern[str]:
    """Only ``*`` and ``?`` are special: an IPv6 address has brackets of its own."""
    return re.compile(translate(glob.replace("[", "[[]")), flags)
