"""The release of Avi that a file was exported of, or that it is to be applied with."""

from __future__ import annotations

import re

from icapdiag.avi.config.objects import section
from icapdiag.yamltree import Node, Scalar

_VERSION = re.compile(r"[1-9][0-9]\.[0-9]{1,2}(?:\.[0-9]{1,3})?")  # as it begins: 22.1.3, 30.2.1-2p1
# Where a file as a whole says it: an avi_config export, Terraform's configuration in JSON, terraform show -json.
_PLACES = (
    ("META", "version", "Version"),
    ("provider", "avi", "avi_version"),
    ("configuration", "provider_config", "avi", "expressions", "avi_version", "constant_value"),
)
_OF_TASK = (("api_version",), ("avi_credentials", "api_version"))  # of Ansible's modules, beside the object's fields


def version_of(root: Node) -> str:
    """The version that a file is of; "" if it does not say."""
    return _first(root, _PLACES)


def task_version(node: Node) -> str:
    """The version of the API that an Ansible task applies an object with; "" if it does not say, or by a variable."""
    return _first(node, _OF_TASK)


def _first(node: Node, places: tuple[tuple[str, ...], ...]) -> str:
    for *inner, last in places:
        at: Node | None = node
        for key in inner:
            at = section(at, key) if at is not None else None
        value = at.get(last) if at is not None else None
        found = _VERSION.match(value.text) if isinstance(value, Scalar) else None
        if found:
            return found[0]
    return ""


def is_before(version: str, release: tuple[int, ...]) -> bool:
    """Whether a version such as ``22.1.3`` is before a release; False if there is none."""
    numbers = tuple(int(each) for each in version.split("."))[: len(release)] if version else ()
    return bool(numbers) and numbers < release[: len(numbers)]
