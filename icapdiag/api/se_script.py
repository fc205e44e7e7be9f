"""The script for a Service Engine, from a pool. Names are resolved here: a shell there may not know them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from icapdiag import __version__
from icapdiag.pool import TLS, Member, Pool
from icapdiag.probe.host import addresses_of
from icapdiag.probe.probes.dns import is_literal
from icapdiag.script.plan import Target, plan_of
from icapdiag.script.writing import is_namespace, script

_MOST_ADDRESSES = 8  # of a name, as in a check


class ScriptError(ValueError):
    """There can't be such a script; the message says why."""


def se_script(
    pool: Pool, *, netns: str = "", eicar: bool = False, connect_timeout: float = 5.0, timeout: float = 10.0
) -> str:
    """A bash script that asks the enabled members. Times in seconds; ``netns``: the network namespace to run in.

    The only traffic is that of looking up names. Raises `ScriptError`, and OSError for a CA file that can't be read.
    """
    if netns and not is_namespace(netns):
        raise ScriptError(f"{netns!r} is not the name of a network namespace, such as avi_ns1")
    members = [member for member in pool.members if member.enabled]
    if not members:
        raise ScriptError("no member of this pool is enabled")
    pairs = [(member, target) for member in members for target in _targets(member)]
    plan = plan_of(
        pool,
        [target for _, target in pairs],
        version=__version__,
        eicar=eicar or "eicar" in pool.samples,
        correlation_id=f"icapdiag-{secrets.token_hex(8)}",
        connect=connect_timeout,
        timeout=timeout,
    )
    authorities = {
        number: text for number, (member, _) in enumerate(pairs) if (text := authorities_of(member.tls or TLS()))
    }
    return script(plan, netns=netns, authorities=authorities)


def _targets(member: Member) -> Iterator[Target]:
    addresses: Sequence[str] = (member.host,) if is_literal(member.host) else addresses_of(member.host)
    for address in addresses[:_MOST_ADDRESSES] or ("",):
        yield target_of(member, address)


def target_of(member: Member, address: str) -> Target:
    """How to speak to a member at this address; "": it is not known."""
    tls = member.tls or TLS()
    name = tls.server_name or member.host
    return Target(
        member=member.name,
        host=member.host,
        port=member.port,
        address=address,
        tls=member.tls is not None,
        server_name=name if member.tls and tls.sni and not is_literal(name) else "",
        names=() if member.tls is None else (name,) if tls.names is None else tls.names,
        verify=tls.verify,
    )


def authorities_of(tls: TLS) -> str:
    """The certificates in PEM that are trusted; "": those of the system. Raises OSError."""
    return tls.ca_pem or ("" if tls.ca_file is None else tls.ca_file.read_text("utf-8", "replace"))
