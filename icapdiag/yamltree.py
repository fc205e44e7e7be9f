"""YAML as a tree of texts with line and column, built from parser events.

Nothing is resolved: a scalar stays the text that was written, and the schema converts it. So YAML 1.1 can't turn ``no``
into false or ``1:20`` into 80 behind the user's back, and no date, float or object is ever constructed. Events arrive
one by one, so nesting is bounded here; aliases are refused, so the tree is never larger than the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct, field

from icapdiag.mistakes import FileError, Located, Path, Problems, shown, visible
from icapdiag.model import JSONValue

DEPTH = 32  # our own files need 4; Avi's objects stay under 16
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?")
_DIGITS = 64  # of a number; longer ones are text
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKETS = re.compile(r"\[[0-9A-Fa-f.%]{0,40}+:[0-9A-Fa-f:.%]{0,60}+\](:[0-9]{1,5})?")


class Node(Struct):
    """A place in a file (1-based). ``problem`` says why the node can't be used, None if it can."""

    line: int
    column: int
    problem: str | None = None

    def get(self, name: str) -> Node | None:
        """The value of the first entry of that name; None if there is none, or if this is not a mapping."""
        return None


class Scalar(Node):
    """One text. ``plain``: written without quotes (in JSON: a number, true, false or null)."""

    text: str = ""
    plain: bool = False


class ListNode(Node):
    """A sequence."""

    items: list[Node] = field(default_factory=list)


class MapNode(Node):
    """A mapping, with its keys in the order of the file, duplicates and all."""

    entries: list[tuple[Node, Node]] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Scalar, Node]]:
        """The entries that count: keys that are texts, the first of each name."""
        seen: set[str] = set()
        for key, value in self.entries:
            if isinstance(key, Scalar) and key.problem is None and key.text not in seen:
                seen.add(key.text)
                yield key, value

    def find(self, name: str) -> tuple[Scalar, Node] | None:
        """The first entry of that name."""
        return next((pair for pair in self.pairs() if pair[0].text == name), None)

    def get(self, name: str) -> Node | None:
        found = self.find(name)
        return found[1] if found else None

    def text(self, name: str) -> str:
        """The value's text; "" if it is absent, null or no text."""
        value = self.get(name)
        return value.text if isinstance(value, Scalar) and not is_null(value) else ""

    def keys(self) -> set[str]:
        """The names of all entries that count."""
        return {key.text for key, _ in self.pairs()}


def is_null(node: Node) -> bool:
    """Whether YAML 1.1 (or JSON) reads the scalar as "no value"."""
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS


def core_value(node: Node) -> JSONValue:
    """What the tree means in the core schema of YAML 1.2, without its exotic numbers; refused nodes are None.

    ``no``, ``on``, ``1:20``, ``0123`` and dates stay the text that the author wrote.
    """
    if isinstance(node, Scalar) and node.problem is None:
        return _core_scalar(node.text) if node.plain else node.text
    if isinstance(node, ListNode):
        return [core_value(item) for item in node.items]
    if isinstance(node, MapNode):
        return {key.text: core_value(value) for key, value in node.pairs()}
    return None


def places(node: Node, where: str = "") -> dict[str, tuple[int, int]]:
    """Line and column of every key and element by its path: ``match[0].status|contains`` has those of the key."""
    found = {where: (node.line, node.column)}
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            found |= places(item, f"{where}[{index}]")
    elif isinstance(node, MapNode):
        for key, value in node.pairs():
            inner = f"{where}.{key.text}" if where else key.text
            found |= {**places(value, inner), inner: (key.line, key.column)}
    return found


def _core_scalar(text: str) -> str | int | float | bool | None:
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    number = _NUMBER.fullmatch(text)
    if number is None or len(text) > _DIGITS:
        return text
    return int(text) if number[1] is None and text.lstrip("+-").isdigit() else float(text)


def kind(node: Node) -> str:
    """What the node is, in words for a message."""
    if isinstance(node, ListNode):
        return "a list"
    return "a mapping (key: value)" if isinstance(node, MapNode) else "a single value"


def read_yaml(text: str, file: str, *, subject: str = "a pool file", first_line: int = 1) -> Node | None:
    """The one document in ``text``, which begins at ``first_line`` of ``file``; None if there is none.

    Raises `FileError` for text that is not YAML, is nested too deep or holds several documents. Anchors, aliases
    and tags are kept as the ``problem`` of their node; `report` lists them. ``subject`` names the kind of file.
    """
    documents = _read(_Reader(text, file, subject, first_line - 1))
    return documents[0] if documents else None


def read_yaml_documents(text: str, file: str, *, subject: str) -> list[Node]:
    """Like `read_yaml` for a text that may hold several documents, as Kubernetes' files do; empty ones are left out."""
    return _read(_Reader(text, file, subject, 0, several=True))


def _read(reader: _Reader) -> list[Node]:
    try:
        return reader.documents()
    except yaml.MarkedYAMLError as error:
        raise reader.syntax_error(error) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # pure Python PyYAML: the numbers of %YAML and of "\U…" go unchecked into int() and chr()
        raise reader.fatal(f"not YAML: {shown(str(error))}") from None


