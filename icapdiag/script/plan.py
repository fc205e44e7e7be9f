"""What a script asks each member: written into the script, printed by it, and read back from its output.

The requests are not in the output. They follow from the plan, by the same function that wrote them into the script.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from icapdiag.icap.message import Limits
from icapdiag.icap.product import KNOWN_PATHS
from icapdiag.icap.request import (
    PreparedRequest,
    authority,
    avi_reqmod,
    encode_request,
    http_post,
    icap_uri,
    options_request,
    with_fields,
)
from icapdiag.icap.samples import CLEAN, FORMS, eicar
from icapdiag.pool.model import DEFAULT_PORT, Pool, Profile

FORMAT = 1  # of the script's output
MOST_MEMBERS = 1000
_LONGEST = 1000  # characters of a name
_HOST = "www.example.test"  # as in a check (RFC 2606)
LIMITS = Limits(body_kept=64 * 1024, body_total=48 * 1024)  # of an answer; the script reads a little more
READ = 64 * 1024  # bytes of an answer that the script reads

_ASKED = b"GET /page HTTP/1.1\r\nHost: www.example.test\r\nAccept: */*\r\n\r\n"
_ANSWERED = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(CLEAN)}\r\n\r\n".encode("ascii")

Name = Annotated[str, Meta(max_length=_LONGEST)]
PortNumber = Annotated[int, Meta(ge=1, le=65535)]
Size = Annotated[int, Meta(ge=0, le=5000)]
Limit = Annotated[int, Meta(ge=1, le=3_600_000)]


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One address of a member. ``address`` empty: its name has none, so that nothing is sent."""

    member: Name
    host: Name
    port: PortNumber
    address: Name = ""
    tls: bool = False
    server_name: Name = ""  # in the handshake; empty: none is sent
    names: tuple[Name, ...] = ()  # of which the certificate must have one
    verify: bool = True


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the script does. Times in ms, sizes in bytes."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)] = FORMAT
    version: Name  # of the program that wrote the script
    pool: Name
    source: Name = ""
    service_uri: Name
    vendor: Name = ""
    preview_size: Size | None = None  # None: no previews
    allow_204: bool = True
    warn_ms: Limit = 10_000
    crit_ms: Limit = 60_000
    fail_action: Name = ""
    stated: Annotated[tuple[Name, ...], Meta(max_length=40)] = ()
    connect_ms: Limit = 5000
    timeout_ms: Limit = 10_000
    eicar: bool = False
    correlation_id: Name = ""
    targets: Annotated[tuple[Target, ...], Meta(max_length=MOST_MEMBERS)] = ()


def plan_of(
    pool: Pool, targets: Iterable[Target], *, version: str, eicar: bool, correlation_id: str, connect: float,
    timeout: float,
) -> Plan:  # fmt: skip
    """The plan for a pool whose members have these addresses. Times in seconds."""
    profile = pool.profile
    return Plan(
        version=version,
        pool=pool.name[:_LONGEST],
        source=pool.source[:_LONGEST],
        service_uri=profile.service_uri,
        vendor=profile.vendor,
        preview_size=profile.preview_size if profile.enable_preview else None,
        allow_204=profile.allow_204,
        warn_ms=profile.slow_response_warning_threshold,
        crit_ms=profile.response_timeout,
        fail_action=profile.fail_action,
        stated=tuple(sorted(pool.stated)),
        connect_ms=round(connect * 1000),
        timeout_ms=round(timeout * 1000),
        eicar=eicar,
        correlation_id=correlation_id,
        targets=tuple(targets),
    )


def encode_plan(plan: Plan) -> bytes:
    """As JSON."""
    return msgspec.json.encode(plan)


def decode_plan(data: bytes) -> Plan:
    """The plan. Raises msgspec.ValidationError or msgspec.DecodeError if it is malformed, ValueError for odd names."""
    plan = msgspec.json.decode(data, type=Plan)
    for target in plan.targets[:1]:
        _ = list(steps(plan, target))
    return plan


def profile_of(plan: Plan) -> Profile:
    """The ICAP profile that the plan was made with."""
    return Profile(
        service_uri=plan.service_uri,
        vendor=plan.vendor,
        enable_preview=plan.preview_size is not None,
        preview_size=plan.preview_size or 0,
        allow_204=plan.allow_204,
        response_timeout=plan.crit_ms,
        slow_response_warning_threshold=plan.warn_ms,
        fail_action=plan.fail_action,
        default_port=DEFAULT_PORT,
    )


