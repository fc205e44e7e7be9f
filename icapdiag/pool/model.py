"""What a pool file says, as frozen values."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from icapdiag.facts.pool import ConfigurationObject
from icapdiag.mistakes import FileError, Located, visible

DEFAULT_PORT = 1344  # RFC 3507 section 4.2
DEFAULT_TLS_PORT = 11344  # what the vendors use for ICAPS; no RFC names one


class TLS(Struct, frozen=True, kw_only=True):
    """How to speak TLS to a member. ``server_name`` None means the member's host.

    ``ca_pem`` are authorities as text, instead of a file. ``names``: a trusted certificate must be for one of these, or
    for any name if there are none; None: for ``server_name``. ``sni`` False: the handshake names no server.
    ``sni_known`` False: a Service Engine sends another name in the handshake, which depends on the client's request;
    ``names_known`` False: it wants that name in the certificate. ``unverified``: why ``verify`` is False.
    Files are absolute or relative to the current directory, and existed when the pool was loaded.
    ``key_file`` None with a ``cert_file`` means that the certificate's file holds the key too.
    """

    verify: bool = True
    ca_file: Path | None = None
    ca_pem: str = ""
    names: tuple[str, ...] | None = None
    sni: bool = True
    sni_known: bool = True
    names_known: bool = True
    unverified: str = "tls.verify: false"
    server_name: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class Member(Struct, frozen=True, kw_only=True):
    """One ICAP server of the pool.

    ``host`` is an IPv4 address, an IPv6 address without brackets (perhaps with ``%zone``)
    or a DNS name in ASCII. ``line`` is the 1-based line of the pool file, None for URLs.
    """

    host: str
    port: int
    name: str
    enabled: bool = True
    tls: TLS | None = None
    line: int | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """Avi's ICAP profile: Avi's names, units, defaults and ranges.

    Sizes: ``preview_size`` bytes (0-5000), ``buffer_size`` KB (1-51200).
    Times in ms (50-3600000): ``response_timeout``, ``slow_response_warning_threshold``.
    """

    service_uri: str  # path and query; begins with "/"
    name: str = ""
    description: str = ""
    vendor: str = "ICAP_VENDOR_OPSWAT"
    enable_preview: bool = True
    preview_size: int = 5000
    allow_204: bool = True
    response_timeout: int = 60_000
    slow_response_warning_threshold: int = 10_000
    buffer_size: int = 51_200
    buffer_size_exceed_action: str = "ICAP_FAIL_OPEN"
    fail_action: str = "ICAP_FAIL_OPEN"
    pool_group_ref: str = ""
    cloud_ref: str = ""
    tenant_ref: str = ""
    default_port: int = DEFAULT_PORT


class Suppression(Struct, frozen=True, kw_only=True):
    """A finding that is known and accepted, at members of this name, up to and with the day ``until`` (UTC).

    ``member`` may have ``*`` (any text) and ``?`` (any character); letter case does not matter. ``index`` counts
    the suppressions of the file from 0; ``line`` and ``column``, from 1, are those of the finding's name.
    """

    finding: str  # id of a runbook, or an alias
    reason: str
    owner: str
    until: date
    member: str = "*"
    index: int = 0
    line: int | None = None
    column: int | None = None

    def covers(self, member: str) -> bool:
        """Whether a member's name is meant; "" stands for what is about the pool as a whole."""
        pattern = self.member.lower().replace("[", "[[]")  # brackets are those of an IPv6 address
        return fnmatchcase(member.lower(), pattern)


class Pool(Struct, frozen=True, kw_only=True):
    """The members to look at and the profile in force.

    ``source`` is the file as it was given, or "command line". ``notes`` are sentences that
    the reader of a report must know, such as a server that stands in two Avi pools.
    ``stated`` are the settings of the profile that the source gives; the others are Avi's defaults, and assumed.
    ``objects`` is what an Avi export says beside that.
    ``compare``: the members are meant to be identical, so what differs between them is worth a word.
    """

    name: str
    profile: Profile
    members: tuple[Member, ...]
    samples: tuple[str, ...] = ("clean",)
    source: str = ""
    notes: tuple[str, ...] = ()
    compare: bool = True
    suppressions: tuple[Suppression, ...] = ()
    stated: frozenset[str] = frozenset({"service_uri"})
    objects: tuple[ConfigurationObject, ...] = ()


class PoolError(FileError):
    """A pool that can't be used: every mistake found, in the order of the file."""


def fatal(file: str, message: str, line: int | None = None, column: int | None = None) -> PoolError:
    """The error for a file that can't be read any further."""
    return PoolError([Located(file=visible(file), line=line, column=column, message=message)])


def endpoint(host: str, port: int) -> str:
    """``host:port``, or ``[host]:port`` for an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
