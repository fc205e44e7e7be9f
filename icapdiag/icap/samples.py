"""Bodies that probes send, and how the lab knows them again.

The EICAR test string is built when asked for: it stands whole in no file, not even in a
``.pyc`` (CPython folds ``b".." + b".."`` into one constant; it does not fold a reversal of
a name, nor ``bytes.fromhex``). It is never written to disk.
"""

from __future__ import annotations

CLEAN = b"icapdiag: a harmless line of text that any scanner should let through.\n"

_REVERSED = "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"


def eicar() -> bytes:
    """The 68 bytes of the EICAR anti-virus test file (eicar.org)."""
    return "".join(reversed(_REVERSED)).encode("ascii")
