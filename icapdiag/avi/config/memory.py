"""How many uploads a Service Engine has room for while ICAP looks at them."""

from __future__ import annotations

from collections.abc import Iterable

from icapdiag.avi.config.objects import AviObject
from icapdiag.avi.config.schema import as_flag
from icapdiag.avi.config.values import Values
from icapdiag.facts.config import EngineGroupSheet

_KB = 1024  # in a MB


def engine_group_sheet(found: AviObject, profiles: Iterable[AviObject]) -> EngineGroupSheet:
    """The facts of a Service Engine group whose virtual services have these ICAP profiles.

    With allow_204 (Avi's default) a Service Engine keeps each body until the ICAP server has answered, up to
    buffer_size; connections have connection_memory_percentage of its memory.
    """
    values = Values(found)
    memory, share = values.read("memory_per_se", int), values.read("connection_memory_percentage", int)
    sizes = [Values(each).read("buffer_size", int) for each in profiles if _keeps_bodies(each)]
    largest = max((each for each in sizes if each), default=None)
    room = memory * share // 100 * _KB // largest if memory and share and largest else None
    if room is not None:
        values.note("uploads_in_memory", "memory_per_se", found.node.get("memory_per_se") or found.node, str(memory))
    return values.sheet(
        EngineGroupSheet,
        "serviceenginegroup",
        found.name,
        memory_per_se=memory,
        connection_memory_percentage=share,
        uploads_in_memory=room,
    )


def _keeps_bodies(profile: AviObject) -> bool:
    return as_flag(profile.node.text("allow_204") or "true") is not False
