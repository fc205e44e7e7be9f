"""Build hook: the wheel carries an index of the runbooks' front matters, so that its commands read no YAML at start."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RunbookIndex(BuildHookInterface[Any]):
    """Writes ``icapdiag/runbooks/index.json`` of the runbooks that go into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the index of this very checkout, and have it included. An editable install reads the checkout."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from icapdiag.runbook.index import FILE, build_index  # noqa: PLC0415 - of the checkout that is built

        self._folder = tempfile.TemporaryDirectory()
        index = Path(self._folder.name) / FILE
        index.write_bytes(build_index(Path(self.root) / "runbooks"))
        build_data["force_include"][str(index)] = f"icapdiag/runbooks/{FILE}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the wheel holds now."""
        if version != "editable":
            self._folder.cleanup()
