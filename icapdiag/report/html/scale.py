"""From values to places on a drawing, and the ticks beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_FLOOR = 0.1  # ms, bytes, requests: less is drawn as this on a logarithmic scale
_DURATIONS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 60_000.0, 600_000.0, 3_600_000.0)  # ms: what people think in


@dataclass(frozen=True, slots=True)
class Scale:
    """``low`` stands at ``start`` percent, ``high`` at ``end``; what is beyond is drawn at the edge."""

    low: float
    high: float
    logarithmic: bool = True
    start: float = 0.0
    end: float = 100.0

    def place(self, value: float) -> float:
        """Percent. NaN is drawn at the low edge."""
        bounded = min(max(value, self.low), self.high)
        if self.high <= self.low or math.isnan(value):
            return self.start
        if self.logarithmic:
            share = math.log(bounded / self.low) / math.log(self.high / self.low)
        else:
            share = (bounded - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def durations(values: Iterable[float], *, start: float = 0.0, end: float = 100.0) -> tuple[Scale, list[float]]:
    """A logarithmic scale for milliseconds that holds all of ``values``, and its ticks."""
    found = [max(value, _FLOOR) for value in values if math.isfinite(value)] or [1.0]
    low = max((tick for tick in _DURATIONS if tick <= min(found)), default=_DURATIONS[0])
    high = min((tick for tick in _DURATIONS if tick >= max(found)), default=max(found))
    if high <= low:
        high = low * 10
    ticks = [tick for tick in _DURATIONS if low <= tick <= high]
    return Scale(low, high, start=start, end=end), ticks


def linear(top: float, *, start: float = 0.0, end: float = 100.0, most: int = 4) -> tuple[Scale, list[float]]:
    """A scale from 0 to a round number at or above ``top``, and at most ``most`` ticks above 0."""
    top = top if math.isfinite(top) and top > 0 else 1.0
    step = 10.0 ** math.floor(math.log10(top / most))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if step * factor * most >= top)
    count = math.ceil(top / step - 1e-9)
    return Scale(0.0, step * count, logarithmic=False, start=start, end=end), [step * n for n in range(count + 1)]


def sizes(values: Iterable[float], *, start: float = 0.0, end: float = 100.0) -> tuple[Scale, list[float]]:
    """A logarithmic scale for bytes from 1 on, each tick 1,024 times the one before."""
    high = max([1024.0, *(value for value in values if math.isfinite(value))])
    ticks = [1024.0**power for power in range(7) if 1024.0**power <= high]
    return Scale(1.0, high, start=start, end=end), ticks


def bytes_shown(value: float) -> str:
    """``0 B``, ``1400 B``, ``64 KiB``, ``8 MiB``."""
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if value >= size:
            return f"{value / size:.4g} {unit}" if value % size == 0 or value >= 10 * size else f"{value:.0f} B"
    return f"{value:.0f} B"


def ms_shown(value: float) -> str:
    """A tick of `durations`: ``0.1 ms``, ``10 ms``, ``1 s``, ``1 min``."""
    if value >= 60_000 and value % 60_000 == 0:
        return f"{value / 60_000:g} min"
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
