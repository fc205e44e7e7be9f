"""``tls:`` of a pool or of one member, and the files it names."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from icapdiag.pool.model import TLS
from icapdiag.pool.nodes import MapNode, Node, Scalar, is_null
from icapdiag.pool.problems import bare, shown
from icapdiag.pool.scalars import to_bool, to_text
from icapdiag.pool.schema import FILE_NAME, TLSFile, validate

if TYPE_CHECKING:
    from icapdiag.pool.problems import Path, Problems

FILES = ("ca_file", "cert_file", "key_file")


def read_tls(node: Node, path: Path, default: TLS | None, directory: FilePath, problems: Problems) -> TLS | None:
    """The setting: None for ``false``; ``default`` for ``true``; a mapping changes single values of the default.

    ``directory`` is what relative file names start from.
    """
    base = default or TLS()
    if node.problem is not None:
        return default
    if isinstance(node, Scalar):
        return _switch(node, path, base, problems)
    setting = validate(TLSFile, node, path, problems)
    for name in FILES:
        _check_file(_value(node, name), (*path, name), directory, problems)
    if setting is None:
        return base
    given = {name: getattr(setting, name) for name in setting.model_fields_set}
    given |= {name: directory / given[name] for name in FILES if given.get(name)}
    result = replace(base, **given)
    if result.key_file and not result.cert_file:
        problems.add(_value(node, "key_file"), (*path, "key_file"), "a key without a certificate: write cert_file too")
    return result


def _switch(node: Scalar, path: Path, base: TLS, problems: Problems) -> TLS | None:
    try:
        return base if to_bool(node) else None
    except ValueError:
        what = "has no value" if is_null(node) or not node.text else f"{bare(node.text)} is no TLS setting"
        problems.add(node, path, f"{what}: write true, false, or {{ca_file: …, server_name: …}}")
        return base


def _value(node: Node, name: str) -> Node | None:
    return node.get(name) if isinstance(node, MapNode) else None


def _check_file(node: Node | None, path: Path, directory: FilePath, problems: Problems) -> None:
    if node is None or node.problem is not None:
        return
    try:
        file = directory / to_text(node, limit=FILE_NAME)
    except ValueError:
        return  # no text, and noted already
    wrong = _unusable(file)
    if wrong:
        problems.add(node, path, f"{shown(str(file))} {wrong}")


def _unusable(file: FilePath) -> str | None:
    """What is wrong with a file that TLS will have to read, None if nothing."""
    try:
        if file.is_dir():
            return "is a directory: name a PEM file"
        if not file.exists():
            return "does not exist: file names are relative to the pool file"
        return None if os.access(file, os.R_OK) else "can't be read by this user"
    except (OSError, ValueError) as error:
        return f"can't be looked up: {getattr(error, 'strerror', None) or error}"
