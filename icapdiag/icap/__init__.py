"""RFC 3507 (ICAP) without I/O: requests out, answers in, and what the answers mean.

Nothing here knows a socket, a clock or the rest of the program. A reader takes bytes split anywhere. What the RFC
forbids and can still be read becomes a `Deviation`; what can't be read ends as a `ProtocolError`.
"""
