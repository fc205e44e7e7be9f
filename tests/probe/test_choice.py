"""Which probes run, and what becomes of the others."""

from __future__ import annotations

import pytest
import trio

from icapdiag.probe import PROBES
from icapdiag.probe.base import Depth, Settings
from icapdiag.probe.running.catalogue import ChoiceError, choose, left_out
from icapdiag.probe.running.runner import probe_pool
from icapdiag.vocabulary import Status
from tests.probe.fakes import member, pool_of


@pytest.mark.parametrize(
    ("depth", "only", "skip", "expected"),
    [
        ("standard", (), (), ()),
        ("quick", (), (), ("clean", "eicar")),
        ("standard", (), ("clean", "eicar"), ("clean", "eicar")),
        ("standard", (), ("options",), ("options",)),
        ("standard", ("clean",), (), ("eicar",)),
        ("standard", ("clean",), ("options",), ("options", "eicar")),
        ("standard", ("dns",), (), ("tcp", "tls", "options", "clean", "eicar")),
        ("standard", ("tls",), (), ("options", "clean", "eicar")),
        ("standard", ("dns", "options"), (), ("clean", "eicar")),
    ],
)
def test_what_is_left_out(
    depth: Depth, only: tuple[str, ...], skip: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    first_six = PROBES[:6]

    assert expected == left_out(choose(first_six, depth=depth, only=only, skip=skip))


@pytest.mark.parametrize(
    ("only", "skip", "words"),
    [
        (("optoins",), (), "did you mean 'options'"),
        ((), ("EICAR",), "did you mean 'eicar'"),
        (("x",), (), "choose from dns, tcp"),
        (("tcp",), ("tcp",), "at once"),
        ((), ("tcp",), "tcp carries tls, options"),
        (("tcp",), ("dns",), "dns carries tcp"),
    ],
)
def test_wrong_choices(only: tuple[str, ...], skip: tuple[str, ...], words: str) -> None:
    with pytest.raises(ChoiceError, match=words):
        choose(PROBES, only=only, skip=skip)


def test_every_probe_says_what_it_sends() -> None:
    assert [] == [probe.name for probe in PROBES if not probe.sends]
    assert ["eicar", "eicar-form", "eicar-zip", "eicar-pdf", "eicar-json", "eicar-again"] == [
        probe.name for probe in PROBES if probe.label == "active"
    ]


async def test_a_probe_that_was_left_out_is_skipped_and_sends_nothing(autojump_clock: trio.testing.MockClock) -> None:
    results = await probe_pool(pool_of(member(1)), Settings(eicar=True), probes=choose(PROBES, only=["dns"]))

    assert {(Status.SKIPPED, "not-asked")} == {(o.status, o.reason) for o in results.observations if o.probe != "dns"}
