"""The options of ``icapdiag check``: what is sent, from where, how much, and what is slow."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

import typer

from icapdiag.cli.options import above_zero

_MOST = 1000  # scans at a time; beyond, this host's own limits would be measured
_seconds = above_zero("number of seconds")


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
            raise typer.BadParameter(f"{value!r} is no IP address") from None
    return value


def _device(value: str | None) -> str | None:
    if value is not None and not (0 < len(value.encode()) < 16 and value.isprintable() and "/" not in value):
        raise typer.BadParameter(f"{value!r} is no name of an interface")
    return value


Targets = Annotated[
    list[str] | None, typer.Argument(metavar="POOL_OR_URL...", help="A pool file, or icap:// and icaps:// URLs.")
]
Lab = Annotated[bool, typer.Option("--lab", help="Probe the embedded lab, with EICAR: no pool is needed.")]
Eicar = Annotated[
    bool, typer.Option("--eicar", help="Send the harmless EICAR test virus too. Sensors on the way may raise alarms.")
]
DepthChoice = Annotated[
    Depth | None,
    typer.Option(
        help="quick: DNS, TCP, TLS and OPTIONS. standard (default): uploads to be scanned as well. "
        "deep: whatever else is safe, such as previews, sizes and connections."
    ),
]
Only = Annotated[list[str] | None, typer.Option(metavar="PROBE", help="Run this probe and what it needs; repeatable.")]
Skip = Annotated[list[str] | None, typer.Option(metavar="PROBE", help="Leave this probe out; repeatable.")]
ListProbes = Annotated[bool, typer.Option("--list-probes", help="List the probes, what each one sends, and exit.")]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Print every message that would be sent, and to whom; send nothing.")
]
Count = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=100,
        help="Repeat the harmless steps, N rounds in all, for loss and times: min, average, p95, max.",
    ),
]
Load = Annotated[
    bool,
    typer.Option(
        "--load",
        help="Also scan harmless lines in parallel, more and more of them, and say what the member stands. Its users "
        "may feel it: asks first.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go on with --load without being asked.")]
Ceiling = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=_MOST, help="The most scans at a time of --load. Default: 64.")
]
Rps = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        callback=above_zero(),
        help="Requests per second that each member is to take: says how many connections Avi needs for them.",
    ),
]
Latency = Annotated[
    float | None,
    typer.Option(
        metavar="MS",
        callback=above_zero(),
        help="Milliseconds that a scan takes, with --expected-rps. Default: as measured.",
    ),
]
Idle = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        callback=above_zero(),
        help="Of the keepalive probe: wait at most so long for the server to close an idle connection.",
    ),
]
ServiceUri = Annotated[str | None, typer.Option(metavar="PATH", help="Use this service, not the pool file's.")]
ProfileName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Take this ICAP profile of an Avi export that holds several.")
]
SNI = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Send this name in the TLS handshake (SNI), and expect it in the certificate unless an Avi pool says "
        "otherwise.",
    ),
]
Source = Annotated[
    str | None, typer.Option(metavar="ADDRESS", callback=_address, help="Connect from this address of this host.")
]
Device = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", callback=_device, help="Connect by this interface; may take root or CAP_NET_RAW."),
]
IPv4 = Annotated[bool, typer.Option("-4", "--ipv4", help="Probe IPv4 addresses alone.")]
IPv6 = Annotated[bool, typer.Option("-6", "--ipv6", help="Probe IPv6 addresses alone.")]
MaxAddresses = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=64, help="Test at most N addresses of a name; the report lists the rest. Default: 8."
    ),
]
Resolver = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS[:PORT]", help="Ask this DNS server, such as the Service Engine's, not this host's; repeatable."
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        callback=above_zero("number of connections per second"),
        help="Open at most N new connections per second, over all members.",
    ),
]
Warn = Annotated[
    int | None,
    typer.Option(
        metavar="MS",
        min=1,
        help="An answer is slow after so many ms. Default: the profile's slow_response_warning_threshold.",
    ),
]
Crit = Annotated[
    int | None,
    typer.Option(
        metavar="MS",
        min=1,
        help="An answer is too slow after so many ms, which is critical. Default: the profile's response_timeout.",
    ),
]
MaxSize = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Longest body of the size probe, such as 512K. Default: 8M, or buffer_size."),
]
Transcript = Annotated[
    bool,
    typer.Option("--transcript", help="Put what is sent and received into the JSON report, the first 4 KiB of each."),
]
ConnectTimeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", callback=_seconds, help="For one TCP or TLS handshake. Default: 5.")
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", callback=_seconds, help="For one ICAP transaction. Default: 10.")
]
DnsTimeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", callback=_seconds, help="For looking up one name. Default: 5.")
]
Deadline = Annotated[
    float | None, typer.Option(metavar="SECONDS", callback=_seconds, help="For all steps of one member. Default: 30.")
]
