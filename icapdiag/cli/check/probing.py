"""The options of ``icapdiag check`` that say what is sent, and how."""

# ruff: noqa: PLC0415 - trio and the probes are imported when the command runs: --help must stay fast

from __future__ import annotations

import math
import re
from dataclasses import replace
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icapdiag.cli.console import print_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from icapdiag.pool import Pool
    from icapdiag.probe import Probe, Settings


class Depth(StrEnum):
    """How far a run goes; the words of `icapdiag.probe.base.Depth`."""

    QUICK = "quick"
    STANDARD = "standard"
    DEEP = "deep"


def _list_probes(wanted: bool) -> None:
    if not wanted:
        return
    from icapdiag.probe import PROBES

    width = max(len(probe.name) for probe in PROBES)
    print_text("".join(f"{probe.name:<{width}}  {probe.label:<6}  {probe.sends}\n" for probe in PROBES))
    raise typer.Exit


ListProbes = Annotated[
    bool,
    typer.Option(
        "--list-probes", callback=_list_probes, is_eager=True, help="List the probes, what each one sends, and exit."
    ),
]
DepthChoice = Annotated[
    Depth | None,
    typer.Option(
        show_default=False,
        help="quick: DNS, TCP, TLS and OPTIONS. standard (default): uploads to be scanned as well. "
        "deep: whatever else is safe, such as previews, sizes and connections.",
    ),
]
Only = Annotated[list[str] | None, typer.Option(metavar="PROBE", help="Run this probe and what it needs; repeatable.")]
Skip = Annotated[list[str] | None, typer.Option(metavar="PROBE", help="Leave this probe out; repeatable.")]
Count = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=100,
        show_default=False,
        help="Repeat the harmless steps, N rounds in all, for loss and times: min, average, p95, max.",
    ),
]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Print every message that would be sent, and to whom; send nothing.")
]


def _seconds(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter("give a number of seconds above 0")
    return value


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


def _resolvers(values: list[str] | None) -> list[str] | None:
    if values:
        from icapdiag.probe.probes.dns import split_resolver

        for value in values:
            try:
                split_resolver(value)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from None
    return values


Source = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", callback=_address, help="Connect from this address of this host."),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", callback=_device, help="Connect by this interface; may take root or CAP_NET_RAW."),
]
IPv4 = Annotated[bool, typer.Option("-4", "--ipv4", help="Probe IPv4 addresses alone.")]
IPv6 = Annotated[bool, typer.Option("-6", "--ipv6", help="Probe IPv6 addresses alone.")]
Resolver = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        callback=_resolvers,
        help="Ask this DNS server, such as the Service Engine's, not this host's; repeatable.",
    ),
]


def _rate(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter("give a number of connections per second above 0")
    return value


Warn = Annotated[
    int | None,
    typer.Option(
        metavar="MS",
        min=1,
        show_default=False,
        help="An answer is slow after so many ms. Default: the profile's slow_response_warning_threshold.",
    ),
]
Crit = Annotated[
    int | None,
    typer.Option(
        metavar="MS",
        min=1,
        show_default=False,
        help="An answer is too slow after so many ms, which is critical. Default: the profile's response_timeout.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(metavar="N", callback=_rate, help="Open at most N new connections per second, over all members."),
]
_UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}
_LARGEST = 51_200 * 1024  # the most that Avi's buffer_size can be


Transcript = Annotated[
    bool,
    typer.Option("--transcript", help="Put what is sent and received into the JSON report, the first 4 KiB of each."),
]
MaxSize = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Longest body of the size probe, such as 512K. Default: 8M, or buffer_size."),
]
ConnectTimeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", callback=_seconds, help="For one TCP or TLS handshake. Default: 5."),
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", callback=_seconds, help="For one ICAP transaction. Default: 10.")
]
Deadline = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", callback=_seconds, help="For all steps of one member. Default: 30."),
]


def changed(settings: Settings, **given: Any) -> Settings:
    """The settings with those options that were given; None was not."""
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def family_of(*, ipv4: bool, ipv6: bool) -> int | None:
    """The one IP version that is wanted, None for either. Raises typer.BadParameter."""
    if ipv4 and ipv6:
        raise typer.BadParameter("-4 and -6 leave nothing to probe", param_hint="-4")
    return 4 if ipv4 else 6 if ipv6 else None


def insist_on_order(warn: int | None, crit: int | None) -> None:
    """What is too slow is slow. Raises typer.BadParameter."""
    if warn is not None and crit is not None and crit < warn:
        raise typer.BadParameter(f"{crit} ms is below --warn {warn}", param_hint="--crit")


def chosen_probes(
    depth: Depth | None,
    only: Collection[str] | None,
    skip: Collection[str] | None,
    *,
    eicar: bool,
    repeated: bool,
    load: bool = False,
) -> tuple[Probe, ...]:
    """The probes that the options ask for. Raises typer.BadParameter."""
    from icapdiag.probe import PROBES
    from icapdiag.probe.running.catalogue import ChoiceError, choose, left_out

    if only and depth is not None:
        raise typer.BadParameter("names the probes itself: --depth says nothing beside it", param_hint="--only")
    if eicar and only and any(probe.virus for probe in PROBES if probe.name in only):
        only = {*only, "eicar"}
    try:
        probes = choose(PROBES, depth=(depth or Depth.STANDARD).value, only=only or (), skip=skip or (), load=load)
    except ChoiceError as error:
        raise typer.BadParameter(str(error), param_hint="--only or --skip") from None
    if eicar and "eicar" in left_out(probes):
        raise typer.BadParameter("the other options leave the eicar probe out", param_hint="--eicar")
    return tuple(probe for probe in probes if repeated or not probe.follows)


def largest(size: str | None, probes: tuple[Probe, ...]) -> int | None:
    """The bytes of ``--max-size``; None if it was not given. Raises typer.BadParameter."""
    from icapdiag.probe.running.catalogue import chosen_names

    if size is not None and "size" not in chosen_names(probes):
        raise typer.BadParameter("is for the size probe: add --depth deep, or --only size", param_hint="--max-size")
    if size is None:
        return None
    found = re.fullmatch(r"([0-9]{1,12})([KM]?)(?:i?B)?", size.strip(), re.IGNORECASE)
    wanted = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not 1 <= wanted <= _LARGEST:
        raise typer.BadParameter(f"give 1 byte to {_LARGEST // _UNITS['M']}M, such as 512K", param_hint="--max-size")
    return wanted


def insist_on_consent(pool: Pool, only: Collection[str] | None, *, eicar: bool) -> None:
    """EICAR sets off alarms: naming its probe is not enough. Raises typer.BadParameter."""
    if "eicar" in (only or ()) and not eicar and "eicar" not in pool.samples:
        raise typer.BadParameter("eicar sends a test virus: add --eicar to say that it may", param_hint="--only")
