"""What can go wrong on the way to a ticket, sorted by what may be done about it."""

from __future__ import annotations


class AttachError(Exception):
    """It can't be done; the message says why and what to do. Nothing in it is secret."""


class NotSentError(AttachError):
    """The request was certainly not received: there was no connection to send it on. It may be tried again."""


class AnswerLostError(AttachError):
    """The request was sent, wholly or in part, and nobody knows what became of it."""


class UnreadableError(AnswerLostError):
    """The request was accepted, and what the server says of it can't be read: never send it again."""
