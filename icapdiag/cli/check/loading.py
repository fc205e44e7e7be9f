"""The options of ``icapdiag check`` about connections and load, and the consent that a load takes."""

# ruff: noqa: PLC0415 - trio and the probes are imported when the command runs: --help must stay fast

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import stderr_is_terminal, stdin_is_terminal, stop_with

if TYPE_CHECKING:
    from collections.abc import Collection

    from icapdiag.pool import Pool
    from icapdiag.probe import Probe, Settings

_MOST = 1000  # scans at a time; beyond, this host's own limits would be measured


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter("give a number above 0")
    return value


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
    int | None,
    typer.Option(
        "--load-ceiling",
        metavar="N",
        min=1,
        max=_MOST,
        show_default=False,
        help="The most scans at a time of --load. Default: 64.",
    ),
]
Rps = Annotated[
    float | None,
    typer.Option(
        "--expected-rps",
        metavar="N",
        callback=_positive,
        help="Requests per second that each member is to take: says how many connections Avi needs for them.",
    ),
]
Latency = Annotated[
    float | None,
    typer.Option(
        "--expected-latency",
        metavar="MS",
        callback=_positive,
        help="Milliseconds that a scan takes, with --expected-rps. Default: as measured.",
    ),
]
Idle = Annotated[
    float | None,
    typer.Option(
        "--idle",
        metavar="SECONDS",
        callback=_positive,
        help="Of the keepalive probe: wait at most so long for the server to close an idle connection.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What was asked for; None and False where it was not."""

    load: bool
    yes: bool
    ceiling: int | None
    rps: float | None
    latency: float | None
    idle: float | None
    rate: float | None

    def settle(self, settings: Settings) -> Settings:
        """The settings with these options in them."""
        return replace(
            settings,
            load_ceiling=settings.load_ceiling if self.ceiling is None else self.ceiling,
            expected_rps=self.rps,
            expected_latency_ms=self.latency,
            idle=settings.idle if self.idle is None else self.idle,
        )

    def insist(self, probes: Collection[Probe]) -> None:
        """No option may do nothing, and no load come unasked. Raises typer.BadParameter."""
        from icapdiag.probe.running.catalogue import chosen_names

        chosen = chosen_names(probes)
        loading = "load" in chosen
        if loading and not self.load:
            raise typer.BadParameter("load is felt by the server: add --load to say that it may", param_hint="--only")
        if self.load and not loading:
            raise typer.BadParameter("the other options leave the load probe out", param_hint="--load")
        if self.load and self.rate is not None:
            raise typer.BadParameter("would hold back the connections of --load", param_hint="--rate")
        for given, option in ((self.yes or None, "--yes"), (self.ceiling, "--load-ceiling")):
            if given is not None and not loading:
                raise typer.BadParameter("says nothing without --load", param_hint=option)
        if self.idle is not None and "keepalive" not in chosen:
            raise typer.BadParameter("is for the keepalive probe: add --depth deep", param_hint="--idle")
        if self.rps is not None and not chosen & {"keepalive", "load"}:
            raise typer.BadParameter("is for --load, or for --depth deep", param_hint="--expected-rps")
        if self.latency is not None and self.rps is None:
            raise typer.BadParameter("says nothing without --expected-rps", param_hint="--expected-latency")

    def ask(self, pool: Pool | None, settings: Settings) -> None:
        """Let the user confirm the load on a pool; our own lab (None) needs no leave. Ends the command at a no."""
        if not self.load or self.yes or pool is None:
            return
        members = sum(1 for member in pool.members if member.enabled)
        if not (stdin_is_terminal() and stderr_is_terminal()):
            stop_with(["icapdiag: --load may be felt by the users of this pool: add --yes to say that it may"])
        sys.stderr.write(
            f"icapdiag: --load scans up to {settings.load_ceiling} harmless lines at a time on each of "
            f"{members} members, one member after the other. Their users may feel it.\n"
        )
        if not typer.confirm("Go on?", err=True):
            stop_with(["icapdiag: nothing was sent"])
