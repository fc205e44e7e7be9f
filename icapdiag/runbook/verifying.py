"""The commands of a runbook by which somebody sees for himself, with a member's values filled in."""

from __future__ import annotations

import re
from typing import NamedTuple

from icapdiag.model import Facts, Verification
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.placeholders import fill, over_tls, values
from icapdiag.runbook.prose import verifications

_STRANGE = re.compile(r"[^\w.:%-]")  # in no host name and no address


class _Place(NamedTuple):
    host: str
    port: int | None
    service_uri: str = ""


def verify(runbook: Runbook, record: Facts, member: str) -> tuple[Verification, ...]:
    """Those of the section "Verify"; what is not known of the ``member`` stays a placeholder.

    A log knows a member by its name only, which is its address.
    """
    host, port = record.get("host"), record.get("port")
    if not host:
        host, _, port = member.rpartition(":")
        host = str(host).strip("[]")
    known = host and not _STRANGE.search(str(host)) and str(port).isdecimal()
    uri = record.get("service_uri") or record.get("profile.service_uri")
    text = runbook.sections.get("Verify", "")
    filled = fill(
        over_tls(text) if record.get("tls") else text,
        values(_Place(str(host), int(str(port))) if known else None, uri if isinstance(uri, str) else None),
    )
    return tuple(Verification(shows=shows, commands=commands) for shows, commands in verifications(filled))
