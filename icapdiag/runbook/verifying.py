"""The commands of a runbook by which somebody sees for himself."""

from __future__ import annotations

from icapdiag.model import Verification
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.placeholders import over_tls
from icapdiag.runbook.prose import verifications


def verify(runbook: Runbook, *, tls: bool) -> tuple[Verification, ...]:
    """Those of the section "Verify", placeholders as they are: a report is redacted before they are filled in.

    ``tls``: the member is reached by TLS.
    """
    text = runbook.sections.get("Verify", "")
    found = verifications(over_tls(text) if tls else text)
    return tuple(Verification(shows=shows, commands=commands) for shows, commands in found)
