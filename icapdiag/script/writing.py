"""The script's text: fixed functions, and what the plan says as words in single quotes that hold nothing but data."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

from icapdiag.icap.samples import eicar
from icapdiag.script.plan import READ, Plan, Step, Target, connections, encode_plan, steps

_PLAIN = frozenset(b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "#%&()*+,-./:;<=>?@[]^_{|}~')
_NAMES = {0x0D: "\\r", 0x0A: "\\n"}
_COMMENT = re.compile(r"[^A-Za-z0-9 .,:;/_\[\]()@%+=-]")
_FOLLOW_UP = 3000  # ms for the answer to a request that only tells causes apart
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WIDTH = 116


def is_namespace(name: str) -> bool:
    """Whether a network namespace can have this name; others are not written into a script."""
    return _NAMESPACE.fullmatch(name) is not None


def quoted(data: bytes) -> str:
    r"""The bytes as a word for bash in single quotes; ``printf %b`` makes the bytes of it again.

    EICAR is nowhere readable in it.
    """
    hidden = eicar()
    parts = data.split(hidden)
    masked = "".join(f"\\0{byte:03o}" for byte in hidden)
    return f"'{masked.join(''.join(map(_byte, part)) for part in parts)}'"


def _byte(byte: int) -> str:
    return chr(byte) if byte in _PLAIN else _NAMES.get(byte, f"\\0{byte:03o}")


def commented(text: str) -> str:
    """The text as a part of one line of a comment: only characters that mean nothing to any shell."""
    return _COMMENT.sub("_", text)[:_WIDTH]


def script(plan: Plan, *, netns: str = "", authorities: Mapping[int, str] | None = None) -> str:
    """The whole script. ``netns``: the network namespace to run in (`is_namespace`). Raises ValueError as `steps`.

    ``authorities``: the certificates in PEM that are trusted for a target, by its index; else those of the system.
    """
    trusted = authorities or {}
    body = files("icapdiag.script").joinpath("se.sh").read_text("utf-8")
    parts = [
        "#!/usr/bin/env bash",
        *_introduction(plan, netns),
        "",
        "# shellcheck disable=SC2317 # functions are called by name",
        "(",
        "if [[ ${BASH_VERSION:-3} == [123].* ]]; then",
        "  echo 'bash 4 or 5 is needed: bash FILE' >&2",
        "  exit 2",
        "fi",
        f"icapdiag_netns='{netns}'",
        f"icapdiag_connect={plan.connect_ms}",
        f"icapdiag_most={READ}",
        f"icapdiag_targets={len(plan.targets)}",
        f"icapdiag_plan='{base64.b64encode(encode_plan(plan)).decode('ascii')}'",
        "",
        body.rstrip("\n"),
        "",
        *(line for number, target in enumerate(plan.targets) for line in _target(plan, number, target, trusted)),
        "icapdiag_main",
        ")",
    ]
    return "\n".join(parts) + "\n"


def _introduction(plan: Plan, netns: str) -> Iterator[str]:
    least, most = connections(plan)
    passing = f"{least} if nothing is refused, never more than {most}, one at a time"
    waits = f"{plan.connect_ms / 1000:g} s for a connection, {plan.timeout_ms / 1000:g} s for an answer"
    lines = [
        f"icapdiag {plan.version}: asks the ICAP servers of {plan.pool} from a Service Engine.",
        "",
        "What it sends to each server: a TLS handshake if it uses TLS, one OPTIONS, one REQMOD with a harmless line of",
        "text" + (", and the EICAR test virus, as it is and in an HTML form." if plan.eicar else ". No virus."),
        "If a request is refused or EICAR passes, the same requests with one change at a time, to tell causes apart.",
        f"Connections: {passing}.",
        f"It waits at most {waits}. It writes no file and changes nothing.",
        "Needed: bash 4 or 5; openssl for servers with TLS. Used if there: base64, cksum, printf, date.",
        "",
        "Avi calls checks from the shell of a Service Engine unreliable: the data path has a network stack of its own,",
        "and the shell uses that of the kernel. What Avi supports is Operations - Traffic Capture; icapdiag",
        "explain reads those files, too. Nothing permits copying software to a Service Engine; this is pasted text.",
        "",
        "Run it: paste it into bash, or bash FILE. Save all that it prints, then: icapdiag explain FILE",
        *([f"It runs in the network namespace {netns} (ip netns exec, as root)."] if netns else []),
        "",
        *(_about(target) for target in plan.targets),
    ]
    for line in lines:
        yield f"# {commented(line)}".rstrip()


def _about(target: Target) -> str:
    where = f"{target.address or target.host} port {target.port}" + (", TLS" if target.tls else "")
    named = f" ({target.host}, resolved where this was written)" if target.host != target.address else ""
    return f"  {where}{named}" if target.address else f"  {where}: no address is known; nothing is sent to it"


def _target(plan: Plan, number: int, target: Target, trusted: Mapping[int, str]) -> Iterator[str]:
    """A function that sends the steps to one address."""
    yield f"icapdiag_target_{number}() {{"
    yield f"  icapdiag_m={number} icapdiag_tcp='' icapdiag_options='' icapdiag_clean='' icapdiag_eicar=''"
    if target.address:
        shown = f"[{target.address}]" if ":" in target.address else target.address
        yield f"  icapdiag_address='{plain_address(target.address)}' icapdiag_port={target.port}"
        yield f"  icapdiag_where='{plain_address(shown)}:{target.port}'"
        yield "  icapdiag_tls=() icapdiag_checks=() icapdiag_authorities=''"
        if target.tls:
            yield from _tls(target, shown)
            if target.verify and number in trusted:
                yield f"  icapdiag_authorities={quoted(trusted[number].encode())}"
            yield "  icapdiag_step tcp always 0 '' ''"
            yield "  icapdiag_step tls connected 0 '' ''"
        for step in steps(plan, target):
            yield from _sending(plan, step, tls=target.tls)
    else:
        yield "  :"
    yield "}"
    yield ""


def plain_address(text: str) -> str:
    """An address, which has only such characters."""
    if not re.fullmatch(r"[0-9A-Za-z.:%_\[\]-]+", text):
        raise ValueError(f"{text!r} is not an address")
    return text


def _tls(target: Target, shown: str) -> Iterator[str]:
    name, *others = target.names or ("",)
    yield f"  icapdiag_tls=(-connect '{plain_address(shown)}:{target.port}')"
    sent = f"-servername '{target.server_name}'" if is_name(target.server_name) else "-noservername"
    yield f"  icapdiag_tls+=({sent})"
    if target.verify and is_name(name) and not others:
        yield f"  icapdiag_checks=(-verify_hostname '{name}')"
    elif target.verify and name and not others:
        yield f"  icapdiag_checks=(-verify_ip '{plain_address(name)}')"


def is_name(text: str) -> bool:
    """Whether it is a DNS name, and no address."""
    return re.fullmatch(r"(?=.*[A-Za-z_])[A-Za-z0-9._-]+", text) is not None


def _sending(plan: Plan, step: Step, *, tls: bool) -> Iterator[str]:
    limit = plan.timeout_ms
    if step.when not in {"always", "answered", "clean", "detected"}:
        limit = min(limit, _FOLLOW_UP)
    if tls:
        limit += plan.connect_ms  # openssl says nothing of the end of its handshake
    request = step.request
    if request.stream is not None:
        raise ValueError("a body that is sent piece by piece")
    when = "connected" if tls and step.when == "always" else step.when
    yield f"  icapdiag_step {step.name} {when} {limit} \\"
    yield f"    {quoted(request.first)} \\"
    yield f"    {quoted(request.rest)}"
