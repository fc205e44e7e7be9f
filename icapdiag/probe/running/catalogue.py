"""The probes, in the order in which they run, and which of them do: by depth, by name, or all but some."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import get_args

from msgspec.structs import replace

from icapdiag.probe.base import Context, Depth, Probe
from icapdiag.probe.probes.conformance import PROBE as CONFORMANCE
from icapdiag.probe.probes.dns import PROBE as DNS
from icapdiag.probe.probes.eicar_again import PROBE as EICAR_AGAIN
from icapdiag.probe.probes.keepalive import PROBE as KEEPALIVE
from icapdiag.probe.probes.load import PROBE as LOAD
from icapdiag.probe.probes.options import PROBE as OPTIONS
from icapdiag.probe.probes.path import PROBE as PATH
from icapdiag.probe.probes.preview import PROBE as PREVIEW
from icapdiag.probe.probes.repeat import PROBE as REPEAT
from icapdiag.probe.probes.respmod import PROBE as RESPMOD
from icapdiag.probe.probes.sample import CHUNKED_PROBE as CHUNKED
from icapdiag.probe.probes.sample import CLEAN_PROBE as CLEAN
from icapdiag.probe.probes.sample import EICAR_PROBE as EICAR
from icapdiag.probe.probes.sample import FORM_PROBES
from icapdiag.probe.probes.services import PROBE as SERVICES
from icapdiag.probe.probes.size import PROBE as SIZE
from icapdiag.probe.probes.tcp import PROBE as TCP
from icapdiag.probe.probes.tls import PROBE as TLS
from icapdiag.probe.probes.variants import PROBE as VARIANTS

DEPTHS: tuple[Depth, ...] = get_args(Depth)  # each has all that those before it have
NOT_ASKED = "not-asked"

_USUAL = (DNS, TCP, TLS, OPTIONS, CLEAN, EICAR, *FORM_PROBES, EICAR_AGAIN, SERVICES, VARIANTS, RESPMOD)
_DEEP = (CHUNKED, PREVIEW, SIZE, KEEPALIVE, CONFORMANCE)
PROBES: tuple[Probe, ...] = (*_USUAL, *_DEEP, REPEAT, LOAD, PATH)


class ChoiceError(ValueError):
    """Names that can't be followed; the text says what to give instead."""


def choose(
    probes: tuple[Probe, ...],
    *,
    depth: Depth = "standard",
    only: Collection[str] = (),
    skip: Collection[str] = (),
    load: bool = False,
) -> tuple[Probe, ...]:
    """The probes with those switched off (skipped as ``not-asked``) that are not wanted.

    ``only`` names the probes itself, whatever the depth, and what they need or look at runs too; ``load`` adds
    what puts a load on servers and is of no depth; ``skip`` is taken away from either. Those deeper than a usual
    run, and those that look at what others met, are not even skipped if they are not wanted: nobody expects
    them. Raises `ChoiceError` for a name that no probe has, and for a ``skip`` of what a wanted probe can't do
    without.
    """
    known = {probe.name: probe for probe in probes}
    for name in (*only, *skip):
        if name not in known or (name in only and known[name].follows):
            raise ChoiceError(f"unknown probe {name!r}{_nearest(name, known)}; choose from {', '.join(known)}")
    if both := sorted(set(only) & set(skip)):
        raise ChoiceError(f"{both[0]} can't be asked for and skipped at once")
    loading = {probe.name for probe in probes if probe.label == "load"}
    wanted = set(only) | (loading if load else set())
    while missing := {need for name in wanted for need in (*known[name].needs, *known[name].after)} - wanted:
        wanted |= missing
    if not only:
        wanted |= {probe.name for probe in probes if DEPTHS.index(probe.depth) <= DEPTHS.index(depth)} - loading
    wanted = (wanted | {probe.name for probe in probes if probe.follows}) - set(skip)
    for name in skip:
        riders = [probe.name for probe in probes if probe.name in wanted and _stands_on(probe, name, known)]
        if known[name].carries and riders:
            raise ChoiceError(f"{name} carries {', '.join(riders)}: skip those, or say what to run with --only")
    named = {*wanted, *skip}
    considered = [each for each in probes if each.name in named or (each.depth != "deep" and not each.after)]
    return tuple(probe if probe.name in wanted else replace(probe, skip=_off) for probe in considered)


def left_out(probes: Iterable[Probe]) -> tuple[str, ...]:
    """The names of those that `choose` switched off."""
    return tuple(probe.name for probe in probes if probe.skip is _off)


def chosen_names(probes: Iterable[Probe]) -> frozenset[str]:
    """The names of the others."""
    return frozenset(probe.name for probe in probes if probe.skip is not _off)


def in_rounds(probes: Iterable[Probe], rounds: int) -> tuple[Probe, ...]:
    """Those that have something to do in that many rounds: what repeats the others has not, in one."""
    return tuple(probe for probe in probes if rounds > 1 or probe.name != REPEAT.name)


def _off(_: Context) -> str:
    return NOT_ASKED


def _stands_on(probe: Probe, name: str, known: dict[str, Probe]) -> bool:
    return any(need == name or _stands_on(known[need], name, known) for need in probe.needs)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
