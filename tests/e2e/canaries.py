"""Canaries in every place that a site fills in, and a loopback server that says them."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import dns.message
import dns.rcode
import trio

from icapdiag.lab.certificates import new_authority
from icapdiag.report.redact.known import vocabulary
from tests.probe.resolvers import dns_server, records

LETTERS = "bcdfghjklmnpqrstvwxz"


class Canaries:
    """One word for each place: no other text has it."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}  # by place

    def at(self, place: str) -> str:
        digest = hashlib.sha256(place.encode()).digest()
        word = "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:9])
        if len(self.planted) % 2:
            word = f"{word[:5].capitalize()}{digest[9] % 10}{word[5:]}"
        assert word.lower() not in vocabulary()
        return self.planted.setdefault(place, word)

    def found_in(self, data: bytes | str) -> list[str]:
        """The places whose canaries are in it, in whatever letter case."""
        text = (data.decode("utf-8", "replace") if isinstance(data, bytes) else data).lower()
        return [place for place, word in self.planted.items() if word.lower() in text]


class Site:
    """The site's files, written to ``folder``, and what its servers say."""

    def __init__(self, folder: Path) -> None:
        self.canaries = Canaries()
        self.folder = folder / self.canaries.at("folder of the pool file")
        self.folder.mkdir()
        at = self.canaries.at
        self.server_name = f"{at('TLS server name')}.example.test"
        self.host = f"{at('host name')}.{at('domain')}.test"
        authority = new_authority(f"{at('issuer of the certificate')} CA")
        self.ca_file = self.folder / f"{at('CA file')}.pem"
        self.ca_file.write_bytes(authority.pem())
        pem = authority.issue(self.server_name)
        self.client = self.folder / f"{at('client certificate file')}.pem"
        self.client.write_bytes(authority.issue(f"{at('client certificate')}.test"))
        chain = self.folder / "server.pem"
        chain.write_bytes(pem)
        stranger = new_authority(f"{at('issuer that nobody trusts')} CA").issue(
            f"{at('subject of a certificate')}.corp"
        )
        strange = self.folder / "stranger.pem"
        strange.write_bytes(stranger)
        self.contexts = []
        for file in (chain, strange):
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(file)
            self.contexts.append(context)
        self.pool = self.folder / f"{at('pool file')}.yaml"
        self.answers = {name: self._answer(name) for name in ("plain", "TLS")}

    def write_pool(self, plain: int, tls: int, stranger: int, noise: int) -> None:
        at = self.canaries.at
        profile = {
            "name": f"icap-{at('profile name')}",
            "description": f"For {at('profile description')}",
            "service_uri": f"/{at('service path')}/scan?customer={at('service query')}",
            "pool_group_ref": f"/api/poolgroup?name={at('pool group')}",
            "cloud_ref": at("cloud"),
            "tenant_ref": at("tenant"),
        }
        files = {"ca_file": self.ca_file.name, "server_name": self.server_name, "cert_file": self.client.name}
        members: list[dict[str, Any]] = [
            {"host": self.host, "port": plain, "name": f"{at('member name')} (dc 1)"},
            {"host": "127.0.0.1", "port": tls, "name": at("member with TLS"), "tls": files},
            {
                "host": "127.0.0.1",
                "port": stranger,
                "name": at("member nobody trusts"),
                "tls": {"server_name": "x.test"},
            },
            {"host": "127.0.0.1", "port": noise, "name": at("member that is none")},
            {"host": f"{at('name that DNS does not have')}.test", "name": at("member that is not there")},
            {"host": "127.0.0.1", "port": 9, "name": at("disabled member"), "enabled": False},
        ]
        suppression = {
            "finding": "not-icap", "member": f"*{at('member of a suppression')}*", "until": "2099-01-01",
            "reason": f"ask {at('reason of a suppression')}", "owner": at("owner of a suppression"),
        }  # fmt: skip
        document = {
            "pool": f"{at('pool name')} production",
            "profile": profile,
            "members": members,
            "suppressions": [suppression],
        }
        self.pool.write_text(json.dumps(document))

    def _answer(self, name: str) -> dict[str, bytes]:
        """By method."""

        def at(place: str) -> str:
            return self.canaries.at(f"{name}: {place}")

        user = base64.b64encode(at("user in base64").encode()).decode()
        common = [
            f"Server: {at('Server')}/4.2 ({at('platform')})",
            f"Via: 1.0 {at('Via')}.corp:1344",
            f"X-Server-Name: {at('X-Server-Name')}",
            f"X-{at('name of a header')}: {at('header of that name')}",
            f"Set-Cookie: session={at('cookie')}",
        ]
        options = [
            "ICAP/1.0 200 OK",
            *common,
            f"Service: {at('Service')} scanner of {at('owner in Service')}",
            f"Service-ID: {at('Service-ID')}",
            f'ISTag: "{at("ISTag")}"',
            f"Opt-body-type: {at('Opt-body-type')}",
            "Methods: REQMOD, RESPMOD",
            "Allow: 204",
            "Encapsulated: null-body=0",
        ]
        page = (
            f"<html><title>{at('title of the page')}</title>File {at('file in the page')}.docx of "
            f"{at('mail address')}@{at('mail domain')}.test at \\\\{at('share')}\\x is blocked.</html>"
        ).encode()
        http = [
            "HTTP/1.1 403 Forbidden",
            f"Server: {at('HTTP Server')}",
            f"Location: https://{at('HTTP host')}.corp/{at('HTTP path')}?u={at('HTTP query')}",
            f"Set-Cookie: sid={at('HTTP cookie')}",
            "Content-Type: text/html",
            f"Content-Length: {len(page)}",
        ]
        head = "\r\n".join([*http, "", ""]).encode("latin-1")
        blocked = [
            "ICAP/1.0 200 OK",
            *common,
            f'ISTag: "{at("ISTag")}"',
            f"X-Infection-Found: Type=0; Resolution=2; Threat={at('threat')};",
            f"X-Virus-ID: {at('virus')}",
            "X-Violations-Found: 1",
            f"\t{at('file that violates')}.zip",
            f"\t{at('threat that violates')}\r\n\t0\r\n\t0",
            f"X-Response-Info: {at('X-Response-Info')}",
            f"X-Response-Desc: {at('X-Response-Desc')} says no to 10.66.77.88",
            "X-Client-IP: 10.66.77.89",
            f"X-Authenticated-User: {user}",
            f"Authorization: Bearer {at('token')}",
            f"Encapsulated: res-hdr=0, res-body={len(head)}",
        ]
        return {
            "OPTIONS": "\r\n".join([*options, "", ""]).encode(),
            "REQMOD": "\r\n".join([*blocked, "", ""]).encode() + head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(page), page),
        }

    def resolve(self, query: dns.message.Message) -> dns.message.Message | None:
        """The one name that there is."""
        if str(query.question[0].name).lower() == f"{self.host}.".lower():
            return records(A=("127.0.0.1",))(query)
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def noise(self) -> bytes:
        """What is neither ICAP nor text."""
        at = self.canaries.at
        wide = at("UTF-16 text").encode("utf-16-le")
        return f"220 {at('greeting of another server')}.corp ESMTP\r\n".encode() + wide + b"\x00\xff\r\n"


