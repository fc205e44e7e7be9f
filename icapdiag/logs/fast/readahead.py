"""Reading ahead in a thread, so that inflating a file overlaps decoding it."""

from __future__ import annotations

import threading
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self

from icapdiag.logs.fast.sink import BLOCK, ReadInto

_AHEAD = 4  # blocks


class ReadAhead:
    """A context manager around a ``readinto``: its own ``readinto`` takes from what a thread has read.

    Errors of the reader come out of ``readinto`` when it gets there. Memory: `_AHEAD` blocks.
    """

    def __init__(self, source: ReadInto) -> None:
        self._source = source
        self._full: Queue[tuple[bytearray, int] | BaseException] = Queue(_AHEAD)
        self._free: Queue[bytearray] = Queue()
        for _ in range(_AHEAD):
            self._free.put(bytearray(BLOCK))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="read-ahead", daemon=True)
        self._block: memoryview | None = None
        self._left = memoryview(b"")
        self._ended: BaseException | bool = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=1.0)

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer; the number of bytes, 0 at the end. Raises what the source raised."""
        if not self._left and not self._next():
            return 0
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _next(self) -> bool:
        if self._block is not None:
            block, self._block, self._left = self._block.obj, None, memoryview(b"")
            self._free.put(block)  # type: ignore[arg-type]  # a bytearray of ours
        if isinstance(self._ended, BaseException):
            raise self._ended
        if self._ended:
            return False
        item = self._full.get()
        if isinstance(item, BaseException):
            self._ended = item
            raise item
        block, count = item
        if not count:
            self._ended = True
            return False
        self._block = memoryview(block)
        self._left = self._block[:count]
        return True

    def _pump(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    block = self._free.get(timeout=0.1)
                except Empty:
                    continue
                count = self._source(memoryview(block))
                self._hand((block, count))
                if not count:
                    return
        except BaseException as error:  # noqa: BLE001 - of the thread; raised again where it is waited for
            self._hand(error)

    def _hand(self, item: tuple[bytearray, int] | BaseException) -> None:
        while not self._stop.is_set():
            try:
                self._full.put(item, timeout=0.1)
            except Full:
                continue
            return
