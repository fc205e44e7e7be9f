"""A pool that an Avi export describes, as the text of a pool file: what was assumed of it stands there as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from icapdiag.mistakes import visible
from icapdiag.pool.model import DEFAULT_PORT, TLS, Member, Pool, Profile
from icapdiag.pool.scalars import yaml_reading
from icapdiag.pool.schema import AviProfile

_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9./_-]*(?::\d+)?")
_ITS_OWN = ("name", "description", "service_uri", "pool_group_ref", "cloud_ref", "tenant_ref")
_DEFAULTS = Profile(service_uri="/")
_UNITS = {"preview_size": "bytes", "buffer_size": "KB", "response_timeout": "ms",
          "slow_response_warning_threshold": "ms"}  # fmt: skip


class Written(NamedTuple):
    """The text of a pool file, and the certificates of authorities that it names, by file name."""

    text: str
    authorities: dict[str, str]


def written(pool: Pool, stem: str, origin: str) -> Written:
    """The pool file. ``stem``: its name without suffix; ``origin``: what it is made of, in words."""
    files: dict[str, str] = {}  # by what is in them
    for member in pool.members:
        pem = member.tls.ca_pem if member.tls else ""
        if pem and pem not in files:
            files[pem] = f"{stem}-ca{f'-{len(files) + 1}' if files else ''}.pem"
    text = "\n".join(_lines(pool, files, origin)) + "\n"
    return Written(text, {file: pem.rstrip("\n") + "\n" for pem, file in files.items()})


def quoted(value: str) -> str:
    """A plain scalar where YAML reads it as that text, a quoted one elsewhere."""
    return value if _PLAIN.fullmatch(value) and yaml_reading(value) is None else json.dumps(value, ensure_ascii=False)


def _lines(pool: Pool, files: dict[str, str], origin: str) -> Iterator[str]:
    yield _comment(f"Made of {origin}.")
    for note in pool.notes:
        yield _comment(note if note.endswith(".") else f"{note}.")
    yield f"pool: {quoted(pool.name)}"
    yield from _profile(pool)
    yield "members:"
    for member in pool.members:
        for assumption in _assumptions(member):
            yield "  " + _comment(f"{member.name}: {assumption}")
        yield f"  - {_member(member, files)}"


def _comment(text: str) -> str:
    return f"# {visible(text)}"


def _profile(pool: Pool) -> Iterator[str]:
    """All settings: an export states them, Avi's defaults where nothing is written."""
    profile = pool.profile
    yield "profile:"
    yield f"  service_uri: {quoted(profile.service_uri)}"
    if pool.stated <= {"service_uri"}:
        yield "  " + _comment("The export has no ICAP profile: all other settings are assumed to be Avi's defaults.")
        return
    if profile.name:
        yield f"  name: {quoted(profile.name)}"
    for name in AviProfile.__struct_fields__:
        if name not in _ITS_OWN:
            value = getattr(profile, name)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            notes = [_UNITS[name]] if name in _UNITS else []
            notes += ["Avi's default"] if value == getattr(_DEFAULTS, name) else []
            yield f"  {name}: {text}" + (f"  # {'; '.join(notes)}" if notes else "")


def _assumptions(member: Member) -> Iterator[str]:
    """What an export does not say, or a pool file can't."""
    if member.port == 80:
        yield f"port 80 is Avi's default where a pool sets none; ICAP servers usually listen on {DEFAULT_PORT}"
    if not member.enabled:
        yield "not in use: the server or its pool is disabled, or its ratio in the pool group is 0"
    tls = member.tls
    if tls is None:
        return
    if not tls.verify:
        yield f"the certificate is not checked: {tls.unverified}"
    if not tls.sni_known:
        yield "the pool has no server_name, so Avi's SNI is the Host of the client's request; here it is server_name"
    if tls.verify and not tls.names:
        yield "Avi does not check the name in the certificate (host_check_enabled); here it must be for server_name"
    elif tls.verify and tls.names is not None and len(tls.names) > 1:
        yield f"Avi takes a certificate for any of {', '.join(tls.names)}; here it must be for server_name"


def _member(member: Member, files: dict[str, str]) -> str:
    host = f"[{member.host}]" if ":" in member.host else member.host
    if member.enabled and member.tls is None:
        return quoted(f"{host}:{member.port}")
    parts = [f"host: {quoted(member.host)}", f"port: {member.port}"]
    parts += [] if member.enabled else ["enabled: false"]
    parts += [f"tls: {_tls(member.tls, files)}"] if member.tls is not None else []
    return f"{{{', '.join(parts)}}}"


def _tls(tls: TLS, files: dict[str, str]) -> str:
    parts = [] if tls.verify else ["verify: false"]
    name = tls.server_name or next(iter(tls.names or ()), "")
    parts += [f"server_name: {quoted(name)}"] if name else []
    parts += [f"ca_file: {quoted(files[tls.ca_pem])}"] if tls.ca_pem else []
    return f"{{{', '.join(parts)}}}"
