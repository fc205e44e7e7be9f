"""Which Controller is asked, and whose certificates prove that it is the right one."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct


class ControllerError(Exception):
    """Nothing can be asked of this Controller; the message says why, and contains no secret."""


class Address(Struct, frozen=True):
    """Where the Controller is."""

    host: str
    port: int = 443

    @property
    def origin(self) -> str:
        """Scheme, host, and the port if it is not the default."""
        return f"https://{self}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host + ("" if self.port == 443 else f":{self.port}")


def parse_address(text: str) -> Address:
    """The address in ``HOST``, ``HOST:PORT`` or ``https://HOST``. Raises `ControllerError`."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() == "http":
        raise ControllerError(f"{text!r}: http would send the password in clear text: give HOST[:PORT], asked by https")
    rest = rest.rstrip("/") if separator else text
    try:
        if rest.count(":") > 1 and "[" not in rest:  # a bare IPv6 address
            rest = f"[{rest}]"
        parts = urlsplit(f"https://{rest}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit("https://"), None
    extra = parts.path or parts.query or parts.fragment or "@" in rest
    known = scheme.lower() == "https" if separator else True
    if extra or not known or not parts.hostname or not text.isascii() or not text.isprintable() or " " in text:
        raise ControllerError(f"{text!r} is not the address of a Controller: give HOST or HOST:PORT")
    return Address(parts.hostname, 443 if port is None else port)


def trusted(ca_file: Path | None) -> str | bool:
    """The certificates of CAs to trust, as a file or a folder: those given, or the system's. Raises `ControllerError`.

    True: those that the SDK brings, where the system has none.
    """
    if ca_file is None:
        paths = ssl.get_default_verify_paths()
        return paths.cafile or paths.capath or True
    try:
        ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError:
        raise ControllerError(f"{str(ca_file)!r} is not a file of CA certificates in PEM form") from None
    except OSError as error:
        raise ControllerError(f"can't read {str(ca_file)!r}: {error.strerror or error}") from None
    return str(ca_file)
