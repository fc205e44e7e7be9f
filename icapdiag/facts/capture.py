"""What a packet capture shows beside what a probe finds out: uploads of others, and how their client asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.sheet import Address, Record, Text, Word, about
from icapdiag.facts.standard import Sample


class Upload(Sample):
    """upload: a request that a capture has, with a body of which nobody says whether it is harmless."""

    client_statuses: Annotated[
        tuple[int, ...] | None,
        about("client got", "HTTP statuses that the clients got for these requests, the most frequent first"),
    ] = None


class SentValue(Record):
    """A value that requests had, and how many of them."""

    value: Annotated[Text | None, about("value", "of a header, or a length; (none): the header was not sent")] = None
    requests: Annotated[int | None, about("requests", "that had it", changes=True)] = None


class Captured(ProbeSheet):
    """capture: how a member's clients ask it, and how connections end."""

    clients: Annotated[tuple[Address, ...] | None, about("clients", "that connected to it, the first 20")] = None
    connections: Annotated[int | None, about("connections", "to it", changes=True)] = None
    connections_reused: Annotated[
        int | None, about("connections reused", "those with more than one request", changes=True)
    ] = None
    requests: Annotated[int | None, about("requests", "of ICAP", changes=True)] = None
    options_requests: Annotated[int | None, about("OPTIONS requests", "of these", changes=True)] = None
    upload_requests: Annotated[int | None, about("uploads", "REQMOD and RESPMOD requests", changes=True)] = None
    continued_requests: Annotated[
        int | None, about("continued", "requests whose rest the server asked for with 100 Continue", changes=True)
    ] = None
    unfinished_requests: Annotated[
        int | None,
        about("unfinished", "requests whose result is not in the capture", changes=True),
    ] = None
    previews_sent: Annotated[tuple[SentValue, ...] | None, about("previews sent", "by their length in bytes")] = None
    allows_sent: Annotated[tuple[SentValue, ...] | None, about("Allow sent", "values of the header Allow")] = None
    connections_sent: Annotated[
        tuple[SentValue, ...] | None, about("Connection sent", "values of the header Connection")
    ] = None
    services_asked: Annotated[tuple[SentValue, ...] | None, about("services asked", "paths of the ICAP URIs")] = None
    first_to_close: Annotated[
        Word | None,
        about("closes first", "who ends connections first, mostly", values=("client", "server")),
    ] = None
    resets_by_server: Annotated[int | None, about("resets by the server", "connections", changes=True)] = None
    resets_by_client: Annotated[int | None, about("resets by the client", "connections", changes=True)] = None
    server_full: Annotated[
        int | None, about("server had no room", "packets in which it closed its receive window", changes=True)
    ] = None
    client_full: Annotated[
        int | None, about("client had no room", "packets in which it closed its receive window", changes=True)
    ] = None
    missing_bytes: Annotated[
        int | None,
        about("not captured", "bytes of the ICAP connections that the capture has not", "bytes", changes=True),
    ] = None
    bytes_that_differ: Annotated[
        int | None, about("differing repeats", "segments that came twice with other bytes", changes=True)
    ] = None
    client_answers: Annotated[
        tuple[SentValue, ...] | None,
        about("clients got", "HTTP statuses that clients got for requests that were scanned there"),
    ] = None


SHEETS: Mapping[str, type[ProbeSheet]] = {"upload": Upload, "capture": Captured}
