"""A damaged JSON object, read as far as possible; every fix is recorded with its place.

The scanner keeps its own stack (at most `DEPTH` levels), never goes back and never raises. Members that were complete
are kept; where a bracket is missing, the record ends no later than where the next one begins.
"""

from __future__ import annotations

import re

from msgspec import Struct

from icapdiag.doubled import Members
from icapdiag.logs.damage.runs import WINDOW, sound_members
from icapdiag.logs.damage.tokens import OPENERS, QUOTE, STRAIGHT, SURROGATE, Words, sanitise

DEPTH = 200  # levels of brackets; what is nested deeper is left out

_RUN_DEPTH = DEPTH - 100  # levels; a run of sound members may have as many more
_SMALL_WINDOW = 256  # characters: where damage is close together, looking far ahead would not pay
_PAUSE = 512  # characters at most between two looks for a run
_SHOWN = 8  # brackets
_GLANCE = 200  # characters after which even nothing is a result: nobody shall look at them again

_BARE_KEY = re.compile(rf"([A-Za-z_][\w.-]{{0,60}}){QUOTE}?\s*:")
_KEY = re.compile(rf"{QUOTE}?([A-Za-z_][\w.-]{{0,60}}){QUOTE}\s*:")
_KEY_AHEAD = re.compile(rf"\s*{_KEY.pattern}|\s*[}}\]]")
_GARBAGE = re.compile(rf"[^{OPENERS}{{}}\[\],\r\n]+")
_STRAY = re.compile(rf"[^\s\w{OPENERS}{{}}\[\],-]{{1,2}}[ \t]*(?=[{{\[{OPENERS}])")  # before a value
_STRAY_COLON = re.compile(rf"[^\s{OPENERS}{{}}\[\],:]{{1,2}}\s*:")
_ELISION = re.compile(r"[.…·*_~\s-]+")
_NESTED = re.compile(r"\"(?:[^\"\\]++|\\.?)*+(?:\"|\Z)|[{}\[\]]", re.DOTALL)
HEADER_TEXTS = ("icap_headers_sent_to_server", "icap_headers_received_from_server")


class Found(Struct, frozen=True, kw_only=True):
    """A piece of a text from index ``start`` to ``end``.

    With a ``value`` it is a record; with a ``reason`` one that can't be read (``skip``: that is no
    application log); with neither it counts for nothing, and its ``repairs`` (what, index) say what
    was left out, at most 20. ``open_end``: the text was over before the record was.
    """

    start: int
    end: int
    value: dict[str, object] | None = None
    reason: str = ""
    skip: bool = False
    repairs: tuple[tuple[str, int], ...] = ()
    open_end: bool = False
    doubled: bool = False  # a key is twice in one of its objects, of a damaged record
    page: tuple[tuple[str, str], ...] | None = None  # members of an API response beside its results, as JSON


class _Frame(Struct):
    container: Members | list[object]
    key: str = ""  # of this container in the one around it
    has_value: bool = False  # a value stands last: a comma or the closing bracket comes next
    comma: int = -1  # index of a comma after which nothing came yet


def salvage_object(text: str, start: int) -> Found | None:
    """The object that begins with the ``{`` at ``start``; None if nothing of it is JSON."""
    return _Salvager(text, start, bare=False).run()


def read_members(text: str, start: int) -> Found | None:
    """Members without braces from ``start`` on, up to the first thing that is none or a key that comes twice."""
    return _Salvager(text, start, bare=True).run()


def named(brackets: str) -> str:
    """Brackets that were missing, in words where there are many."""
    return brackets if len(brackets) <= _SHOWN else f"{len(brackets)} closing brackets"