class _Reader:
    """Turns the events of a text into nodes; ``offset`` lines of the file stand before it."""

    def __init__(self, text: str, file: str, subject: str, offset: int, *, several: bool = False) -> None:
        self._text = text
        self._several = several
        self._file = visible(file)
        self._subject = subject
        self._offset = offset
        self._events: Iterator[Any] = yaml.parse(text, Loader=LOADER)

    def documents(self) -> list[Node]:
        roots: list[Node] = []
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event, 0)
                if not (self._several and is_null(root)):
                    roots.append(root)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1 and not self._several:
                    cure = "delete from the line '---' on"
                    raise self.fatal(f"a second document: {self._subject} holds one; {cure}", *_place(event))
        return roots

    def _node(self, event: Any, depth: int) -> Node:
        line, column = _place(event)
        place = (line + self._offset + 1, column + 1, self._refusal(event))
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(*place, event.value, not event.style)  # libyaml says "", Python None
        if isinstance(event, yaml.AliasEvent):
            return Node(*place)
        if depth == DEPTH:  # stop at once: the parser's time grows with the square of the depth
            raise self._too_deep(line, column)
        inner: list[Node] = []
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            inner.append(self._node(event, depth + 1))
        if isinstance(event, yaml.SequenceEndEvent):
            return ListNode(*place, inner)
        return MapNode(*place, list(zip(inner[::2], inner[1::2], strict=True)))

    def syntax_error(self, error: yaml.MarkedYAMLError) -> FileError:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        lines = self._text.splitlines()
        written = lines[line] if line < len(lines) else ""
        message = f"not YAML: {error.problem or error.context}"
        address = _BRACKETS.search(written)
        if "nesting depth" in message:  # PyYAML's own limit, since 6.0.4, is met before ours in "[[[["
            return self._too_deep(line, column)
        if address:
            message += f'; write an address in brackets in quotes: "{address[0]}"'
        elif "\t" in written[: column + 1]:
            message += "; indent with spaces, not with tabs"
        elif "mapping values" in message:
            message += "; is there a space after each key's ':', and are the keys of one mapping equally indented?"
        elif error.context:
            begin = error.context_mark
            that = f" that begins in line {begin.line + self._offset + 1}" if begin else ""
            message += f" ({error.context}{that})"
        return self.fatal(message, line, column)

    def fatal(self, message: str, line: int | None = None, column: int = 0) -> FileError:
        """The error for a text that can't be read any further; the place is PyYAML's, from 0."""
        at = (None, None) if line is None else (line + self._offset + 1, column + 1)
        return FileError([Located(file=self._file, line=at[0], column=at[1], message=message)])

    def _too_deep(self, line: int, column: int) -> FileError:
        return self.fatal(f"nested deeper than {DEPTH} levels: {self._subject} needs four", line, column)

    def _refusal(self, event: Any) -> str | None:
        """Why the node of this event is refused: alias, anchor or tag."""
        if event.anchor is None and event.tag is None:
            return None
        if isinstance(event, yaml.AliasEvent):
            name = _word(str(event.anchor))
            return f"alias *{name}: {self._subject} has no anchors and aliases; write the value out"
        if event.anchor is not None:
            return f"anchor &{_word(event.anchor)}: {self._subject} has no anchors and aliases; remove it"
        return f"tag {shown(event.tag)}: {self._subject} has no tags; remove it, and write text in quotes"


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line, mark.column) if mark else (0, 0)


def _word(anchor: str) -> str:
    return anchor if len(anchor) <= 40 and anchor.isprintable() else shown(anchor)


def _half_character(text: str) -> str | None:
    """A lone surrogate, written as an escape: no text can hold it, and no file or wire can carry it."""
    found = None if text.isascii() else _SURROGATE.search(text)
    return f"{shown(text)} holds half a character, {found[0]!r}: remove it" if found else None


def report(node: Node, path: Path, problems: Problems) -> None:
    """List what the tree itself has against it: refused nodes, and keys that are doubled, merged or no text."""
    if isinstance(node, Scalar) and node.problem is None:
        node.problem = _half_character(node.text)
    if node.problem is not None:
        problems.add(node, path, node.problem)
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            report(item, (*path, index), problems)
    elif isinstance(node, MapNode):
        _report_keys(node, path, problems)
        for key, value in node.entries:
            report(value, (*path, key.text if isinstance(key, Scalar) else "?"), problems)


def _report_keys(node: MapNode, path: Path, problems: Problems) -> None:
    first: dict[str, int] = {}
    for key, _ in node.entries:
        if isinstance(key, Scalar) and key.problem is None:
            key.problem = _half_character(key.text)
        if key.problem is not None:
            problems.add(key, path, key.problem)
        elif not isinstance(key, Scalar):
            problems.add(key, path, f"a key must be a word, not {kind(key)}; perhaps '{{' or '[' needs quotes")
            key.problem = "not a word"
        elif key.text == "<<" and key.plain:
            problems.add(key, (*path, key.text), "merge keys are not used here: write the keys out")
            key.problem = "merge key"
        elif key.text in first:
            problems.add(key, (*path, key.text), f"written twice; the first is in line {first[key.text]}: delete one")
        else:
            first[key.text] = key.line
