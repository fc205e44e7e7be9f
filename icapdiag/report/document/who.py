"""Whose requests are in a log, and where they failed; each count with the command that reproduces it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.run import Filters, LogSubject
from icapdiag.model import Problem, Report
from icapdiag.report.document.words import logs_of, names, safe_text
from icapdiag.text import visible

MORE = "(more)"  # names that there was no room for
FAILED = "ICAP_FAILED"
_PASTED = "answer"
_FILES = 5  # in a command; more of them are FILE...
_NAMES = 3  # of a kind in a line
_ROWS = 5  # of a kind in a table
_FEW = 10  # paths that are listed as they are
_LEADING = 5  # a name has at least this part of the requests, or is one of many
_WIDTH = 60  # of a name in a line
_CUT = 200  # characters that are kept of a name

# Kind of name → the facts that count it, its word, and the option that selects it.
_KINDS: Mapping[str, tuple[str, str, str]] = {
    "client": ("by_client", "client", "--client"),
    "user": ("by_user", "user", ""),
    "virtual service": ("by_virtualservice", "virtual service", "--vs"),
    "method": ("by_method", "", "--method"),
    "path": ("by_path", "", "--path"),
    "host": ("by_host", "host", ""),
    "content type": ("by_content_type", "", "--content-type"),
    "size": ("by_size", "", ""),
    "rule": ("by_rule", "rule", "--rule"),
    "Service Engine": ("by_service_engine", "Service Engine", "--se"),
    "member": ("by_member", "member", "--member"),
    "pool": ("by_pool", "pool", "--pool"),
}
_IN_LINE = tuple(name for name in _KINDS if name not in {"Service Engine", "member", "pool"})
_IN_BRIEF = ("virtual service", "path", "method", "client", "user")  # what to look for first
_RATED = ("member", "pool", "virtual service")
_OWN = (  # filters of a run
    *("since", "until", "pool", "member", "vs", "client", "method", "path", "request_id"),
    *("se", "rule", "content_type", "reason"),
)
_PASSED = "ICAP_PASSED"
_ACTIONS = ("ICAP_FAILED", "ICAP_DISABLED", "ICAP_BLOCKED", "ICAP_MODIFIED")  # most harm first


RATE_TITLE = "Failures by member, pool and virtual service"
RATE_HEAD = ("by", "name", "failed", "ICAP requests", "share", "command that selects these requests")
RATE_RIGHT = (2, 3, 4)
COUNT_TITLE = "Who and what"
COUNT_HEAD = ("action", "by", "name", "requests", "filter of explain that gives these requests")
COUNT_RIGHT = (3,)


class Rate(NamedTuple):
    """``10.0.0.7:1344 failed 119 of 131``; ``command`` reproduces the first number."""

    kind: str
    name: str
    failed: int
    requests: int
    command: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `RATE_HEAD`."""
        share = f"{100 * self.failed / self.requests:.1f} %"
        return self.kind, self.name, f"{self.failed:,}", f"{self.requests:,}", share, self.command

    @property
    def words(self) -> str:
        share = f" ({100 * self.failed / self.requests:.1f} %)" if self.failed < self.requests else ""
        return f"{self.kind} {self.name} failed {self.failed:,} of {self.requests:,}{share}"


