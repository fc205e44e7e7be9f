"""What the options of ``icapdiag check`` ask for together: settings, probes, and the consent that some take.

Every function here raises typer.BadParameter for options that contradict each other: none may do nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

import typer
from msgspec.structs import replace

from icapdiag.cli.check.options import Depth
from icapdiag.cli.console import fail, stderr_is_terminal, stdin_is_terminal
from icapdiag.cli.options import size_of
from icapdiag.pool import TLS, Pool
from icapdiag.pool.hosts import parse_host
from icapdiag.probe import PROBES, Probe, Settings
from icapdiag.probe.probes.dns import split_resolver
from icapdiag.probe.running.catalogue import ChoiceError, choose, chosen_names, in_rounds, left_out

_LARGEST = 51_200 * 1024  # the most that Avi's buffer_size can be


def settings_of(*, ipv4: bool, ipv6: bool, resolvers: list[str] | None, **given: Any) -> Settings:
    """The settings with those options that were given; None was not."""
    for resolver in resolvers or ():
        try:
            split_resolver(resolver)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="'--resolver'") from None
    warn, crit = given["warn_ms"], given["crit_ms"]
    if warn is not None and crit is not None and crit < warn:
        raise typer.BadParameter(f"{crit} ms is below --warn {warn}", param_hint="--crit")
    if ipv4 and ipv6:
        raise typer.BadParameter("-4 and -6 leave nothing to probe", param_hint="-4")
    given["family"] = 4 if ipv4 else 6 if ipv6 else None
    settings = Settings(resolvers=tuple(resolvers or ()))
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def chosen_probes(
    settings: Settings, depth: Depth | None, only: Collection[str] | None, skip: Collection[str] | None, *, load: bool
) -> tuple[Probe, ...]:
    """The probes that the options ask for."""
    if only and depth is not None:
        raise typer.BadParameter("names the probes: --depth has no effect with it", param_hint="--only")
    if settings.eicar and only and any(probe.virus for probe in PROBES if probe.name in only):
        only = {*only, "eicar"}
    try:
        probes = choose(PROBES, depth=(depth or Depth.STANDARD).value, only=only or (), skip=skip or (), load=load)
    except ChoiceError as error:
        raise typer.BadParameter(str(error), param_hint="--only or --skip") from None
    if settings.eicar and "eicar" in left_out(probes):
        raise typer.BadParameter("the other options leave the eicar probe out", param_hint="--eicar")
    return in_rounds(probes, settings.count)


def insist_on_use(probes: Collection[Probe], given: Settings, *, load: bool, yes: bool, ceiling: int | None) -> None:
    """No option may do nothing, and no load come unasked. ``ceiling`` is None if that was not given."""
    chosen = chosen_names(probes)
    loading = "load" in chosen
    if loading and not load:
        raise typer.BadParameter("load affects the server: add --load to confirm", param_hint="--only")
    if load and not loading:
        raise typer.BadParameter("the other options leave the load probe out", param_hint="--load")
    if load and given.rate is not None:
        raise typer.BadParameter("would limit the connections of --load", param_hint="--rate")
    for useless, option in ((yes, "--yes"), (ceiling is not None, "--load-ceiling")):
        if useless and not loading:
            raise typer.BadParameter("has no effect without --load", param_hint=option)
    if given.idle and "keepalive" not in chosen:
        raise typer.BadParameter("is for the keepalive probe: add --depth deep", param_hint="--idle")
    if given.expected_rps is not None and not chosen & {"keepalive", "load"}:
        raise typer.BadParameter("is for --load, or for --depth deep", param_hint="--expected-rps")
    if given.expected_latency_ms is not None and given.expected_rps is None:
        raise typer.BadParameter("has no effect without --expected-rps", param_hint="--expected-latency")


def with_largest(settings: Settings, size: str | None, probes: Collection[Probe]) -> Settings:
    """The settings with the bytes of ``--max-size``, if that was given."""
    if size is None:
        return settings
    if "size" not in chosen_names(probes):
        raise typer.BadParameter("is for the size probe: add --depth deep, or --only size", param_hint="--max-size")
    if not 1 <= size_of(size) <= _LARGEST:
        raise typer.BadParameter(f"give 1 byte to {_LARGEST >> 20}M, such as 512K", param_hint="--max-size")
    return replace(settings, max_size=size_of(size))


def with_sni(pool: Pool, name: str | None) -> Pool:
    """The pool with the name of ``--sni`` for every member that has TLS, if that was given.

    It is the name that the certificate must be for only where nothing else says which that is.
    """
    if name is None:
        return pool
    try:
        host = parse_host(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--sni") from None
    if not any(member.tls for member in pool.members):
        raise typer.BadParameter("no member of this pool uses TLS", param_hint="--sni")
    members = (replace(each, tls=_sending(each.tls, host)) if each.tls else each for each in pool.members)
    return replace(pool, members=tuple(members))


def _sending(tls: TLS, name: str) -> TLS:
    names = tls.names
    if not tls.names_known:
        names = (name,)
    elif names is None and tls.server_name:
        names = (tls.server_name,)
    return replace(tls, server_name=name, sni=True, sni_known=True, names=names, names_known=True)


def insist_on_consent(pool: Pool, only: Collection[str] | None, *, eicar: bool) -> None:
    """EICAR sets off alarms: naming its probe is not enough."""
    if "eicar" in (only or ()) and not eicar and "eicar" not in pool.samples:
        raise typer.BadParameter("eicar sends a test virus: add --eicar to confirm", param_hint="--only")


def confirm_load(pool: Pool, settings: Settings) -> None:
    """Let the user say that the pool may be loaded; a no ends the command."""
    members = sum(1 for member in pool.members if member.enabled)
    if not (stdin_is_terminal() and stderr_is_terminal()):
        fail("--load can slow production traffic; add --yes to confirm")
    sys.stderr.write(
        f"icapdiag: --load scans up to {settings.load_ceiling} harmless lines at a time on each of "
        f"{members} members, one member after the other. This can slow production traffic.\n"
    )
    if not typer.confirm("Go on?", err=True):
        fail("nothing was sent")
