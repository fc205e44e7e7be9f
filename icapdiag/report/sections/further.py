"""Where a finding's whole runbook is to be read: the command to paste."""

from __future__ import annotations

import shlex

from icapdiag.report.untyped import Finding, JSONValue
from icapdiag.text import visible


def show_command(finding: Finding, service_uri: JSONValue, room: int) -> str:
    """``icapdiag runbooks show ID``, with the first member as an ICAP URL where a probe met it.

    The URL fills in the runbook's commands. It is left out where the whole is longer than ``room``
    characters: a command that is broken over two lines can't be pasted.
    """
    short = f"icapdiag runbooks show {visible(finding.id)}"
    url = _url(finding, service_uri)
    filled = f"{short} --member {shlex.quote(url)}"
    return filled if url and len(filled) <= room else short


def _url(finding: Finding, service_uri: JSONValue) -> str:
    facts = finding.evidence[0] if finding.evidence else {}
    host, port = facts.get("host"), facts.get("port")
    if facts.get("source") != "probe" or not isinstance(host, str) or not isinstance(port, int):
        return ""
    scheme = "icaps" if facts.get("tls") is True else "icap"
    path = service_uri if isinstance(service_uri, str) else ""
    return visible(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}")
