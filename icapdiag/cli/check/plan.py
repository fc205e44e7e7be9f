"""``icapdiag check --plan``: what would be sent, to read before anything is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from icapdiag import __version__
from icapdiag.cli.output import Output, write_text
from icapdiag.probe.messages import Message
from icapdiag.probe.running.plan import MemberPlan, Plan, Step
from icapdiag.report.document.words import count
from icapdiag.text import visible
from icapdiag.vocabulary import ExitStatus

_NAME_NOTE = "a host name: each of its addresses (at most {most}) gets all of this, with the address in URI and Host"

_MANY = 3  # messages that may be sent on one condition; more are told in a line each


def write_plan(plan: Plan, outputs: Sequence[Output]) -> ExitStatus:
    """Write the plan in each of the formats; the status to end with."""
    texts = {"json": (render_json(plan), "utf-8"), "table": (render(plan), None)}
    written = [
        write_text(texts[output.format][0], output.path, texts[output.format][1], force=output.force)
        for output in sorted(outputs, key=lambda output: output.path is None)
    ]
    return ExitStatus.OK if all(written) else ExitStatus.USAGE


def render(plan: Plan) -> str:
    """The plan for people; ends in a newline."""
    sums = plan.totals
    parts = [
        f"{count(sums.members, 'member')} to probe",
        _range(sums.connections, sums.connections_at_most, "connection"),
        _range(sums.requests, sums.requests_at_most, "ICAP request"),
        _range(sums.bytes, sums.bytes_at_most, "byte"),
    ]
    if sums.connections_at_once > 1:
        parts.insert(2, f"up to {count(sums.connections_at_once, 'connection')} at a time to a member")
    what = ", ".join(parts)
    service = visible(plan.pool.profile.service_uri)
    lines = [
        "PLAN  nothing has been sent, and no name resolved",
        f"ICAP pool {visible(plan.pool.name)}, service {service}: {what}.",
        "Probes that need a failed probe are not sent.",
    ]
    for member in plan.members:
        lines += ["", *_member(member)]
    return "\n".join(lines) + "\n"


def _member(plan: MemberPlan) -> Iterator[str]:
    name = visible(plan.member.name)
    if not plan.member.enabled:
        yield f"{name}: disabled, nothing is sent"
        return
    yield name
    if any(step.probe == "dns" and step.planned for step in plan.steps):
        yield f"  {_NAME_NOTE.format(most=plan.addresses_at_most)}"
    for step in plan.steps:
        yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    if step.skipped:
        yield f"  {step.probe}: nothing ({visible(step.skipped)})"
    for planned in step.planned:
        means = f"{count(planned.connections, 'new connection')} to" if planned.connections else "to"
        if planned.times > 1:
            means = f"{planned.times} times, at most {planned.at_once} at once, {means}"
        condition = f", {planned.condition}" if planned.condition else ""
        yield f"  {step.probe}: {means} {visible(planned.to)}{condition}" + (
            f" [{step.label}]" if step.label != "safe" else ""
        )
        counted = Counter(planned.messages)
        brief = bool(planned.condition) and len(counted) > _MANY
        for message, times in counted.items():
            yield from _message(message, times, brief=brief)


def _message(message: Message, times: int, *, brief: bool) -> Iterator[str]:
    """``brief``: without its text, which the plan for machines has."""
    often = "" if times == 1 else f"{times:,} times "
    size = "" if message.size is None else f", {count(message.size, 'byte')}"
    rest = f" and {message.rest:,} more after 100 Continue" if message.rest else ""
    yield f"    {often}{message.kind.upper()} {visible(message.what)}{size}{rest}"
    if brief:
        return
    for line in message.text.rstrip("\r\n").split("\r\n") if message.text else ():
        yield f"      | {visible(line, None)}".rstrip()
    if message.body_size is not None:
        digest = f"SHA-256 {message.body_sha256}" if message.body_sha256 else "each one another"
        yield f"      | body of {count(message.body_size, 'byte')}, {digest}"


def _range(low: int, high: int, noun: str) -> str:
    return count(low, noun) if low == high else f"{low:,} to {count(high, noun)}"


def render_json(plan: Plan) -> str:
    """The plan for machines: an indented JSON document that ends in a newline."""
    document = {
        "schema_version": 1,
        "tool": {"name": "icapdiag", "version": __version__},
        "command": "check --plan",
        "subject": {"pool": plan.pool.name, "service_uri": plan.pool.profile.service_uri, "source": plan.pool.source},
        "totals": to_builtins(plan.totals),
        "members": [
            {
                **{name: getattr(each.member, name) for name in ("name", "host", "port", "enabled")},
                "addresses_at_most": each.addresses_at_most,
                "probes": [_plain(step) for step in each.steps],
            }
            for each in plan.members
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _plain(step: Step) -> dict[str, Any]:
    sent = [{**to_builtins(planned), "condition": planned.condition or None} for planned in step.planned]
    return {"probe": step.probe, "label": step.label, "skipped": step.skipped or None, "sent": sent}
