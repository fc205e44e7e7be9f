"""c-icap at the end of a long link: loss is named, and neither length nor packets out of order are taken for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop import networks
from tests.interop.clients import Checked
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.links import FAR, link
from tests.interop.networks import PORT, Network
from tests.interop.programs import Programs

pytestmark = pytest.mark.realtime  # packets that are sent again take their time

LOSS = Diagnosis("packet-loss", "path", "likely", "mtr", severity="warning", effect="slow", never="thread|engine")
LATER = ("--connect-timeout", "15", "--timeout", "20", "--deadline", "120")


@pytest.fixture(scope="module")
def far(programs: Programs) -> Iterator[Network]:
    """c-icap, at every address of its network."""
    with networks.network(programs, "far", everywhere=True) as network:
        yield network


def check(
    programs: Programs, far: Network, name: str, *arguments: str, loss: float = 0, late: float = 0, by: float = 0
) -> Checked:
    with link(programs, far, name, ms=25, loss=loss, late=late, by=by) as near:
        return near.check(f"icap://{FAR}:{PORT}/avscan", *arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "late", "by"),
    [
        pytest.param("long", ("--eicar", "--count", "3"), 0, 0, id="long"),
        pytest.param("jitter", ("--eicar", "--count", "3"), 30, 10, id="a third of the packets 10 ms later"),
        pytest.param("overtaken", ("--eicar", "--count", "3"), 10, 40, id="a tenth of the packets 40 ms later"),
    ],
)
def test_a_long_link_is_not_lossy(
    programs: Programs, far: Network, name: str, arguments: tuple[str, ...], late: float, by: float
) -> None:
    nothing_is_wrong(check(programs, far, name, *arguments, late=late, by=by))


@pytest.mark.realcases
@pytest.mark.parametrize(
    ("name", "arguments", "loss"),
    [
        pytest.param("tenth", ("--count", "20"), 10, id="a tenth, twenty rounds"),
        pytest.param("fifth", ("--count", "10"), 20, id="a fifth, ten rounds"),
        pytest.param("third", (), 30, id="a third, one round"),
        pytest.param("deep", ("--depth", "deep", "--max-size", "64K"), 5, id="a twentieth, deep"),
    ],
)
def test_loss_of_all_kinds(
    programs: Programs, far: Network, name: str, arguments: tuple[str, ...], loss: float
) -> None:
    LOSS.holds(check(programs, far, name, *arguments, *LATER, loss=loss))
