"""An external health monitor for Avi, from a pool: one script for all members, which must be spoken to in one way."""

from __future__ import annotations

from msgspec.structs import replace

from icapdiag import __version__
from icapdiag.api.se_script import ScriptError, authorities_of, target_of
from icapdiag.pool import TLS, Member, Pool
from icapdiag.probe.probes.dns import is_literal
from icapdiag.script.monitoring import Monitor
from icapdiag.script.plan import plan_of

_LISTED = 8


def avi_monitor(
    pool: Pool,
    *,
    member: str | None = None,
    eicar: bool = False,
    options: bool = True,
    receive_timeout: int = 4,
    send_interval: int = 10,
) -> Monitor:
    """The monitor for the enabled members, or for those that are spoken to as ``member`` is. Times in seconds.

    The samples of the pool do not count: a monitor sends EICAR day and night, so that must be asked for.
    Raises `ScriptError`, and OSError for a CA file that can't be read.
    """
    if receive_timeout >= send_interval:
        raise ScriptError(
            f"the receive timeout ({receive_timeout} s) must be less than the send interval ({send_interval} s)"
        )
    chosen = _chosen(pool, member)
    tls = chosen.tls or TLS()
    if tls.cert_file is not None:
        reason = "its key would have to be in Avi's configuration"
        raise ScriptError(f"{chosen.name} has a client certificate, which a monitor can't send: {reason}")
    target = target_of(chosen, "")
    plan = plan_of(
        pool,
        [],
        version=__version__,
        eicar=eicar,
        correlation_id="",
        connect=receive_timeout,
        timeout=receive_timeout,
    )
    return Monitor(
        plan=plan,
        target=target,
        own_address=_own_address(chosen),
        authorities=authorities_of(tls),
        options=options,
        receive_timeout=receive_timeout,
        send_interval=send_interval,
    )


def _chosen(pool: Pool, name: str | None) -> Member:
    """The member whose TLS settings hold for all. Raises `ScriptError` where they differ, and none is named."""
    if name is not None:
        named = [member for member in pool.members if member.name == name]
        if not named:
            known = ", ".join(member.name for member in pool.members[:_LISTED])
            raise ScriptError(f"this pool has no member {name!r}; it has {known}")
        return named[0]
    enabled = [member for member in pool.members if member.enabled]
    if not enabled:
        raise ScriptError("no member of this pool is enabled")
    first = enabled[0]
    others = [member.name for member in enabled if _way(member) != _way(first)]
    if others:
        more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
        different = f"the TLS settings of {', '.join(others[:_LISTED])}{more} differ from those of {first.name}"
        raise ScriptError(
            f"{different}, and a monitor treats all servers of a pool in the same way: choose with --member NAME"
        )
    return first


def _way(member: Member) -> object:
    """How a member is spoken to, without its address."""
    return replace(target_of(member, ""), member="", host="", port=1, names=()), _names(member), member.tls


def _names(member: Member) -> tuple[str, ...]:
    return () if _own_address(member) else target_of(member, "").names


def _own_address(member: Member) -> bool:
    """Whether the certificate must be for the address of the server: no name is given for it."""
    tls = member.tls
    return tls is not None and tls.names is None and not tls.server_name and is_literal(member.host)
