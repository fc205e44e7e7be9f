"""How many examples a property is tried on: all with the profile ``ci``, else a third of them."""

from __future__ import annotations

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")


def examples(full: int) -> int:
    """``full`` in CI; elsewhere fewer, since most of a run's time would go there."""
    return full if PROFILE == "ci" else max(10, full // 3)
