"""Values that a tool puts in later: what stands in the file is not what Avi gets."""

from __future__ import annotations

import re

from icapdiag.avi.config.objects import AviObject

# Ansible and Helm: {{ name }}, {% … %}; Terraform: ${var.name}, %{ if … }; a plan that does not know it yet.
_MARKS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|[$%]\{[^}]*\}", re.DOTALL)
_REQUIRED = {"IcapProfile": ("pool_group_ref", "service_uri")}


def is_unresolved(text: str) -> bool:
    """Whether a text is a template, or has one in it."""
    return _MARKS.search(text) is not None


def is_partial(found: AviObject) -> bool:
    """Whether an object has none of the fields that it must have: what else it has is not visible, either."""
    required = _REQUIRED.get(found.kind, ())
    return bool(required) and not any(found.node.find(each) for each in required)
