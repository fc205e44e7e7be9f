"""The steps of a finding: what to do now, how to fix its causes, and the command that checks it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from types import MappingProxyType

from icapdiag.facts.groups import RequestGroup
from icapdiag.facts.scanner import SCANNER, ScannerEvent, ScannerRequests
from icapdiag.model import JSONValue, Steps
from icapdiag.runbook.causes import Step, Weighed, fill, fixes, for_product, paths, settling, written
from icapdiag.runbook.diagnosed import Met, members_of, named
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.prose import first_steps
from icapdiag.runbook.surroundings import WideRecord
from icapdiag.vocabulary import Status

_NAMED = 3  # members in one step
_PORT = 5  # digits
# What asks for the probes that a plain check leaves out: without it that one says OK, fixed or not.
_ASKED_BY = MappingProxyType(
    {
        **dict.fromkeys(("chunked", "preview", "size", "conformance"), ("--depth deep",)),
        **dict.fromkeys(("eicar-zip", "eicar-pdf", "eicar-json"), ("--depth deep",)),
        "keepalive": ("--depth deep", "--idle 10"),  # seconds
        **dict.fromkeys(("repeat", "path"), ("--count 20",)),
        "load": ("--load",),  # which asks first
    }
)
_ASKED_FOR = ("ok", "failed", "blocked")  # statuses of EICAR
# How fixes begin that give the profile another path, and the pool another port.
_OTHER_PATH, _OTHER_PORT = "Set service_uri to ", "Set default_server_port to "
_QUIET = 300  # s with scans after an outage before it counts as over
_FIND_FILES = Step(
    text="Find the files that passed unscanned from {first_seen} to {last_seen}, and scan them: Applications > Virtual"
    " Services > {virtual_service} > Logs."
)
_FIND_CAUSE = Step(
    text="It is over. See what happened from {first_seen} to {last_seen}: logs of the ICAP servers (restart, update,"
    " overload), changes of the network, and Avi's Operations > Events."
)
_URL = re.compile(r"icaps?://[\w.:\[\]-]+(?:/[\w./~%+=-]*)?", re.ASCII)  # without anything strange


def steps_of(runbook: Runbook, weighed: Sequence[Weighed], met: Sequence[Met]) -> Steps:
    """What to do, filled in for these members: ``weighed`` are the causes in the order of the runbook."""
    names = named(met)
    record = met[0].record.also_about(
        {(each.observation.pool, name) for each in met for name in members_of(each.observation)}
    )
    members = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    own = _place(met) | ({"members": members} if names else {})
    if is_over(met):
        return _after_an_outage(met, record)
    fix = fixes(weighed, record, own) if runbook.causes else _first_steps(runbook, record)
    return Steps(
        now=written(runbook.now, record, own) or None,
        fix=fix or None,
        check=(
            *settling(weighed, record, own),
            *written(runbook.check, record, own),
            *(_again(met, fix) or _again_logged(met)),
        )
        or None,
    )


def _after_an_outage(met: Sequence[Met], record: WideRecord) -> Steps:
    """What is useful once it works again: the files that passed, and what happened."""
    own: dict[str, JSONValue] = {
        "first_seen": min(str(each.record.get("first_seen")) for each in met),
        "last_seen": max(str(each.record.get("last_seen")) for each in met),
    }
    unscanned = any(each.record.get("client_outcome") == "unscanned" for each in met)
    return Steps(
        now=written((_FIND_FILES,), record, own) if unscanned else None,
        fix=written((_FIND_CAUSE,), record, own),
        check=_again_logged(met) or None,
    )


def is_over(met: Sequence[Met]) -> bool:
    """Whether it was an outage that has ended: requests were scanned for as long after it, five minutes at least."""
    lasting = [_lasting(each.record) for each in met]
    return all(0 <= lasts and _QUIET <= quiet >= lasts for lasts, quiet in lasting)


def _lasting(record: WideRecord) -> tuple[float, float]:
    """How long these failures lasted, and how long requests were scanned after the last one of the log, in s."""
    quiet, first, last = record.get("quiet_s"), record.get("first_seen"), record.get("last_seen")
    if not isinstance(quiet, int | float) or not isinstance(first, str) or not isinstance(last, str):
        return -1.0, 0.0
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds(), float(quiet)


def _place(met: Sequence[Met]) -> dict[str, JSONValue]:
    """Host and port of the server that a scanner's log names, for the steps; a probe's record has them."""
    host, _, port = met[0].observation.member.rpartition(":")
    if met[0].observation.source != SCANNER or not host or not port.isdecimal() or len(port) > _PORT:
        return {}
    return {"host": host.strip("[]"), "port": int(port)}


def _first_steps(runbook: Runbook, record: WideRecord) -> tuple[str, ...]:
    return tuple(filter(None, (for_product(step, record) for step in first_steps(runbook.sections))))


def _again(met: Sequence[Met], fix: Sequence[str]) -> tuple[str, ...]:
    """The command that probes the members once more, the first few of them, by what saw the problem."""
    records = [each.record for each in met if each.record.get("source") == "probe" and each.record.get("host")]
    if not records:
        return ()
    first = fix[0] if fix else ""
    urls = dict.fromkeys(_url(each, first) for each in records)
    asked_by = [_ASKED_BY.get(str(each.get("probe")), ()) for each in records]
    asking = list(dict.fromkeys(chain(*asked_by))) if all(asked_by) else []
    if any(str(each.get("probe")).startswith("eicar") or each.get("eicar.status") in _ASKED_FOR for each in records):
        asking.append("--eicar")
    return (f"`{' '.join(('icapdiag check', *list(urls)[:_NAMED], *asking))}`",)


def _url(record: WideRecord, fix: str) -> str:
    """The member as it accepts uploads: by TLS where it wants that, and where only its path is wrong, by the right one.

    The path stays where other members work with it, as the server is then what has to change. PATH and NEW_PORT stand
    for those that the ``fix`` replaces by others which nobody knows.
    """
    tls = record.get("tls") or record.get("fixed_by") == "tls" or record.get("peer") == "tls"
    port = "NEW_PORT" if _OTHER_PORT in fix else "{port}"
    server = fill(f"{'icaps' if tls else 'icap'}://{{host}}:{port}", record)
    right = "" if record.get("pool.other_members_ok") else next(iter(paths(record)), "")
    if right and _URL.fullmatch(server + right):
        return server + right
    return server + ("/PATH" if _OTHER_PATH in fix else fill("{service_uri}", record))


def _again_logged(met: Iterable[Met]) -> tuple[str, ...]:
    """The command that probes the members at which requests of a log failed, the first few of them."""
    urls: dict[str, None] = {}
    for each in met:
        facts, group = each.observation.facts, each.observation.facts.part(RequestGroup)
        if each.observation.status is not Status.FAILED:
            continue
        if isinstance(facts, ScannerEvent | ScannerRequests) and _place((each,)):
            found: Iterable[str] = (f"icap://{each.observation.member}{facts.service_uri or '/'}",)
        elif group is not None:
            scheme = "icaps" if group.icap_tls else "icap"
            found = (f"{scheme}://{member}{group.service_uri or '/'}" for member in group.members or ())
        else:
            continue
        urls |= dict.fromkeys(url for url in found if _URL.fullmatch(url))
    return (f"`icapdiag check {' '.join(map(shlex.quote, list(urls)[:_NAMED]))} --eicar`",) if urls else ()
