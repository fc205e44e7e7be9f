"""What stands in a transcript in the place of what may not."""

from __future__ import annotations

import hashlib

from icapdiag.icap.samples import EICAR_SIZE, eicar

EICAR_MARK = f"[EICAR test file: {EICAR_SIZE} bytes, SHA-256 {hashlib.sha256(eicar()).hexdigest()}]"
