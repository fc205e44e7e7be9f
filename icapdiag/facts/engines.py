"""How a member looks from several Service Engines, where a script asked it from each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.sheet import ServiceEngine, Word, about


class Engines(ProbeSheet):
    """engines: which of several Service Engines see the member so; it may fail from some and work from others."""

    seen_from: Annotated[
        tuple[ServiceEngine, ...] | None,
        about("seen from", "Service Engines from which it looks like this, with their namespaces"),
    ] = None
    fails_from: Annotated[
        tuple[ServiceEngine, ...] | None, about("fails from", "Service Engines, with their namespaces")
    ] = None
    works_from: Annotated[
        tuple[ServiceEngine, ...] | None, about("works from", "Service Engines, with their namespaces")
    ] = None
    failed_step: Annotated[Word | None, about("failed step", "the first that failed from this Service Engine")] = None
    failed_because: Annotated[Word | None, about("failed because", "the reason of that failure")] = None
    refused_with: Annotated[int | None, about("refused with", "the ICAP status, if that step was answered")] = None
    other_namespace: Annotated[
        bool | None, about("other namespace", "the scripts ran in network namespaces of different names")
    ] = None
    apart_s: Annotated[
        int | None,
        about(
            "time between", "its start from this Service Engine and the nearest from where it works", "s", changes=True
        ),
    ] = None


SHEETS: Mapping[str, type[ProbeSheet]] = {"engines": Engines}