class _Salvager(Words):
    def __init__(self, text: str, start: int, *, bare: bool) -> None:
        super().__init__(text)
        self._start = start
        self._bare = bare
        self._at = start if bare else start + 1
        self._root = Members()
        self._objects = [self._root]
        self._frames = [_Frame(self._root)]
        self._line_start = self.starts_line(start)
        self._open_end = False
        self._behind = start  # the end of the last word read
        self._column = start - (text.rfind("\n", 0, start) + 1)
        self._slow_until = start  # no run of sound members begins before this index
        self._window = WINDOW  # in which runs are looked for
        self._pause = 0  # characters in which none is looked for, longer each time that there was none

    def run(self) -> Found | None:
        while self._frames:
            before = self._behind = self._at
            self._at = at = self.blank(before)
            frame = self._frames[-1]
            container = frame.container
            if at >= len(self.text):
                self._ended()
            else:
                new_line = at > before and "\n" in self.text[before:at]
                if isinstance(container, Members):
                    self._in_object(self.text[at], frame, container, new_line=new_line)
                else:
                    self._in_array(self.text[at], frame, container, new_line=new_line)
            if self.cut and self._frames:
                self._ended()
        if not self._root and not self._open_end and self._at - self._start < _GLANCE:
            return None
        if SURROGATE.search(self.text, self._start, self._at):
            sanitise(self._root)
        return Found(
            start=self._start,
            end=self._at,
            value=self._root,
            repairs=tuple(self.repairs),
            open_end=self._open_end,
            doubled=any(members.earlier for members in self._objects),
        )

    def _in_object(self, char: str, frame: _Frame, members: Members, *, new_line: bool) -> None:
        if char == "}":
            self._close(frame, "}")
        elif char == ",":
            self._comma(frame)
        elif char == "]":
            self._wrong_bracket("]", list)
        elif char == "{" or (frame.has_value and new_line and self._begins_again()):
            self._finish()  # the next record
        elif char in OPENERS:
            if not self._sound_members(char, frame, members):
                self._quoted_member(frame, members)
        elif found := _BARE_KEY.match(self.text, self._at):
            self.note("a key without its quotes was read", self._at)
            self._value(frame, members, found[1], found.end())
        else:
            self._garbage(new_line=new_line)

    def _sound_members(self, char: str, frame: _Frame, members: Members) -> bool:
        """Take all members up to the next damage at once, if there are some; see `sound_members`."""
        at = self._at
        if char != STRAIGHT or frame.has_value or at < self._slow_until or len(self._frames) > _RUN_DEPTH:
            return False
        run = sound_members(self.text, at, self._window)
        known = self._bare and len(self._frames) == 1 and run.members and not members.keys().isdisjoint(run.members)
        if not run.members or known:
            self._slow_until = max(run.end, at + 1, at + self._pause)
            self._pause = min(2 * self._pause + 16, _PAUSE)
            self._window = _SMALL_WINDOW
            return False
        self._window = WINDOW
        self._pause = 0
        if members.keys().isdisjoint(run.members):
            members.update(run.members)
        else:
            for key, value in run.members.items():
                members.put(key, value)
        self._at = run.end
        frame.has_value = run.closed
        frame.comma = -1 if run.closed else run.end - 1
        return True

    def _quoted_member(self, frame: _Frame, members: Members) -> None:
        if frame.has_value:
            self.note("a missing comma was added", self._at)
        start = self._at
        key, at = self.quoted(start)
        if self.cut:
            self.cut = "a key"
            self._at = len(self.text)
            return
        at = self.blank(at)
        if self.text[at : at + 1] == ":":
            self._value(frame, members, key, at + 1, key_at=start)
        elif at >= len(self.text):
            self.cut = "a key"
            self._at = at
        elif self.text[at] in "{[" and self._root:
            self.note("a missing colon was added", at)
            self._value(frame, members, key, at, key_at=start)
        elif colon := _STRAY_COLON.match(self.text, at):
            self.note("text that is not JSON was left out", at)
            self._value(frame, members, key, colon.end(), key_at=start)
        elif self.text[at] in ",}":
            self.note("a key without a value was left out", start)
            self._at = at
            frame.has_value = True
        elif len(self._frames) == 1 and not self._root:  # not JSON at all
            self._at = at
            self._frames.clear()
        else:
            self.note("text that is not a key and value was left out", start)
            self._at = at
            frame.has_value = True

    def _value(self, frame: _Frame, members: Members, key: str, at: int, *, key_at: int | None = None) -> None:
        if self._bare and len(self._frames) == 1 and key in self._root:
            self._at = self._at if key_at is None else key_at
            self._finish()
            return
        at = self.blank(at)
        if stray := _STRAY.match(self.text, at):
            self.note("text that is not JSON was left out", at)
            at = stray.end()
        self._at = at
        frame.comma = -1
        if at >= len(self.text):
            self.cut = "a member"
            return
        char = self.text[at]
        if char in "{[":
            frame.has_value = True
            self._push(char, key)
        elif char in OPENERS:
            text, self._at = self.quoted(at)
            if self.cut:
                text = text[: text.rfind("\n") + 1] if key in HEADER_TEXTS else ""
            if not self.cut or text:
                members.put(key, text)
            frame.has_value = True
        elif char in ",}]":
            self.note("a key without a value was left out", at)
            frame.has_value = True
        else:
            value, self._at, known = self.scalar(at)
            if known and not self.cut:
                members.put(key, value)
            elif not self.cut:
                self.note("a value that can't be read was left out", at)
            frame.has_value = True
            self._at = max(self._at, at)

    def _in_array(self, char: str, frame: _Frame, container: list[object], *, new_line: bool) -> None:
        if char == "]":
            self._close(frame, "]")
        elif char == ",":
            self._comma(frame)
        elif char == "}":
            self._wrong_bracket("}", dict)
        elif char == ":" and container and isinstance(container[-1], str) and frame.has_value:
            self._key_in_array(container)
        elif char == "{" and frame.has_value and new_line and self._is_next_record():
            self._finish()
        else:
            if frame.has_value and char in "{[" + OPENERS:
                self.note("a missing comma was added", self._at)
            self._element(char, frame, container, new_line=new_line)

    def _key_in_array(self, container: list[object]) -> None:
        """``["a", "b": 1}``: the array ended before its last text, which is a key of the object around it."""
        self.note("a missing ] was added", self._at)
        self._frames.pop()
        outer = self._frames[-1]
        if isinstance(outer.container, Members):
            self._value(outer, outer.container, str(container.pop()), self._at + 1)
        else:
            self._at += 1

    def _element(self, char: str, frame: _Frame, container: list[object], *, new_line: bool) -> None:
        frame.comma = -1
        if char in "{[":
            frame.has_value = True
            self._push(char, "")
        elif char in OPENERS:
            text, self._at = self.quoted(self._at)
            if not self.cut:
                container.append(text)
            frame.has_value = True
        else:
            value, at, known = self.scalar(self._at)
            if known and not frame.has_value:
                self._at = at
                if not self.cut:
                    container.append(value)
                frame.has_value = True
            elif not self.cut:
                self._garbage(new_line=new_line)

    def _comma(self, frame: _Frame) -> None:
        if not frame.has_value:
            self.note("an extra comma was left out", self._at)
        frame.has_value = False
        frame.comma = self._at
        self._at += 1

    def _close(self, frame: _Frame, bracket: str) -> None:
        if frame.comma >= 0:
            self.note(f"a comma before {bracket} was left out", frame.comma)
        self._frames.pop()
        self._at += 1

    def _wrong_bracket(self, bracket: str, wanted: type) -> None:
        """A closing bracket of the other kind: close up to the frame that it fits, or the record if none does."""
        if any(isinstance(frame.container, wanted) for frame in self._frames):
            frame = self._frames.pop()
            self.note(f"a missing {'}' if isinstance(frame.container, dict) else ']'} was added", self._at)
        else:
            self._finish()

    def _push(self, char: str, key: str) -> None:
        if len(self._frames) >= DEPTH:
            self.note(f"data nested deeper than {DEPTH} levels was left out", self._at)
            self._at = self._skip_nested(self._at)
            return
        container: Members | list[object] = []
        if char == "{":
            container = Members()
            self._objects.append(container)
        outer = self._frames[-1].container
        if isinstance(outer, Members):
            outer.put(key, container)
        else:
            outer.append(container)
        self._frames.append(_Frame(container, key))
        self._at += 1

    def _skip_nested(self, at: int) -> int:
        depth = 0
        for found in _NESTED.finditer(self.text, at):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
            if depth == 0:
                return found.end()
        self.cut = "a value"
        return len(self.text)

    def _begins_again(self) -> bool:
        """Without a comma, on a new line: a member that this record has already is the next one's."""
        found = _KEY.match(self.text, self._at)
        return len(self._frames) == 1 and found is not None and found[1] in self._root

    def _is_next_record(self) -> bool:
        column = self._at - (self.text.rfind("\n", 0, self._at) + 1)
        return self._line_start and self.starts_line(self._at) and column <= self._column

    def _garbage(self, *, new_line: bool) -> None:
        """Skip text that is not JSON if the line continues after it; else the record ends here."""
        found = _GARBAGE.match(self.text, self._at)
        rubbish = found[0] if found else self.text[self._at]
        behind = self._at + len(rubbish)
        following = self.text[behind : behind + 1]
        first = len(self._frames) == 1 and not self._root
        if following == "{":
            ends = True
        elif _ELISION.fullmatch(rubbish) and not first:
            ends = False
        elif new_line or first:  # prose begins so; a key behind one or two strange characters does not
            key = _KEY.match(self.text, behind)
            ends = len(rubbish) > 2 or first > (key is not None) or (key is not None and key[1] in self._root)
        else:
            ends = following in {"", "\r", "\n"} and not _KEY_AHEAD.match(self.text, behind)
        if ends:
            self._finish()
            return
        self.note("text that is not JSON was left out", self._at)
        self._at = behind
        if following == ",":
            self._frames[-1].has_value = True

    def _ended(self) -> None:
        """The text is over: what was begun and holds nothing goes, the rest stays."""
        frame = self._frames[-1]
        self._open_end = True
        if self.cut:
            self._at = len(self.text)
            self.note(f"cut off inside {self.cut}, which was left out", self._at)
        elif not frame.has_value and (len(self._frames) > 1 or not self._bare):
            self.cut = "the record"
        if missing := self._missing():
            self.note(f"missing {missing} added at the end", self._behind)
        while self.cut and len(self._frames) > 1 and not self._frames[-1].container:
            empty = self._frames.pop()
            outer = self._frames[-1].container
            if isinstance(outer, Members):
                outer.pop(empty.key, None)
            else:
                outer.pop()
        self._frames.clear()

    def _finish(self) -> None:
        """The record ends before the current character."""
        if missing := self._missing():
            self.note(f"missing {missing} added", self._behind)
        self._frames.clear()

    def _missing(self) -> str:
        frames = self._frames[1:] if self._bare else self._frames
        return named("".join("}" if isinstance(frame.container, dict) else "]" for frame in reversed(frames)))
