"""A path that swallows long packets without a word, made by nftables in a network namespace of its own.

It needs root, or a kernel that lets anybody make one; elsewhere it is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.clients import ICAPDIAG, Checked, check
from tests.interop.programs import Namespace, Programs, need

PORT = 1344
LONGEST = 1400  # bytes of a packet that still gets through
# gso_max_segs 1: else packets are only cut, or put together, after the filter has seen them.
NETWORK = f"""
ip link set lo mtu 1500 gso_max_segs 1 up
nft add table inet hole
nft add chain inet hole arrival '{{ type filter hook input priority 0; }}'
nft add rule inet hole arrival tcp dport {PORT} meta length '>' {LONGEST} counter drop
"""


@pytest.fixture(scope="module")
def black_hole(programs: Programs) -> Iterator[Namespace]:
    """A namespace with the lab's healthy member, to which no long packet gets."""
    need("nft")
    made = programs.network("black-hole", NETWORK)
    if made is None:
        pytest.skip("no network namespace can be made here")
    keeper, network = made
    argv = [*ICAPDIAG, "lab", "healthy", "--port", str(PORT)]
    lab = programs.start("lab-in-black-hole", argv, ports=[("127.0.0.1", PORT)], namespace=network)
    yield network
    programs.stop(lab, keeper)


@pytest.fixture(scope="module")
def checked(black_hole: Namespace) -> Checked:
    url = f"icap://127.0.0.1:{PORT}/avscan"
    return check(url, "--only", "size", "--timeout", "1.5", namespace=black_hole)


def test_it_is_told_from_a_limit_of_the_server(checked: Checked) -> None:
    assert ["mtu-black-hole"] == [problem["finding"] for problem in checked.report["problems"]]
    assert {"mtu": "proven", "longer-requests": "ruled out"} == checked.causes("mtu-black-hole")


def test_small_packets_are_the_proof(checked: Checked) -> None:
    facts = checked.facts("size")

    assert ("unacknowledged", True, 1448) == (facts["size_failure"], facts["mtu_black_hole"], facts["segment_size"])
    assert facts["size_passed"] < LONGEST
    assert facts["size_failed"] <= LONGEST  # with the head of the request it is a longer packet
    assert [True, True, False, False] == [upload["status"] == "ok" for upload in facts["sizes_tried"]]
