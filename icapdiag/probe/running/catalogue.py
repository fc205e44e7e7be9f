"""The probes in order, and the selection of those to run: by depth, by name, or with exceptions."""

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
    """Names that can't be used; the message says what to give instead."""


def choose(
    probes: tuple[Probe, ...],
    *,
    depth: Depth = "standard",
    only: Collection[str] = (),
    skip: Collection[str] = (),
    load: bool = False,
) -> tuple[Probe, ...]:
    """The probes; those that are not selected are skipped as ``not-asked``.

    ``only`` names the probes, independent of depth; the probes that they need or use run too. ``load`` adds
    those that put load on servers, which belong to no depth; ``skip`` removes probes from either. Probes deeper than a
    standard run, and those that follow up others, are left out instead of skipped if they are not selected.
    Raises `ChoiceError` for an unknown name, and if ``skip`` names a probe that a selected one requires.
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
    """The names of the probes that `choose` did not select."""
    return tuple(probe.name for probe in probes if probe.skip is _off)


def chosen_names(probes: Iterable[Probe]) -> frozenset[str]:
    """The names of the selected probes."""
    return frozenset(probe.name for probe in probes if probe.skip is not _off)


def in_rounds(probes: Iterable[Probe], rounds: int) -> tuple[Probe, ...]:
    """The probes with something to do in this many rounds: in one round, those that repeat others have nothing."""
    return tuple(probe for probe in probes if rounds > 1 or probe.name != REPEAT.name)


def _off(_: Context) -> str:
    return NOT_ASKED


def _stands_on(probe: Probe, name: str, known: dict[str, Probe]) -> bool:
    return any(need == name or _stands_on(known[need], name, known) for need in probe.needs)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
