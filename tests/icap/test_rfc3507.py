"""RFC 3507's ten example messages, in both directions."""

from __future__ import annotations

import pytest

from icapdiag.icap.message import Request
from icapdiag.icap.request import encode_request, encode_response
from icapdiag.icap.server import RequestReader
from tests.icap.feeding import pieces, read, read_response
from tests.icap.rfc3507 import OFFSETS, REQUESTS, RESPONSES

METHODS = {name: data.split(b" ", 1)[0].decode() for name, data in REQUESTS.items()}
BODIES = {
    "example 2": b"I am posting this information.  ICAP powered!",
    "example 3": b"Sorry, you are not allowed to access that naughty content.",
    "example 4": b"This is data that was returned by an origin server, but with\r\nvalue added by an ICAP server.",
}


def read_request(parts: list[bytes]) -> Request:
    reader = RequestReader()
    found = None
    for part in parts:
        reader.feed(part)
        found = found or reader.next_request()
    assert found is not None
    assert reader.next_request() is None
    return found


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_read_as_the_rfc_prints_them(name: str) -> None:
    request = read_request([REQUESTS[name]])

    assert METHODS[name] == request.method
    assert OFFSETS[name][0] == request.headers.get("Encapsulated")
    assert request.deviations == ()


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_read_the_same_at_every_split(name: str) -> None:
    data = REQUESTS[name]
    whole = read_request([data])

    assert whole == read_request(list(pieces(data, 1)))
    for at in range(1, len(data)):
        assert whole == read_request([data[:at], data[at:]])


@pytest.mark.parametrize("name", REQUESTS)
def test_our_requests_have_the_offsets_of_the_rfc(name: str) -> None:
    request = read_request([REQUESTS[name]])

    written = encode_request(
        request.method,
        request.uri,
        [field for field in request.headers if field[0] != "Encapsulated"],
        http_request=request.http_request.raw if request.http_request else None,
        http_response=request.http_response.raw if request.http_response else None,
        body=request.body if request.body_name not in {None, "null-body"} else None,
    )

    if name == "example 5":  # the RFC's own example lacks what its 4.4.1 demands; ours has it
        assert REQUESTS[name].replace(b"\r\n\r\n", b"\r\nEncapsulated: null-body=0\r\n\r\n") == written.first
    else:
        assert REQUESTS[name] == written.first


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_are_read_as_the_rfc_prints_them(name: str) -> None:
    response = read_response(RESPONSES[name], method=METHODS[name])

    assert (response.status, response.reason, response.complete, response.deviations) == (200, "OK", True, ())
    assert OFFSETS[name][1] == response.headers.get("Encapsulated")
    assert BODIES.get(name, b"") == response.body
    assert len(RESPONSES[name]) == response.size


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_read_the_same_at_every_split(name: str) -> None:
    data = RESPONSES[name]
    whole = read([data], method=METHODS[name])

    assert whole == read(pieces(data, 1), method=METHODS[name])
    for at in range(1, len(data)):
        assert whole == read([data[:at], data[at:]], method=METHODS[name])


@pytest.mark.parametrize("name", [name for name in RESPONSES if name != "example 5"])
def test_our_responses_have_the_offsets_of_the_rfc(name: str) -> None:
    response = read_response(RESPONSES[name])

    written = encode_response(
        response.status,
        response.reason,
        response.headers,
        http_request=response.http_request.raw if response.http_request else None,
        http_response=response.http_response.raw if response.http_response else None,
        body=response.body if response.body_name != "null-body" else None,
    )

    assert RESPONSES[name] == written


def test_an_options_answer_is_written_as_given() -> None:
    response = read_response(RESPONSES["example 5"], method="OPTIONS")

    assert RESPONSES["example 5"] == encode_response(200, "OK", response.headers)