@contextmanager
def served(site: Site) -> Iterator[tuple[str, int]]:
    """Serve the site and write its pool file; address and port of its DNS server."""
    ready: Queue[tuple[trio.lowlevel.TrioToken, trio.CancelScope, list[int], int]] = Queue()

    def answering(name: str) -> Any:
        async def answer(stream: trio.abc.Stream) -> None:
            try:
                data = b""
                while b"\r\n\r\n" not in data and len(data) < 100_000:
                    more = await stream.receive_some(65536)
                    if not more:
                        return
                    data += more
                method = data.split(b" ", 1)[0].decode("latin-1")
                await stream.send_all(site.answers[name].get(method, b"ICAP/1.0 405 No\r\n\r\n"))
            except (trio.BrokenResourceError, OSError):
                pass
            finally:
                await trio.aclose_forcefully(stream)

        return answer

    async def noisy(stream: trio.abc.Stream) -> None:
        try:
            await stream.send_all(site.noise())
            await stream.receive_some(4096)
        except trio.BrokenResourceError:
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with (
                trio.open_nursery() as nursery,
                dns_server(site.resolve) as dns_port,
            ):
                ports = []
                for handler, context in (
                    (answering("plain"), None),
                    (answering("TLS"), site.contexts[0]),
                    (answering("TLS"), site.contexts[1]),
                    (noisy, None),
                ):
                    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
                    ports.append(listener.socket.getsockname()[1])
                    one = listener if context is None else trio.SSLListener(listener, context, https_compatible=True)
                    nursery.start_soon(trio.serve_listeners, handler, [one])
                ready.put((trio.lowlevel.current_trio_token(), scope, ports, dns_port))
                await trio.sleep(120)
                nursery.cancel_scope.cancel()

    thread = Thread(target=lambda: trio.run(main), daemon=True)
    thread.start()
    token, scope, ports, dns_port = ready.get(timeout=20)
    site.write_pool(*ports)
    try:
        yield "127.0.0.1", dns_port
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(timeout=20)
