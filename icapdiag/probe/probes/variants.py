"""variants: repeats the failed request with one change at a time, to find out why it failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from icapdiag import __version__
from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import NoAnswer, Transfer
from icapdiag.facts.refusal import Services, Variants, VariantTried
from icapdiag.icap.message import BUSY
from icapdiag.icap.request import PreparedRequest, authority, with_fields
from icapdiag.icap.samples import CLEAN
from icapdiag.pool import TLS
from icapdiag.probe.base import Context, Outcome, Probe, ok
from icapdiag.probe.connection.exchange import Transaction, transact
from icapdiag.probe.messages import Message, Planned, icap_message
from icapdiag.probe.probes.options import options_of
from icapdiag.probe.probes.refusals import QUICK, lists_reqmod, planned, refusal, served, unanswered
from icapdiag.probe.probes.sample import scan_request, upload_request
from icapdiag.vocabulary import Reason

Build = Callable[[Context], PreparedRequest]
# Statuses that may be about how the request is written, and not about what it asks for. 500 is what a
# server says that stumbles over it.
_DOUBTFUL = {400, 405, 408, 411, 413, 417, 418, 500, 505}
_BUDGET = 12.0  # seconds for all of them
_TIMEOUT = 3.0  # seconds for one answer
_SILENT = 2.0  # seconds, where the request got none
_TINY = b"x"
_EMPTY, _UNCHANGED = "empty-line", "unchanged"
_DROPPED = (Reason.RESET, Reason.CLOSED)
_SPOKEN = (Reason.TLS_HANDSHAKE, Reason.TLS_CLIENT_CERTIFICATE)  # TLS came back, if only an alert
_NO_CONNECTION = (Reason.REFUSED, Reason.UNREACHABLE, Reason.PROHIBITED, Reason.LOCAL_NETWORK)


def _scan(context: Context) -> PreparedRequest:
    return scan_request(context, CLEAN)


def _offered(context: Context) -> PreparedRequest:
    """A request with the preview that OPTIONS offers if that is shorter; with the shortest while it is unknown."""
    size = context.found("options", Answer).preview if "options" in context.outcomes else 0
    if size is None or context.preview_size is None or size >= min(context.preview_size, len(CLEAN)):
        return _scan(context)
    return upload_request(context, CLEAN, preview_size=size, allow_204=context.pool.profile.allow_204)


def _changed(base: Build) -> dict[str, Build]:
    """The changes that are possible in every request."""

    def content_length(context: Context) -> PreparedRequest:
        request = base(context)
        length = len(request.first.partition(b"\r\n\r\n")[2]) + len(request.rest)
        return with_fields(request, [("Content-Length", str(length))])

    def host_without_port(context: Context) -> PreparedRequest:
        host, port = context.place
        return with_fields(base(context), [("Host", authority(host, port).removesuffix(f":{port}"))])

    return {
        "user-agent": lambda context: with_fields(base(context), [("User-Agent", f"icapdiag/{__version__}")]),
        "content-length": content_length,
        "host-without-port": host_without_port,
    }


_PREVIEWS: Mapping[str, Build] = {
    "no-preview": lambda context: scan_request(context, CLEAN, preview=False),
    "preview-offered": _offered,
    "tiny-body": lambda context: scan_request(context, _TINY),
}
_BODIES: Mapping[str, Build] = {
    **_PREVIEWS,
    "no-allow": lambda context: scan_request(context, CLEAN, allow=False),
}
_HEADS: Mapping[str, Build] = {
    "no-encapsulated": lambda context: with_fields(options_of(context), without="Encapsulated")
}
_BASES: Mapping[str, tuple[str, Build]] = {"REQMOD": ("clean", _scan), "OPTIONS": ("options", options_of)}
_ALL: Mapping[str, Mapping[str, Build]] = {
    "REQMOD": {**_BODIES, **_changed(_scan)},
    "OPTIONS": {
        **_HEADS,
        **_changed(options_of),
        **dict.fromkeys(("tls", "plain", "proxy-v1"), options_of),  # it is the connection that is another
        # No request at all. It is answered where something in front has sent a line before.
        _EMPTY: lambda context: dataclasses.replace(options_of(context), first=b"\r\n"),
    },
}
_CONNECTIONS = ("tls", "plain", "proxy-v1")


class _Doubt(NamedTuple):
    """A request that failed, by status or by reason, and the changes to try."""

    method: str
    status: int | None
    reason: Reason | None
    changes: tuple[str, ...]


def _doubt_about_reqmod(context: Context) -> _Doubt | None:
    status, reason = refusal(context, "clean"), unanswered(context, "clean")
    if lists_reqmod(context) is False and (reason or status == 405):
        return None  # the service said so before: it is about the method
    if status in _DOUBTFUL:
        return _Doubt("REQMOD", status, None, tuple(_ALL["REQMOD"]))
    rules = context.found("clean", Answer).deviation_rules or ()
    if reason is None or _unread(context, "clean") or "100-after-ieof" in rules:
        return None
    return _Doubt("REQMOD", None, reason, (*_BODIES, _UNCHANGED))


def _doubt_about_options(context: Context) -> _Doubt | None:
    status, reason = refusal(context, "options"), unanswered(context, "options")
    if status in _DOUBTFUL:
        proxied = ("proxy-v1", _EMPTY) if status == 400 else ()
        return _Doubt("OPTIONS", status, None, (*_HEADS, *_changed(options_of), *proxied))
    if reason is not None and not _unread(context, "options"):
        dropped = reason in _DROPPED and not context.found("options", Transfer).bytes_received
        first: tuple[str, ...] = () if context.member.tls else ("tls",)
        connections = (*first, "proxy-v1", _EMPTY) if dropped else ()
        return _Doubt("OPTIONS", None, reason, (*connections, *_HEADS, _UNCHANGED))
    if (reason := unanswered(context, "tls")) is not None:
        rest = ("proxy-v1", _UNCHANGED) if reason in _DROPPED else ()
        return _Doubt("OPTIONS", None, reason, ("plain", *rest))
    outcome = context.outcome("tls")
    clear = outcome is not None and outcome.reason == Reason.TLS_NOT_TLS
    return _Doubt("OPTIONS", None, Reason.TLS_NOT_TLS, ("plain",)) if clear else None


def _unread(context: Context, probe: str) -> bool:
    """Whether the request got lost or is not read by any process, so that changes make no difference."""
    known = context.found(probe, NoAnswer)
    lost = known.request_acknowledged is False or known.answer_lost is True
    return lost or (probe == "options" and known.close_reaction == "none")


def _doubts(context: Context) -> list[_Doubt]:
    found = (_doubt_about_reqmod(context), _doubt_about_options(context))
    return [doubt for doubt in found if doubt is not None]


def _attempts(context: Context, doubt: _Doubt) -> list[str]:
    """The changes that produce a request different from the failed one."""
    _, base = _BASES[doubt.method]
    failed = base(context).first
    builds = _ALL[doubt.method]
    same = (*_CONNECTIONS, _UNCHANGED)
    return [name for name in doubt.changes if name in same or builds[name](context).first != failed]


async def _run(context: Context) -> Outcome:
    await context.close()
    facts = Variants()
    tried: list[tuple[VariantTried, bool]] = []
    facts.stopped = await context.within(_BUDGET, _try_all(context, facts, tried)) or None
    facts.variants = tuple(each for each, _ in tried)
    of_any = (*_CONNECTIONS, _EMPTY)  # about no method
    named = [(each.variant or "", each.method, taken) for each, taken in tried]
    mine = [(name, taken) for name, method, taken in named if method == facts.refused_method or name in of_any]
    facts.accepted = tuple(name for name, taken in mine if taken)
    facts.rejected = tuple(name for name, taken in mine if not taken)
    return ok(facts)


async def _try_all(context: Context, facts: Variants, tried: list[tuple[VariantTried, bool]]) -> str:
    """Try method after method until a variant is accepted; returns why it stopped early, or ""."""
    for doubt in _doubts(context):
        if facts.fixed_by:
            continue
        fix, stopped = await _try(context, doubt, tried)
        if fix or facts.refused_method is None:
            facts.refused_method, facts.refused_status, facts.refused_reason = doubt.method, doubt.status, doubt.reason
            facts.fixed_by = fix or None
        if stopped:
            return stopped
    return ""


async def _try(context: Context, doubt: _Doubt, tried: list[tuple[VariantTried, bool]]) -> tuple[str, str]:
    """The variant that is accepted while the unchanged request still fails, or ""; and why it stopped early, or ""."""
    _, base = _BASES[doubt.method]
    fix = ""
    left = _attempts(context, doubt)
    while left:
        name = left.pop(0)
        await context.wait_for_rate()
        result = await _send(context, name, _ALL[doubt.method].get(name, base)(context), doubt)
        taken = _taken(name, result, doubt)
        tried.append((_record(doubt.method, name, result), taken))
        if result.answer.icap_status in BUSY:
            return "", "busy"
        if result.reason in _NO_CONNECTION:
            return "", "connection"
        if name == _UNCHANGED:
            # Taken as it was, too: then it was not the variant that made the difference.
            return ("" if taken else fix), ""
        if taken and name in {"tls", "plain"}:
            return name, ""  # it speaks that, and so can't speak the other
        if taken and not fix and name != _EMPTY:
            fix = name
            also = [each for each in left if each in _PREVIEWS] if name in _PREVIEWS else []
            left = [*also, _UNCHANGED]
    return "", ""


async def _send(context: Context, name: str, request: PreparedRequest, doubt: _Doubt) -> Transaction:
    limit = min(_TIMEOUT if doubt.status and name != _EMPTY else _SILENT, context.settings.timeout)
    settings = replace(context.settings, connect_timeout=min(limit, context.settings.connect_timeout))
    tls = {"tls": TLS(verify=False), "plain": None}.get(name, context.member.tls)
    context = replace(context, member=replace(context.member, tls=tls), settings=settings)
    return await transact(context, request, timeout=limit, ending=QUICK, proxied=name == "proxy-v1")


def _taken(name: str, result: Transaction, doubt: _Doubt) -> bool:
    """Whether the change helped: a readable answer instead of none, or success instead of a refusal."""
    if name == "tls":
        return bool(result.transfer.bytes_sent) or result.reason in _SPOKEN
    if name == _EMPTY or (name in _CONNECTIONS and doubt.status is None):
        return result.answer.icap_status is not None
    return result.failure is None


def _record(method: str, name: str, result: Transaction) -> VariantTried:
    status, words = result.answer.icap_status, result.answer.icap_reason
    reason = None if status is not None else result.reason
    return VariantTried(method=method, variant=name, icap_status=status, icap_reason=words, reason=reason)


def _unneeded(context: Context) -> bool:
    if context.found("services", Services).candidates:
        return True  # it is about the path
    doubts = _doubts(context)
    if any(doubt.reason is Reason.TIMEOUT for doubt in doubts) and context.time_for(_SILENT) < _SILENT:
        return True  # it was the member's time that ran out
    failed = [doubt.method for doubt in doubts]
    if failed == ["OPTIONS"]:  # of use where it is the only thing that is refused
        return "clean" in context.outcomes and not served(context, "clean")
    return not failed


def _plan(context: Context) -> tuple[Planned, ...]:
    """Each of the variants, and the unchanged request again, to see whether it still fails."""
    other = "plain" if context.member.tls else "tls"
    messages: list[Message] = []
    for method, (_, base) in _BASES.items():
        names = tuple(name for name in _ALL[method] if name not in {"tls", "plain"} or name == other)
        doubt = _Doubt(method, None, None, names)
        for name in (*_attempts(context, doubt), _UNCHANGED):
            request, body = _ALL[method].get(name, base)(context), CLEAN if method == "REQMOD" else None
            body = _TINY if name == "tiny-body" else body
            messages.append(icap_message(request, body, what=f"{method} {name}"))
    return (planned(context, messages, "if the server refuses a request, or does not answer it"),)


PROBE: Probe = Probe(
    name="variants",
    run=_run,
    sends="the failed request again, with one change at a time, each on a connection of its own",
    plan=_plan,
    needs=("tcp",),
    after=("tls", "options", "clean"),
    unneeded=_unneeded,
    more_time=lambda _: _BUDGET,
)
