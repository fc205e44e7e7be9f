"""The front matters of a folder as one JSON file, which a wheel carries: no YAML is read at start-up then.

Each is found by the hash of its whole file. So an index that was made of other files has nothing to say about
those beside it, and what it has nothing to say about is read as YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from icapdiag.runbook.source import Front, Source

FILE = "index.json"


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    """``checksum`` is the SHA-256 of ``fronts``, which has the front matter of each file by the SHA-256 of that."""

    checksum: str
    fronts: msgspec.Raw


def runbook_files(folder: Path) -> list[Path]:
    """The runbooks' files in their order. Raises OSError."""
    return sorted(file for file in folder.iterdir() if file.suffix == ".md" and file.name.lower() != "readme.md")


def build_index(folder: Path) -> bytes:
    """The index of a folder's files. Raises OSError, and `FileError` for one that is not a runbook."""
    texts = {file: file.read_bytes() for file in runbook_files(folder)}
    fronts = msgspec.json.encode(
        {sha256(text).hexdigest(): Source(text.decode(), str(file)).rule for file, text in texts.items()}
    )
    return msgspec.json.encode(_Index(sha256(fronts).hexdigest(), msgspec.Raw(fronts)))


def read_index(folder: Path) -> Mapping[str, Front]:
    """The front matters by the SHA-256 of their files; none where the index is missing or damaged."""
    try:
        index = msgspec.json.decode((folder / FILE).read_bytes(), type=_Index)
        if sha256(index.fronts).hexdigest() != index.checksum:
            return {}
        return msgspec.json.decode(index.fronts, type=dict[str, dict[str, Any]])
    except (OSError, msgspec.MsgspecError):
        return {}
