"""The options of ``icapdiag check``, in the groups of its help."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

import typer

from icapdiag.cli.help import LIMITS, LOAD, OUTPUT, PROBING, REACHING
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
            raise typer.BadParameter(f"{value!r} is not an IP address") from None
    return value


def _device(value: str | None) -> str | None:
    if value is not None and not (0 < len(value.encode()) < 16 and value.isprintable() and "/" not in value):
        raise typer.BadParameter(f"{value!r} is not the name of an interface")
    return value


Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="POOL_OR_URL...", help="A pool file, an Avi export, or icap:// and icaps:// URLs."),
]

Lab = Annotated[
    bool,
    typer.Option("--lab", rich_help_panel=PROBING, help="Probe the embedded lab, with EICAR. Needs no pool."),
]
Eicar = Annotated[
    bool,
    typer.Option(
        "--eicar",
        rich_help_panel=PROBING,
        help="Also send the harmless EICAR test file, raw and in an HTML form. May raise alarms on the way.",
    ),
]
DepthChoice = Annotated[
    Depth | None,
    typer.Option(
        rich_help_panel=PROBING,
        help="quick: DNS, TCP, TLS and OPTIONS. standard (default): also sample uploads. "
        "deep: also previews, sizes, connections and all else that is safe.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="PROBE", rich_help_panel=PROBING, help="Run this probe and those it needs; repeatable."),
]
Skip = Annotated[
    list[str] | None,
    typer.Option(metavar="PROBE", rich_help_panel=PROBING, help="Skip this probe; repeatable."),
]
ServiceUri = Annotated[
    str | None,
    typer.Option(metavar="PATH", rich_help_panel=PROBING, help="Service path to use instead of the pool file's."),
]
ProfileName = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=PROBING, help="Which ICAP profile of an Avi export to use."),
]
Count = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=100,
        rich_help_panel=PROBING,
        help="Repeat the harmless steps N times, to see loss and varying times.",
    ),
]
Idle = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        callback=above_zero(),
        rich_help_panel=PROBING,
        help="How long the keepalive probe waits for the server to close an idle connection.",
    ),
]
MaxSize = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        rich_help_panel=PROBING,
        help="Longest body of the size probe, such as 512K. Default: buffer_size, at most 8M.",
    ),
]
ListProbes = Annotated[
    bool, typer.Option("--list-probes", rich_help_panel=PROBING, help="List the probes and what each sends, and exit.")
]
PlanOnly = Annotated[
    bool,
    typer.Option("--plan", rich_help_panel=PROBING, help="Print every message that would be sent; send nothing."),
]

SNI = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=REACHING,
        help="Send this name in the TLS handshake (SNI). The certificate must be for it only where neither the pool "
        "file's server_name nor an Avi pool says what it must be for.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", callback=_address, rich_help_panel=REACHING, help="Connect from this address of this host."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        callback=_device,
        rich_help_panel=REACHING,
        help="Connect through this interface; may need root or CAP_NET_RAW.",
    ),
]
IPv4 = Annotated[bool, typer.Option("-4", "--ipv4", rich_help_panel=REACHING, help="Probe IPv4 addresses only.")]
IPv6 = Annotated[bool, typer.Option("-6", "--ipv6", rich_help_panel=REACHING, help="Probe IPv6 addresses only.")]
Resolver = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        rich_help_panel=REACHING,
        help="Ask this DNS server, such as the Service Engine's, instead of this host's; repeatable.",
    ),
]

Load = Annotated[
    bool,
    typer.Option(
        "--load",
        rich_help_panel=LOAD,
        help="Also scan harmless lines in parallel, more and more of them, until a limit shows. "
        "Can slow production traffic: asks first.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", rich_help_panel=LOAD, help="Run --load without asking.")]
Ceiling = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=_MOST, rich_help_panel=LOAD, help="Most parallel scans of --load. Default: 64."
    ),
]
Rps = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        callback=above_zero(),
        rich_help_panel=LOAD,
        help="Requests per second that each member must handle; the report says how many connections they take.",
    ),
]
Latency = Annotated[
    float | None,
    typer.Option(
        metavar="MS",
        callback=above_zero(),
        rich_help_panel=LOAD,
        help="Time of one scan, with --expected-rps. Default: as measured.",
    ),
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
    typer.Option(
        metavar="N",
        min=1,
        max=64,
        rich_help_panel=LIMITS,
        help="Test at most N addresses of a name; the report lists the rest. Default: 8.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        callback=above_zero("number of connections per second"),
        rich_help_panel=LIMITS,
        help="Open at most N new connections per second, over all members.",
    ),
]
Warn = Annotated[
    int | None,
    typer.Option(
        metavar="MS",
        min=1,
        rich_help_panel=LIMITS,
        help="A response is slow above MS. Default: the profile's slow_response_warning_threshold.",
    ),
]
Crit = Annotated[
    int | None,
    typer.Option(
        metavar="MS",
        min=1,
        rich_help_panel=LIMITS,
        help="A response is too slow above MS, which is critical. Default: the profile's response_timeout.",
    ),
]
DnsTimeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", callback=_seconds, rich_help_panel=LIMITS, help="To resolve one name. Default: 5."),
]
ConnectTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", callback=_seconds, rich_help_panel=LIMITS, help="For one TCP or TLS handshake. Default: 5."
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", callback=_seconds, rich_help_panel=LIMITS, help="For one ICAP transaction. Default: 10."
    ),
]
Deadline = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        callback=_seconds,
        rich_help_panel=LIMITS,
        help="For all steps of one member; tests after a failure and deep tests add time of their own. Default: 30.",
    ),
]
