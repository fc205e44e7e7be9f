"""The certificate of a connection's peer, also one that was rejected."""

from __future__ import annotations

from datetime import datetime

import trio

from icapdiag.facts.certificate import chain_facts
from icapdiag.facts.tls import TLS
from icapdiag.probe.connection.stream import TimestampedStream


def certificate_facts(stream: trio.SSLStream[TimestampedStream], now: datetime | None = None) -> TLS:
    """Subject, issuer, names, dates and chain of the peer's certificate; empty if it sent none."""
    return chain_facts(_chain(stream), now)


def _chain(stream: trio.SSLStream[TimestampedStream]) -> list[bytes]:
    """DER of the chain as sent, leaf first.

    Python shows more than the leaf only since 3.13 (SSLObject.get_unverified_chain), and trio does not
    pass that on: older versions return only the leaf.
    """
    chain_of = getattr(getattr(stream, "_ssl_object", None), "get_unverified_chain", None)
    if chain_of is not None:
        return [bytes(der) for der in chain_of()]
    leaf = stream.getpeercert(binary_form=True)
    return [leaf] if isinstance(leaf, bytes) else []