class Count(NamedTuple):
    """Requests with one action and one name. ``exact`` False: the number is a minimum."""

    action: str
    kind: str
    name: str
    number: int
    exact: bool
    command: str
    options: str  # of the command: what stands behind the files

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `COUNT_HEAD`."""
        return self.action.removeprefix("ICAP_").lower(), self.kind, self.name, self.words, self.options

    @property
    def words(self) -> str:
        """``119``, or ``≥ 119``."""
        return f"{self.number:,}" if self.exact else f"≥ {self.number:,}"


def _groups(report: Report) -> Iterator[ReportedGroup]:
    return (group for group in report.groups if group.probe != _PASTED and group.count)


def rates(report: Report) -> list[Rate]:
    """Failure rates by member, pool and virtual service, the most failures first.

    Virtual services are left out if they were not read for all requests.
    """
    found: list[Rate] = []
    for kind in _RATED:
        attribute, _, option = _KINDS[kind]
        if kind == "virtual service" and not _read_of_all(report):
            continue
        failed: dict[str, int] = {}
        total: dict[str, int] = {}
        for group in _groups(report):
            if group.client_outcome == "disabled":
                continue
            for name, count in (getattr(group, attribute) or {}).items():
                total[name] = total.get(name, 0) + count
                if group.icap_action == FAILED:
                    failed[name] = failed.get(name, 0) + count
        failed.pop(MORE, None)
        worst = sorted(failed, key=lambda name: (-failed[name], name))[:_ROWS]
        found += [
            Rate(kind, visible(name, _WIDTH), failed[name], total[name], command(report, FAILED, option, name))
            for name in worst
        ]
    return found


def _read_of_all(report: Report) -> bool:
    """Whether the virtual service of every request was read."""
    return all(sum((group.by_virtualservice or {}).values()) == group.count for group in _groups(report))


def counts(report: Report) -> list[Count]:
    """Requests that did not simply pass, by action and by their client, path and so on."""
    found: list[Count] = []
    for action in _ACTIONS:
        groups = [group for group in _groups(report) if group.icap_action == action]
        found += _by_reason(report, action, groups)
        for kind, (attribute, _, option) in _KINDS.items():
            ordered, exact = _together(groups, attribute)
            found += [
                Count(action, kind, visible(name, _WIDTH), number, exact, *_command(report, action, option, name))
                for name, number in ordered[:_ROWS]
            ]
    return [*_by_action(report), *found] if found else []


def _by_action(report: Report) -> Iterator[Count]:
    """How many requests there are of each action; empty where all simply passed."""
    total = {action: sum(group.count or 0 for group in _groups(report) if group.icap_action == action)
             for action in (*_ACTIONS, _PASSED)}  # fmt: skip
    if any(total[action] for action in _ACTIONS):
        for action, number in total.items():
            if number:
                command, options = _command(report, action)
                yield Count(action, "action", _word(action), number, exact=True, command=command, options=options)


def _by_reason(report: Report, action: str, groups: Sequence[ReportedGroup]) -> Iterator[Count]:
    """The same by reason, which all requests of a group have in common."""
    counted: dict[str, int] = {}
    for group in groups:
        if group.logged_reason:
            counted[group.logged_reason] = counted.get(group.logged_reason, 0) + (group.count or 0)
    for name, number in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_ROWS]:
        command, options = _command(report, action, "--reason", name)
        shown = visible(name, _WIDTH)
        yield Count(action, "reason", shown, number, exact=True, command=command, options=options)


def _word(action: str) -> str:
    return action.removeprefix("ICAP_").lower()


def _together(groups: Sequence[ReportedGroup], attribute: str) -> tuple[list[tuple[str, int]], bool]:
    """Names with counts, most frequent first, and whether the counts are complete."""
    counted: dict[str, int] = {}
    for group in groups:
        for name, number in (getattr(group, attribute) or {}).items():
            counted[name] = counted.get(name, 0) + number
    if attribute == "by_path":
        counted = _folded(counted)
    exact = MORE not in counted
    if attribute == "by_virtualservice":
        exact = exact and all(sum((group.by_virtualservice or {}).values()) == group.count for group in groups)
    elif attribute not in {"by_member", "by_pool"}:
        exact = exact and all(group.looked_at == group.count for group in groups)
    counted.pop(MORE, None)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0])), exact


def _folded(counted: dict[str, int]) -> dict[str, int]:
    """Paths; if hardly any repeats, their folders: ``/upload/*``."""
    for level in (2, 1):
        frequent = sorted(counted.values(), reverse=True)[:_NAMES]
        if len(counted) <= _FEW or 2 * sum(frequent) >= sum(counted.values()):
            break
        folders: dict[str, int] = {}
        for path, number in counted.items():
            parts = path.split("/")
            folder = f"{'/'.join(parts[: level + 1])}/*" if len(parts) > level + 1 else path
            folders[folder] = folders.get(folder, 0) + number
        counted = folders
    return counted


def of_problem(report: Report, problem: Problem) -> str:
    """Clients, paths and so on of a problem's requests in one line; empty if the log does not have them."""
    return line(report, {problem.finding}, problem.members)


def in_brief(report: Report, problem: Problem) -> tuple[str, ...]:
    """The same as a few words each, what finds the requests first."""
    return tuple(_parts(report, {problem.finding}, problem.members, brief=True))


def line(report: Report, findings: Collection[str], members: Collection[str] = ()) -> str:
    """Clients, paths and so on of the requests that these findings explain; only of ``members``, if any are named."""
    return "; ".join(_parts(report, findings, members, brief=False))


def _parts(report: Report, findings: Collection[str], members: Collection[str], *, brief: bool) -> list[str]:
    groups = [
        group
        for group in _groups(report)
        if not set(findings).isdisjoint(group.findings)
        and (not members or not set(members).isdisjoint(group.members or ()))
    ]
    total = sum(group.count or 0 for group in groups)
    looked_at = sum(group.looked_at or 0 for group in groups)
    parts: list[str] = []
    for kind in _IN_BRIEF if brief else _IN_LINE:
        attribute, word, _ = _KINDS[kind]
        ordered, exact = _together(groups, attribute)
        if ordered:
            parts.append(
                _in_brief(kind, ordered, total) if brief else f"{word} {_listed(ordered, total, exact=exact)}".strip()
            )
    ids = [each for group in groups for each in group.request_ids or ()]
    if ids and not brief:
        parts.append(f"request ids {names(ids[:_NAMES], _NAMES)}")
    some = f"of {looked_at:,} examined: " if 0 < looked_at < total else ""
    return [f"{some}{parts[0]}", *parts[1:]] if parts else []


def _in_brief(kind: str, ordered: Sequence[tuple[str, int]], total: int) -> str:
    """``client 10.0.0.1``, ``client 10.0.0.1 (200) and 3 more``; ``37 clients`` if none is frequent."""
    word = _KINDS[kind][1]
    name, number = ordered[0]
    if len(ordered) > _NAMES and _LEADING * number < total:
        return f"{len(ordered):,} {kind}s"
    shown = visible(name, _WIDTH) + (f" ({number:,})" if len(ordered) > 1 else "")
    more = f" and {len(ordered) - 1:,} more" if len(ordered) > 1 else ""
    return f"{word} {shown}{more}".strip()


def _listed(ordered: Sequence[tuple[str, int]], total: int, *, exact: bool) -> str:
    """``10.0.0.1 (200), 10.0.0.2 (3) and 4 more``; a single name has no count."""
    if len(ordered) == 1 and ordered[0][1] == total:
        return visible(ordered[0][0], _WIDTH)
    least = "" if exact else "≥ "
    listed = ", ".join(f"{visible(name, _WIDTH)} ({least}{number:,})" for name, number in ordered[:_NAMES])
    more = len(ordered) - _NAMES
    return f"{listed} and {more:,} more" if more > 0 else listed


# --- commands --------------------------------------------------------------------------------------


def command(report: Report, action: str, option: str, name: str) -> str:
    """The command whose report has exactly these requests; empty if no option selects them."""
    return _command(report, action, option, name)[0]


def _command(report: Report, action: str, option: str = "", name: str = "") -> tuple[str, str]:
    """The command, and its options. Without an option it selects the action as a whole."""
    logs = logs_of(report)
    if logs is not None and not option and not name:
        options = " ".join(map(shlex.quote, [*_limits(logs.filters or Filters(), option), "--action", _word(action)]))
        return f"icapdiag explain {_inputs(logs)} {options}", options
    plain = name[:-1] if option == "--path" and name.endswith("/*") else name
    if logs is None or not option or name != visible(name, None) or not {"*", "?"}.isdisjoint(plain):
        return "", ""
    pattern = name if len(name) < _CUT else f"{name}*"
    words = [*_limits(logs.filters or Filters(), option), option, pattern]
    options = " ".join(map(shlex.quote, [*words, "--action", _word(action)]))
    return f"icapdiag explain {_inputs(logs)} {options}", options


def _inputs(logs: LogSubject) -> str:
    if not 0 < len(logs.inputs) <= _FILES:
        return "FILE..."
    return " ".join(shlex.quote(safe_text(name, None)) for name in logs.inputs)


def _limits(filters: Filters, option: str) -> Iterator[str]:
    """The filters of the run, except for actions and those that are set anew."""
    for own in _OWN:
        value, name = getattr(filters, own), f"--{own.replace('_', '-')}"
        if value and name != option:
            yield from (name, safe_text(value, None))
