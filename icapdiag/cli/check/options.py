"""The options of ``icapdiag check``, in the groups of its help."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from typing import Annotated

import typer

from icapdiag.cli.help import LIMITS, LOAD, OUTPUT, PROBING, REACHING
from icapdiag.cli.options import above_zero

_MOST = 1000  # scans at a time; beyond, this host's own limits would be measured
_probing, _reaching, _load, _limit = (
    partial(typer.Option, rich_help_panel=panel) for panel in (PROBING, REACHING, LOAD, LIMITS)
)
_seconds = partial(_limit, metavar="SECONDS", callback=above_zero("number of seconds"))


class Depth(StrEnum):
    """How far a run goes; the words of `icapdiag.probe.base.Depth`."""

    QUICK = "quick"
    STANDARD = "standard"
    DEEP = "deep"


def _address(value: str | None) -> str | None:
    if value is not None:
        try:
            ip_address(value.partition("%")[0])
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not an IP address") from None
    return value


def _device(value: str | None) -> str | None:
    if value is not None and not (0 < len(value.encode()) < 16 and value.isprintable() and "/" not in value):
        raise typer.BadParameter(f"{value!r} is not the name of an interface")
    return value


Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="POOL_OR_URL...",
        help="A pool file, an Avi export, a folder of icapdiag pull, or icap:// and icaps:// URLs.",
    ),
]

Lab = Annotated[bool, _probing("--lab", help="Probe the embedded lab, with EICAR. Needs no pool.")]
Eicar = Annotated[
    bool,
    _probing(
        "--eicar", help="Also send the harmless EICAR test file, raw and in an HTML form. May raise alarms on the way."
    ),
]
DepthChoice = Annotated[
    Depth | None,
    _probing(
        help="quick: DNS, TCP, TLS and OPTIONS. standard (default): also sample uploads. "
        "deep: also previews, sizes, connections and all else that is safe."
    ),
]
Only = Annotated[list[str] | None, _probing(metavar="PROBE", help="Run this probe and those it needs; repeatable.")]
Skip = Annotated[list[str] | None, _probing(metavar="PROBE", help="Skip this probe; repeatable.")]
Count = Annotated[
    int | None,
    _probing(metavar="N", min=1, max=100, help="Repeat the harmless steps N times, to see loss and varying times."),
]
Idle = Annotated[
    float | None,
    _probing(
        metavar="SECONDS",
        callback=above_zero(),
        help="How long the keepalive probe waits for the server to close an idle connection.",
    ),
]
MaxSize = Annotated[
    str | None,
    _probing(metavar="SIZE", help="Longest body of the size probe, such as 512K. Default: buffer_size, at most 8M."),
]
ListProbes = Annotated[bool, _probing("--list-probes", help="List the probes and what each sends, and exit.")]
PlanOnly = Annotated[bool, _probing("--plan", help="Print every message that would be sent; send nothing.")]

SNI = Annotated[
    str | None,
    _reaching(
        metavar="NAME",
        help="Send this name in the TLS handshake (SNI). The certificate must be for it only where neither the pool "
        "file's server_name nor an Avi pool says what it must be for.",
    ),
]
Source = Annotated[
    str | None, _reaching(metavar="ADDRESS", callback=_address, help="Connect from this address of this host.")
]
Device = Annotated[
    str | None,
    _reaching(metavar="DEVICE", callback=_device, help="Connect through this interface; may need root or CAP_NET_RAW."),
]
IPv4 = Annotated[bool, _reaching("-4", "--ipv4", help="Probe IPv4 addresses only.")]
IPv6 = Annotated[bool, _reaching("-6", "--ipv6", help="Probe IPv6 addresses only.")]
Resolver = Annotated[
    list[str] | None,
    _reaching(
        metavar="ADDRESS[:PORT]",
        help="Ask this DNS server, such as the Service Engine's, instead of this host's; repeatable.",
    ),
]

Load = Annotated[
    bool,
    _load(
        "--load",
        help="Also scan harmless lines in parallel, more and more of them, until a limit shows. "
        "Can slow production traffic: asks first.",
    ),
]
Yes = Annotated[bool, _load("--yes", "-y", help="Run --load without asking.")]
Ceiling = Annotated[
    int | None, _load(metavar="N", min=1, max=_MOST, help="Most parallel scans of --load. Default: 64.")
]
Rps = Annotated[
    float | None,
    _load(
        metavar="N",
        callback=above_zero(),
        help="Requests per second that each member must handle; the report says how many connections they take.",
    ),
]
Latency = Annotated[
    float | None,
    _load(metavar="MS", callback=above_zero(), help="Time of one scan, with --expected-rps. Default: as measured."),
]

Transcript = Annotated[
    bool,
    typer.Option(
        "--transcript",
        rich_help_panel=OUTPUT,
        help="Keep what is sent and received in the JSON report, the first 4 KiB of each.",
    ),
]

MaxAddresses = Annotated[
    int | None,
    _limit(
        metavar="N", min=1, max=64, help="Test at most N addresses of a name; the report lists the rest. Default: 8."
    ),
]
Rate = Annotated[
    float | None,
    _limit(
        metavar="N",
        callback=above_zero("number of connections per second"),
        help="Open at most N new connections per second, over all members.",
    ),
]
Warn = Annotated[
    int | None,
    _limit(
        metavar="MS", min=1, help="A response is slow above MS. Default: the profile's slow_response_warning_threshold."
    ),
]
Crit = Annotated[
    int | None,
    _limit(
        metavar="MS",
        min=1,
        help="A response is too slow above MS, which is critical. Default: the profile's response_timeout.",
    ),
]
DnsTimeout = Annotated[float | None, _seconds(help="To resolve one name. Default: 5.")]
ConnectTimeout = Annotated[float | None, _seconds(help="For one TCP or TLS handshake. Default: 5.")]
Timeout = Annotated[float | None, _seconds(help="For one ICAP transaction. Default: 10.")]
Deadline = Annotated[
    float | None,
    _seconds(
        help="For all steps of one member; tests after a failure and deep tests add time of their own. Default: 30."
    ),
]
