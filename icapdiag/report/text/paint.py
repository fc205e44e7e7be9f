"""Colour for terminals: an extra, never the only carrier of a meaning."""

from __future__ import annotations

_SGR = {
    "critical": "1;31",
    "warning": "33",
    "unknown": "35",
    "ok": "32",
    "info": "36",
    "disabled": "2",
    "bold": "1",
    "dim": "2",
}


class Paint:
    """Wraps text in SGR sequences, or leaves it alone when ``color`` is off."""

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, kind: str, text: str) -> str:
        """``text`` as ``kind``: a severity, a health, ``bold`` or ``dim``. Unknown kinds stay plain."""
        code = _SGR.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code and text else text
