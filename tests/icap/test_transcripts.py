"""Answers as met in the wild, one by one: each can be read at every split, and its verdict is what its source says."""

from __future__ import annotations

import pytest

from icapdiag.icap.message import ProtocolError, Response
from icapdiag.icap.verdict import judge
from tests.icap.answer_kinds import Closed, NotICAP, Wire, wire_bytes
from tests.icap.feeding import pieces, read, read_response
from tests.icap.recorded_answers import ANSWERS, EXPECTED, PRESENT, answer

_ICAP = [name for name, expected in ANSWERS.items() if isinstance(expected, Wire)]


def test_every_recording_is_in_the_table() -> None:
    assert set() == PRESENT.keys() - EXPECTED.keys()
    # Those of Debian's servers are in this repository.
    assert [] == [name for name in EXPECTED if name.startswith("1") and name not in PRESENT]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_reads_the_same_whole_and_byte_by_byte(name: str) -> None:
    expected = ANSWERS[name]
    data = wire_bytes(answer(name), expected)
    method = expected.method if isinstance(expected, Wire) else "REQMOD"
    whole = read([data], method=method)
    assert whole == read(pieces(data, 1), method=method)
    assert whole == read(pieces(data, 7), method=method)
    if isinstance(expected, NotICAP):
        assert whole == ("NotICAP", "not-icap", expected.peer, None)
    elif isinstance(expected, Closed):
        assert whole == ("PeerClosed", "closed", None, None)
    else:
        assert isinstance(whole, Response), whole
        assert whole == read_response(data, method=method)


@pytest.mark.parametrize("name", _ICAP)
def test_the_verdict_on_an_answer_agrees_with_its_source(name: str) -> None:
    expected = ANSWERS[name]
    assert isinstance(expected, Wire)
    response = read_response(wire_bytes(answer(name), expected), method=expected.method)
    judgement = judge(response, sent_body=expected.sent_body)
    assert (expected.verdict, expected.threats) == (judgement.verdict, judgement.threats), judgement
    assert expected.decided_by == next(iter(judgement.decided_by), ""), judgement
    assert expected.words in judgement.reason


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - set(_ICAP)))
def test_what_is_not_icap_raises_a_typed_error(name: str) -> None:
    with pytest.raises(ProtocolError):
        read_response(answer(name))
