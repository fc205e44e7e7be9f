"""A DNS message from a capture: which name was asked for, and which addresses were given (RFC 1035)."""

from __future__ import annotations


def addresses_in(data: bytes) -> tuple[str, list[str]] | None:
    """The name in the question, and the addresses that the answer leads to; None for anything else. Raises nothing."""
    from dns.exception import DNSException  # noqa: PLC0415 - few captures need it
    from dns.message import QueryMessage, from_wire  # noqa: PLC0415

    try:
        message = from_wire(data, ignore_trailing=True)
        if not isinstance(message, QueryMessage) or not message.question:
            return None
        answer = message.resolve_chaining().answer
    except (DNSException, ValueError):
        return None
    name = message.question[0].name.to_text(omit_final_dot=True)
    return name, [record.address for record in answer or () if hasattr(record, "address")]  # A and AAAA
