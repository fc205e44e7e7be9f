"""The pool as it was in force and the options of the run, as the report has them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from icapdiag.model import Facts, JSONValue

if TYPE_CHECKING:
    from icapdiag.pool import TLS, Pool
    from icapdiag.probe import Probe, Settings


def configuration(pool: Pool, settings: Settings, probes: tuple[Probe, ...]) -> Facts:
    """All values with Avi's names and units, the options with those of `Settings`. Keys are left out."""
    from icapdiag.probe.running.catalogue import chosen_names  # noqa: PLC0415 - see check

    chosen = chosen_names(probes)
    members: list[JSONValue] = [
        {
            "host": member.host,
            "port": member.port,
            "name": member.name,
            "enabled": member.enabled,
            "tls": None if member.tls is None else _tls(member.tls),
        }
        for member in pool.members
    ]
    options = asdict(settings)
    return {
        "pool": pool.name,
        "source": pool.source,
        "profile": asdict(pool.profile),
        "samples": list(pool.samples),
        "compare": pool.compare,
        "members": members,
        "suppressions": [
            {
                "finding": each.finding,
                **({} if each.member == "*" else {"member": each.member}),
                "reason": each.reason,
                "owner": each.owner,
                "until": each.until.isoformat(),
            }
            for each in pool.suppressions
        ],
        "options": {
            "probes": [probe.name for probe in probes if probe.name in chosen],
            **{name: list(value) if isinstance(value, tuple) else value for name, value in options.items()},
        },
    }


def _tls(tls: TLS) -> Facts:
    files = {"ca_file": tls.ca_file, "cert_file": tls.cert_file}
    return {
        "verify": tls.verify,
        "server_name": tls.server_name,
        **{name: None if file is None else str(file) for name, file in files.items()},
    }
