"""The pool file of a saved report: what was in force, in our own format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from icapdiag.model import Facts, JSONValue
from icapdiag.text import visible

_PROFILE = (
    "name", "description", "service_uri", "vendor", "enable_preview", "preview_size", "allow_204", "response_timeout",
    "slow_response_warning_threshold", "buffer_size", "buffer_size_exceed_action", "fail_action", "pool_group_ref",
    "cloud_ref", "tenant_ref", "default_port",
)  # fmt: skip
_UNITS = {"preview_size": "bytes", "buffer_size": "KB", "response_timeout": "ms",
          "slow_response_warning_threshold": "ms"}  # fmt: skip
_MEMBER = ("host", "port", "name")
_TLS = ("verify", "server_name")
_FILES = ("ca_file", "cert_file")
_SUPPRESSION = ("finding", "member", "reason", "owner", "until")


def pool_yaml(configuration: Facts) -> str:
    """A text that the pool reader takes, if the configuration is one that it gave; "" if there is none.

    TLS files stand in comments: they are not at hand where this is read.
    """
    members = configuration.get("members")
    if not isinstance(members, list | tuple) or not members:
        return ""
    lines = ["# The pool as it was in force, with all defaults. Files of TLS settings are not part of this."]
    lines += _scalars(configuration, ("pool",), "")
    profile = configuration.get("profile")
    if isinstance(profile, Mapping):
        lines += ["profile:", *_scalars(profile, _PROFILE, "  ")]
    samples = configuration.get("samples")
    if isinstance(samples, list | tuple):
        lines.append(f"samples: [{', '.join(_value(sample) for sample in samples if isinstance(sample, str))}]")
    lines += [*_scalars(configuration, ("compare",), ""), "members:"]
    lines += [line for member in members if isinstance(member, Mapping) for line in _member(member)]
    suppressions = configuration.get("suppressions")
    if isinstance(suppressions, list | tuple) and suppressions:
        lines.append("suppressions:")
        lines += [f"  - {_flow(each, _SUPPRESSION)}" for each in suppressions if isinstance(each, Mapping)]
    return "\n".join(lines) + "\n"


def _member(member: Facts) -> Iterator[str]:
    fields = _fields(member, _MEMBER)
    if member.get("enabled") is False:
        fields.append("enabled: false")
    tls = member.get("tls")
    if isinstance(tls, Mapping):
        fields.append(f"tls: {_flow(tls, _TLS)}")
        for name in _FILES:
            file = tls.get(name)
            if isinstance(file, str) and file:
                yield f"  # {name}: {visible(file)}"
    yield f"  - {{{', '.join(fields)}}}"


def _scalars(facts: Facts, names: tuple[str, ...], indent: str) -> list[str]:
    lines = []
    for field in _fields(facts, names):
        unit = _UNITS.get(field.partition(":")[0])
        lines.append(f"{indent}{field}{f'  # {unit}' if unit else ''}")
    return lines


def _flow(facts: Facts, names: tuple[str, ...]) -> str:
    return f"{{{', '.join(_fields(facts, names))}}}"


def _fields(facts: Facts, names: tuple[str, ...]) -> list[str]:
    """What is there, and not empty."""
    return [
        f"{name}: {_value(facts[name])}"
        for name in names
        if isinstance(facts.get(name), str | int | float) and facts[name] != ""
    ]


def _value(value: JSONValue) -> str:
    """A JSON string is a YAML string; bare, a name may be a number."""
    return json.dumps(value, ensure_ascii=True)
