"""Whether a service_uri is the path of a service for requests: host and port come from the pool."""

from __future__ import annotations

import re

from icapdiag.avi.config.objects import AviObject
from icapdiag.avi.config.template import is_unresolved

FIELD = "service_uri"
_URL = re.compile(r"[a-z]{2,10}://|//", re.IGNORECASE)
# Of OPSWAT and Symantec; of McAfee, FortiSandbox and F-Secure; of Kaspersky. Their paths for requests have other names.
_RESPONSES = re.compile(
    r"/?(?:OMSScanResp-AV|SYMCScanResp-AV|(?:av/)?respmod|resp)/?(?:\?.*)?",
    re.IGNORECASE,
)


def uri_problem(profile: AviObject) -> str | None:
    """What is wrong with it: ``missing``, ``url``, ``space``, ``responses``; None if nothing is, or it is not visible.

    An object that has none of what an ICAP profile must have is only a part of one.
    """
    text = profile.node.text(FIELD)
    if not text.strip():
        return "missing" if profile.node.get("pool_group_ref") is not None else None
    if is_unresolved(text):
        return None
    if _URL.match(text):
        return "url"
    if any(each.isspace() for each in text):
        return "space"
    return "responses" if _RESPONSES.fullmatch(text) else None
