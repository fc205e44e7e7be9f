"""Which part of a log is looked at: a time span, a pool group, a server, some actions."""

from __future__ import annotations

import re
from datetime import datetime
from fnmatch import translate
from functools import cached_property

from msgspec import Struct

from icapdiag.avi.times import to_iso
from icapdiag.facts.logs import ACTIONS


class Filters(Struct, frozen=True, dict=True):
    """``since`` ≤ time < ``until`` (an entry without a time passes neither); the rest looks at ICAP requests.

    ``pool`` is a pool group's name, ``member`` a host or ``host:port``; ``*`` and ``?`` stand for any text,
    case is ignored. ``actions`` are those of `ACTIONS`.
    """

    since: datetime | None = None
    until: datetime | None = None
    pool: str | None = None
    member: str | None = None
    actions: frozenset[str] = frozenset()

    @staticmethod
    def action_name(word: str) -> str:
        """``failed`` or ``icap_failed`` → ``ICAP_FAILED``; raises `ValueError` for what is no action."""
        name = "ICAP_" + word.strip().upper().removeprefix("ICAP_")
        if name not in ACTIONS:
            known = ", ".join(action.removeprefix("ICAP_").lower() for action in ACTIONS)
            raise ValueError(f"{word!r} is no ICAP action; there are {known}")
        return name

    def __bool__(self) -> bool:
        return self.by_time or self.by_request

    @property
    def by_time(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def by_request(self) -> bool:
        return self.pool is not None or self.member is not None or bool(self.actions)

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
        pools, members = self._patterns
        if pools and not pools.fullmatch(pool):
            return False
        return members is None or any(members.fullmatch(name) for name in (member, member.rpartition(":")[0]))

    @cached_property
    def _span(self) -> tuple[str, str]:
        since = to_iso(self.since.isoformat()) if self.since else None
        until = to_iso(self.until.isoformat()) if self.until else None
        return since or "", until or "~"

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
        pool, member = (
            None if glob is None else re.compile(translate(glob), re.IGNORECASE) for glob in (self.pool, self.member)
        )
        return pool, member
