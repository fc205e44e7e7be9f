"""Find the EICAR test string where it must not be: whole, or as hex, Base64 or ROT13.

Scanners quarantine packages that contain it. Run as ``python -m tests.eicar_search FOLDER...``;
compiled files count, since CPython folds ``b".." + b".."`` into one constant.
"""

from __future__ import annotations

import base64
import codecs
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from icapdiag.icap.samples import eicar

_SKIPPED = {".git", ".venv"}


def needles() -> Mapping[str, bytes]:
    """What to look for, by name; all in lower case."""
    whole = eicar()
    forms = {
        "the string": whole,
        # The name in it, which some scanners' rules and readers go by: no two quoted pieces either.
        "its name": whole[whole.index(b"EICAR") : whole.rindex(b"!")],
        "its hex": whole.hex().encode(),
        "its ROT13": codecs.encode(whole.decode(), "rot13").encode(),
    }
    for shift in range(3):
        # The first and the last group of four depend on what stands around the string.
        forms[f"its Base64, shifted by {shift}"] = base64.b64encode(bytes(shift) + whole)[4:-4]
    return {name: needle.lower() for name, needle in forms.items()}


def traces(folder: Path) -> list[str]:
    """``path: what was found`` for each file below ``folder`` that has a trace of it."""
    wanted = needles()
    return [
        f"{path}: {name}"
        for path in _files(folder)
        for content in [path.read_bytes().lower()]
        for name, needle in wanted.items()
        if needle in content
    ]


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


if __name__ == "__main__":
    found = [trace for argument in sys.argv[1:] for trace in traces(Path(argument))]
    sys.exit("\n".join(found) or 0)
