"""The options of ``icapdiag check`` that say what is sent, and how."""

# ruff: noqa: PLC0415 - trio and the probes are imported when the command runs: --help must stay fast

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import print_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from icapdiag.pool import Pool
    from icapdiag.probe import Probe


class Depth(StrEnum):
    """How far a run goes; the words of `icapdiag.probe.base.Depth`."""

    QUICK = "quick"
    STANDARD = "standard"


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
        show_default=False, help="quick: DNS, TCP, TLS and OPTIONS. standard (default): uploads to be scanned as well."
    ),
]
Only = Annotated[list[str] | None, typer.Option(metavar="PROBE", help="Run this probe and what it needs; repeatable.")]
Skip = Annotated[list[str] | None, typer.Option(metavar="PROBE", help="Leave this probe out; repeatable.")]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Print every message that would be sent, and to whom; send nothing.")
]


def chosen_probes(
    depth: Depth | None, only: Collection[str] | None, skip: Collection[str] | None, *, eicar: bool
) -> tuple[Probe, ...]:
    """The probes that the options ask for. Raises typer.BadParameter."""
    from icapdiag.probe import PROBES
    from icapdiag.probe.choice import ChoiceError, choose, left_out

    if only and depth is not None:
        raise typer.BadParameter("names the probes itself: --depth says nothing beside it", param_hint="--only")
    try:
        probes = choose(PROBES, depth=(depth or Depth.STANDARD).value, only=only or (), skip=skip or ())
    except ChoiceError as error:
        raise typer.BadParameter(str(error), param_hint="--only or --skip") from None
    if eicar and "eicar" in left_out(probes):
        raise typer.BadParameter("the other options leave the eicar probe out", param_hint="--eicar")
    return probes


def insist_on_consent(pool: Pool, only: Collection[str] | None, *, eicar: bool) -> None:
    """EICAR sets off alarms: naming its probe is not enough. Raises typer.BadParameter."""
    if "eicar" in (only or ()) and not eicar and "eicar" not in pool.samples:
        raise typer.BadParameter("eicar sends a test virus: add --eicar to say that it may", param_hint="--only")
