"""A throttled log is told from a busy and from a steady one."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from icapdiag.logs.counting.pace import Ceiling
from icapdiag.logs.counting.summary import Summary
from tests.logs.test_summary import entry, summary_of
from tests.logs.test_who import streamed


def at(moments: list[float], **fields: Any) -> list[dict[str, Any]]:
    """Entries at these times, in s."""
    return [
        entry(
            "ICAP_FAILED",
            report_timestamp=f"2026-06-01T09:{int(moment) // 60:02d}:{moment % 60:09.6f}+00:00",
            **({"virtualservice": "v", "service_engine": "se-1", "adf": True} | fields),
        )
        for moment in moments
    ]


def throttled(rate: int, seconds: int = 40) -> list[float]:
    """The first so many of each second, of three times as many."""
    return [second + n / rate / 3 for second in range(seconds) for n in range(rate)]


def poisson(rate: float, seconds: int = 60) -> list[float]:
    generator = random.Random(1)  # noqa: S311
    return sorted(generator.uniform(0, seconds) for _ in range(int(rate * seconds)))


def ceiling(entries: list[dict[str, Any]], make: Any = summary_of) -> Ceiling | None:
    summary = make(*entries)
    assert isinstance(summary, Summary)
    return summary.pace.ceiling()


@pytest.mark.parametrize("make", [summary_of, partial(streamed, look_into=1 << 30)])
@pytest.mark.parametrize("rate", [10, 100])
def test_a_throttle(make: Any, rate: int) -> None:
    assert Ceiling(rate, 38) == ceiling(at(throttled(rate)), make)


def test_a_throttle_for_each_service_engine_newest_first() -> None:
    first, second = at(throttled(10)), at(throttled(10), service_engine="se-2")
    both = sorted(first + second, key=lambda each: str(each["report_timestamp"]), reverse=True)

    assert Ceiling(10, 76) == ceiling(both)


def test_a_throttle_beside_a_quiet_virtual_service() -> None:
    entries = at(throttled(10)) + at(poisson(3, 40), virtualservice="w")
    assert Ceiling(10, 38) == ceiling(sorted(entries, key=lambda each: str(each["report_timestamp"])))


@pytest.mark.parametrize(
    "moments",
    [
        poisson(10),
        poisson(100),
        poisson(2),
        [n / 10 for n in range(600)],  # steady, until the end of each second
        [float(n) for n in range(100)],
        throttled(10, 8),  # too few seconds to tell
        [0.0] * 500,
        [],
    ],
)
def test_other_logs(moments: list[float]) -> None:
    assert ceiling(at(moments)) is None


@pytest.mark.parametrize("time", [None, "", "x", 17, "2026-06-01", "2026-06-01T09:00:00Z", "2026-06-01T09:00:00.²³Z"])
def test_odd_times(time: object) -> None:
    assert ceiling([entry("ICAP_FAILED", report_timestamp=time)] * 50) is None


def test_parts_are_added() -> None:
    """Also within a second."""
    entries = at(throttled(10, 60))
    for border in (300, 304):
        halves = summary_of(*entries[:border])
        halves.merge_wire(summary_of(*entries[border:]).to_wire())

        assert Ceiling(10, 58) == halves.pace.ceiling()
        assert (10, 58) == (halves.head().throttled_at, halves.head().throttled_s)


def test_it_stays_small() -> None:
    summary = summary_of(*at([float(n) for n in range(3600)]), *at([float(n) for n in range(3600)], adf=False))
    assert 5001 >= len(summary.pace.open)
