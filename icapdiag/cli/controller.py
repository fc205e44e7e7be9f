"""The work of ``icapdiag pull``, and of any command that pulls first. What can't be done ends the command."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import typer

from icapdiag.avi.times import parse_time
from icapdiag.cli.console import fail, stderr_is_terminal, stdin_is_terminal
from icapdiag.cli.progress import PullProgress
from icapdiag.cli.signals import Stop
from icapdiag.cli.times import span_of
from icapdiag.controller.address import ControllerError, parse_address, trusted
from icapdiag.controller.asking import Pace
from icapdiag.controller.credentials import NoCredentials, take_secret
from icapdiag.controller.folder import LASTING, Pull, clock_note, passing
from icapdiag.controller.objects import NoSuchService
from icapdiag.controller.pulling import Puller, PullError, Wanted
from icapdiag.controller.session import Session, Stopped, load_sdk
from icapdiag.text import visible

_USUAL = timedelta(hours=2)
_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}", re.ASCII)
_OLDEST = (20, 1)  # with ICAP
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)  # at most: of this host and the Controller
_LISTED = 10
_REFUSED = frozenset({401, 403})
_LATE = 30.0  # seconds


class Account(NamedTuple):
    """Which Controller, as whom, and how it proves that it is the right one."""

    controller: str
    user: str
    tenant: str
    password_file: Path | None = None
    ca_file: Path | None = None
    api_version: str | None = None


class Choice(NamedTuple):
    """What to pull. Times as the user typed them."""

    virtual_services: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    logs: bool = True


def pull_into(folder: Path, account: Account, choice: Choice, *, rate: float | None, stop: Stop) -> Pull | None:
    """Pull into the folder, or go on there; None if that was stopped before there was anything to keep.

    ``rate``: requests per second at most; None: that of `Pace`.
    """
    _check_names(account)
    now = datetime.now(UTC)
    since, until = span_of(choice.since, choice.until, now)
    until = until or now
    since = since or until - _USUAL
    if since >= until:
        raise typer.BadParameter("must be before now", param_hint="--since")
    if since < _EARLIEST:
        raise typer.BadParameter("is too long ago", param_hint="--since")
    if until > now + _CLOCKS_DIFFER:
        raise typer.BadParameter("is in the future", param_hint="--until")
    progress = PullProgress() if stderr_is_terminal() else None
    try:
        load_sdk()
        address, trust = parse_address(account.controller), trusted(account.ca_file)
        wanted = Wanted(
            controller=str(address),
            user=account.user,
            tenant=account.tenant,
            since=since,
            until=until,
            span=(choice.since or "", choice.until or ""),
            virtual_services=choice.virtual_services,
            logs=choice.logs,
        )
        secret = take_secret(account.password_file, os.environ, _question(account.user, str(address)))
        waiting = _unseen if progress is None else progress.wait
        puller = Puller(folder, wanted, progress=progress or _unseen, waiting=waiting, stop=stop)
        session = Session(
            address,
            account.user,
            secret,
            tenant=account.tenant,
            trust=trust,
            api_version=account.api_version,
            stop=stop,
        )
        return puller.pull(session, Pace() if rate is None else Pace(rate=rate))
    except Stopped:
        return None
    except NoSuchService as error:
        where = f"in tenant {visible(account.tenant)!r}"
        fail(f"no virtual service {visible(str(error))!r} {where} is visible to this account: check name and --tenant")
    except (ControllerError, NoCredentials, PullError) as error:
        fail(error)
    except OSError as error:
        fail(f"can't write to {str(folder)!r}", error)
    finally:
        if progress is not None:
            progress.erase()


def _check_names(account: Account) -> None:
    """What goes into a header of each request must fit there. A wrong one ends the command."""
    for option, text in (("--user", account.user), ("--tenant", account.tenant)):
        if not text.isprintable() or not text.strip():
            raise typer.BadParameter("is not a name", param_hint=option)
    try:
        account.tenant.encode("latin-1")
    except UnicodeEncodeError:
        raise typer.BadParameter("has characters that an HTTP header can't contain", param_hint="--tenant") from None
    version = account.api_version
    if version is not None and not _VERSION.fullmatch(version):
        raise typer.BadParameter("is not a version: write it as 30.2.1", param_hint="--api-version")
    if version is not None and tuple(map(int, version.split("."))) < _OLDEST:
        raise typer.BadParameter("is older than ICAP, which came with 20.1.1", param_hint="--api-version")


def _unseen(*_: object) -> None:
    """Shows nothing, as nobody is there to see it."""


def _question(user: str, controller: str) -> Callable[[], str] | None:
    """Asks for the password, if somebody is there to answer."""
    if not stdin_is_terminal():
        return None

    def ask() -> str:
        try:
            return getpass.getpass(f"Password of {visible(user)} at {controller}: ")
        except EOFError:
            raise NoCredentials("no password: the question was not answered") from None

    return ask


def pull_summary(found: Pull, folder: Path) -> Iterator[str]:
    """What was pulled and what was not, in lines that are safe to show."""
    entries = sum(log.entries for log in found.logs)
    services = {each.path.split("/")[3] for each in found.asked if each.path.endswith("/icapstats/")}
    counted = [_number(len(services), "virtual service")]
    if found.logs:
        counted.append(_number(entries, "log entry", "log entries"))
    yield f"{visible(str(folder))}: {', '.join(counted)} from {visible(found.controller)}, {_span(found)}"
    if not services:
        where = f"tenant {visible(found.tenant)}: those of another tenant need --tenant NAME"
        yield f"No virtual service with an ICAP profile is visible to this account in {where}."
    for each in found.not_visible[:_LISTED]:
        yield f"Not visible: {visible(each.object)}: {visible(each.why)}"
    if len(found.not_visible) > _LISTED:
        yield f"Not visible: {len(found.not_visible) - _LISTED} more, see pull.json"
    yield from _incomplete(found)
    yield from _times(found)
    yield f"Next: icapdiag lint {visible(str(folder))}"
    if entries:
        yield f"      icapdiag explain {visible(str(folder))}"
        yield f"      icapdiag diagnose {visible(str(folder))}"


def _incomplete(found: Pull) -> Iterator[str]:
    """What is missing of the logs, and whether the same command gets it."""
    if found.complete:
        return
    missing = [log for log in found.logs if not log.complete]
    for log in missing:
        what = "Not visible" if log.status in LASTING and not log.entries else "Incomplete"
        yield f"{what}: log of {visible(log.virtual_service)}: {visible(log.why or '', None)}"
    statuses = {log.status for log in missing}
    if passing(found.asked) or not statuses <= LASTING:
        yield "Run the same command again to continue."
    elif statuses <= _REFUSED:
        yield "The same command gets these logs only once the account may read them."


def _times(found: Pull) -> Iterator[str]:
    """Where the span of time is not the one that was meant."""
    if note := clock_note(found):
        yield f"{note} Give --since and --until as times of that clock."
    end = parse_time(found.until)
    start = parse_time(found.started_at)
    if end and start and (end - start).total_seconds() - max(found.clock_offset or 0, 0) > _LATE:
        began = found.started_at[:19].replace("T", " ")
        yield f"The pull began at {began} UTC, before --until: later log entries may be missing."


def _span(found: Pull) -> str:
    since, until = (text.partition(".")[0].rstrip("Z").replace("T", " ") for text in (found.since, found.until))
    return f"{since} to {until} UTC"


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
