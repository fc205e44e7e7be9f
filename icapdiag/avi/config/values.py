"""Values of an object as facts: written or Avi's default, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from icapdiag.avi.config.ako import refused_shape
from icapdiag.avi.config.objects import AKO, AviObject
from icapdiag.avi.config.schema import (
    BOOLEAN,
    INTEGER,
    FieldSchema,
    as_flag,
    as_integer,
    field_schema,
    nearest_field,
    schema_of,
)
from icapdiag.avi.config.template import is_partial, is_unresolved
from icapdiag.facts.config import ObjectSheet, Setting, SettingSheet
from icapdiag.facts.sheet import facts_of
from icapdiag.yamltree import ListNode, MapNode, Node, Scalar, is_null, kind

S = TypeVar("S", bound=ObjectSheet)

TEXT = 1000  # characters of one value
_BASE = frozenset(fact.name for fact in facts_of(ObjectSheet))


class Part(NamedTuple):
    """An object, or a mapping within it, with the schema's name for it and its path in the object."""

    kind: str
    node: MapNode
    path: str = ""

    def at(self, field: str) -> str:
        """The path of a field."""
        return f"{self.path}.{field}" if self.path else field


class Elsewhere(NamedTuple):
    """Another object that a value stands in: its kind for people, its name, and its file."""

    kind: str
    name: str
    file: str


class Values:
    """Reads the facts of one object, and notes where each stands."""

    def __init__(self, found: AviObject, part: Part | None = None) -> None:
        self._found = found
        self._part = part or Part(found.kind, found.node)
        self._settings: list[Setting] = []
        self._stated: list[str] = []
        self._misspelt: dict[str, set[str]] = {}  # fields that a misspelt one is likely for, by path

    def read(
        self, field: str, wanted: type, *, fact: str = "", part: Part | None = None, within: Elsewhere | None = None
    ) -> Any:
        """The field's value, or Avi's default, as ``wanted``: str, int or bool. None if it is of another type.

        ``fact`` is the name of the fact where that is another. ``part``: where it is read, if not in the object itself;
        ``within``: the object that this stands in, if it is another one.
        """
        part = part or self._part
        schema = field_schema(part.kind, field)
        default = schema.default if schema else ""
        node = part.node.get(field)
        written = node if isinstance(node, Scalar) and node.text and not is_null(node) else None
        if written is None and self._is_elsewhere(part, field):
            return None
        text = default if written is None else written.text
        value: Any = text[:TEXT] or None
        if is_unresolved(text):
            value = None
        elif wanted is int:
            value = as_integer(text) if text else None if schema and schema.low and 0 not in schema.special else 0
        elif wanted is bool:
            value = as_flag(text) if text else False
        if written is not None:
            self._stated.append(field)
        if value is not None or written is not None:
            shown = str(value).lower() if isinstance(value, bool) else str(text if value is None else value)
            place, default_taken = written or part.node, written is None
            self.note(fact or field, part.at(field), place, shown, is_default=default_taken, of=part, within=within)
        return value

    def _is_elsewhere(self, part: Part, field: str) -> bool:
        """Whether nothing is written that is to be: of a part of an object, or of a name that is misspelt."""
        if part.node is self._found.node and is_partial(self._found):
            return True
        if part.path not in self._misspelt:
            present = part.node.keys()
            self._misspelt[part.path] = {nearest_field(part.kind, key, present) for key in present} - {""}
        return field in self._misspelt[part.path]

    def note(
        self,
        fact: str,
        path: str,
        place: Node,
        value: str = "",
        *,
        is_default: bool = False,
        of: Part | None = None,
        within: Elsewhere | None = None,
    ) -> None:
        """Say where a fact comes from: the field of that path, at ``place``. ``of``: the part whose schema has it.

        ``within``: the object that has the field, if it is another one. An empty ``fact``: the value is only worth
        showing.
        """
        schema = field_schema(of.kind, path.rpartition(".")[2]) if of else None
        self._settings.append(
            Setting(
                fact=fact or None,
                field=path,
                value=value[:TEXT] or None,
                is_default=is_default,
                default=(schema.default or None) if schema else None,
                allowed=(schema.allowed or None) if schema else None,
                unit=(schema.unit or None) if schema else None,
                line=place.line,
                column=place.column,
                object=within.kind if within else None,
                object_name=within.name[:TEXT] if within else None,
                file=within.file if within else None,
            )
        )

    def sheet(self, cls: type[S], kind: str, name: str, **derived: Any) -> S:
        """The sheet: facts that are not in ``derived`` are fields of the same name."""
        for fact in facts_of(cls):
            if fact.name not in _BASE and fact.name not in derived:
                derived[fact.name] = self.read(fact.key, fact.type)
        return cls(
            object=kind,
            object_name=name[:TEXT],
            file=self._found.file,
            line=self._part.node.line,
            column=self._part.node.column,
            avi_version=self._found.version or None,
            stated=tuple(dict.fromkeys(self._stated)) or None,
            settings=tuple(self._settings) or None,
            **derived,
        )


def refused_values(found: AviObject, kind_word: str) -> Iterator[SettingSheet]:
    """Every value in the object that Avi's API, or AKO, does not take, and each field that is likely misspelt."""
    if found.kind in AKO and (shape := refused_shape(found)):
        field, node, allowed = shape
        values, text = Values(found), kind(node)
        values.note("setting_problem", field, node)
        yield values.sheet(
            SettingSheet,
            kind_word,
            found.name,
            field=field,
            setting_value=text,
            setting_problem="type",
            nearest_field=None,
            allowed=allowed,
        )
    yield from _refused(found, kind_word, Part(found.kind, found.node))


def _refused(found: AviObject, kind_word: str, part: Part) -> Iterator[SettingSheet]:
    present = part.node.keys()
    for key, value in part.node.pairs():
        schema = field_schema(part.kind, key.text)
        if schema is None:
            if nearest := nearest_field(part.kind, key.text, present):
                yield _refusal(found, kind_word, part, key.text, part.at(key.text), value, "field", nearest)
            continue
        if is_null(value):
            continue
        nested = bool(schema_of(schema.type))
        listed = isinstance(value, ListNode)
        for index, item in enumerate(value.items if isinstance(value, ListNode) else [value]):
            path = f"{part.at(key.text)}[{index}]" if listed else part.at(key.text)
            if nested and isinstance(item, MapNode):
                yield from _refused(found, kind_word, Part(schema.type, item, path))
            elif problem := _problem(schema, item, nested=nested):
                yield _refusal(found, kind_word, Part(part.kind, part.node, part.path), key.text, path, item, problem)


def _problem(schema: FieldSchema, item: Node, *, nested: bool) -> str:
    """What is wrong with a value, as far as the schema is known: of most objects only the names are."""
    if not isinstance(item, Scalar):
        return "type" if schema.type in {INTEGER, BOOLEAN} else ""
    if not item.text or is_null(item) or is_unresolved(item.text):
        return ""
    return "type" if nested else schema.problem(item.text)


def _refusal(
    found: AviObject, kind_word: str, part: Part, field: str, path: str, item: Node, problem: str, nearest: str = ""
) -> SettingSheet:
    values = Values(found, part)
    schema = field_schema(part.kind, field)
    text = item.text if isinstance(item, Scalar) else kind(item)
    values.note("setting_problem", path, item, text, of=part)
    return values.sheet(
        SettingSheet,
        kind_word,
        found.name,
        field=path,
        setting_value=text[:TEXT],
        setting_problem=problem,
        nearest_field=nearest or None,
        allowed=((schema.allowed or schema.type) if schema else "") or None,
    )
