"""A TLS server that refuses a client without a certificate, and says so in an alert.

By hand, since `trio.SSLStream` ends a failed handshake without sending the alert that OpenSSL has
made for it, and a server in the field sends it.
"""

from __future__ import annotations

import ssl

from icapdiag.lab.connection import Connection


async def refuse_without_certificate(connection: Connection, context: ssl.SSLContext) -> None:
    """Shake hands until OpenSSL gives up, pass its alert on, and close.

    ``context`` must demand a certificate of its client (``CERT_REQUIRED``). With TLS 1.3 the client
    has finished by then, and meets the alert when it reads (RFC 8446, 4.4.2.4 and 6.2).
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_side=True)
    waiting = True
    while waiting:
        try:
            session.do_handshake()
            waiting = False
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            waiting = False
        await connection.send(outgoing.read())
        if waiting:
            data = await connection.receive()
            waiting = bool(data)
            incoming.write(data)
    await connection.finish()