class Step(Struct, frozen=True, kw_only=True):
    """A request on a connection of its own. ``body`` is that of the upload; ``form`` one of `FORMS`.

    ``when`` is the case in which the script sends it: ``always``, or a word that the script knows.
    """

    name: str
    request: PreparedRequest
    body: bytes | None = None
    form: str = "raw"
    when: str = "always"


_BEYOND = 30  # bytes of a preview that ends inside EICAR


def steps(plan: Plan, target: Target) -> Iterator[Step]:
    """The requests to one address, in order. Raises ValueError for a service path or host with a line break."""

    def upload(
        name: str, body: bytes, when: str, *, form: str = "raw", preview: int | None = plan.preview_size,
        allow: bool = plan.allow_204,
    ) -> Step:  # fmt: skip
        wrapped = FORMS[form].wrap(body)
        fields = [("User-Agent", f"icapdiag/{plan.version}"), ("Accept", "*/*")]
        fields.append(("Content-Type", FORMS[form].content_type))
        if plan.correlation_id:
            fields.append(("X-Correlation-ID", plan.correlation_id))
        request = avi_reqmod(
            host, target.port, plan.service_uri,
            http_request=http_post(_HOST, "/upload", len(wrapped), fields=fields),
            body=wrapped, preview_size=preview, allow_204=allow,
        )  # fmt: skip
        return Step(name=name, request=request, body=wrapped, form=form, when=when)

    host = target.address or target.host
    options = options_request(host, target.port, plan.service_uri, close=True)
    clean = upload("clean", CLEAN, "answered")
    yield Step(name="options", request=options)
    yield clean
    agent = [("User-Agent", f"icapdiag/{plan.version}")]
    length = len(clean.request.first.partition(b"\r\n\r\n")[2]) + len(clean.request.rest)
    if plan.preview_size is not None:
        yield upload("no-preview", CLEAN, "refused", preview=None)
        for size in (0, 4):
            if size < min(plan.preview_size, len(CLEAN)):
                yield upload(f"preview-{size}", CLEAN, "refused", preview=size)
    yield upload("tiny-body", b"x", "refused")
    if plan.allow_204:
        yield upload("no-allow", CLEAN, "refused", allow=False)
    for name, fields in (("user-agent", agent), ("content-length", [("Content-Length", str(length))])):
        yield _changed(clean, name, with_fields(clean.request, fields))
    yield _changed(clean, "unchanged", clean.request)
    yield Step(
        name="respmod",
        request=encode_request(
            "RESPMOD",
            icap_uri(host, target.port, plan.service_uri),
            [("Host", authority(host, target.port)), ("Connection", "close"), ("Allow", "204")],
            http_request=_ASKED,
            http_response=_ANSWERED,
            body=CLEAN,
        ),
        body=CLEAN,
        when="method",
    )
    for number, path in enumerate(paths(plan)):
        asked = options_request(host, target.port, path, close=True)
        yield Step(name=f"service-{number}", request=asked, when="elsewhere")
    yield Step(name="no-encapsulated", request=with_fields(options, without="Encapsulated"), when="options-refused")
    yield Step(name="options-user-agent", request=with_fields(options, agent), when="options-refused")
    if plan.eicar:
        yield upload("eicar", eicar(), "clean")
        yield upload("eicar-form", eicar(), "detected", form="multipart")
        yield upload("eicar-whole", eicar(), "missed", preview=None)
        if plan.preview_size is not None:
            yield upload("eicar-beyond", eicar(), "missed", preview=min(_BEYOND, plan.preview_size))


def paths(plan: Plan) -> tuple[str, ...]:
    """The service paths that are tried where there is none at the configured one."""
    asked = plan.service_uri.partition("?")[0]
    names = (name for name in KNOWN_PATHS if name not in {asked, "*"})
    return tuple(sorted(names, key=lambda name: name.lower() != asked.lower()))


def _changed(step: Step, name: str, request: PreparedRequest) -> Step:
    return Step(name=name, request=dataclasses.replace(request), body=step.body, when="refused")


def connections(plan: Plan) -> tuple[int, int]:
    """How many connections the script opens if nothing is refused, and at most."""
    least = most = 0
    for target in plan.targets:
        if not target.address:
            continue
        found = [each.when for each in steps(plan, target)]
        least += 2 * target.tls + sum(when in {"always", "answered", "clean", "detected"} for when in found)
        most += 2 * target.tls + len(found)
    return least, most
