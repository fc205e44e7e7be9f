"""Conditions on the fields of a flat record, with the names of Sigma's field modifiers.

``field|modifier|modifier: value or list``: the values of a list are alternatives, or all of them must hold with
``all``; with ``neq`` none of them may be the field's. A field that is itself a list holds when any of its elements
does. Text is compared without regard to case. A field that is absent, null or an empty list matches only ``null``
and ``exists: false``.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from icapdiag.mistakes import suggestion
from icapdiag.model import Facts, JSONValue

if TYPE_CHECKING:
    import re2

Scalar = str | int | float | bool | None

OPERATORS = ("neq", "contains", "startswith", "endswith", "re", "cidr", "gt", "gte", "lt", "lte", "exists")
MODIFIERS = (*OPERATORS, "fieldref", "all")
SEARCHED = 4096  # characters of a field that a regular expression gets to see
_PROGRAM = 3000  # instructions of a compiled expression: the slowest that we found then takes 35 ms for so much text
_INSTEAD = {  # how RE2's message begins, and what to write instead
    "invalid perl operator": "look-around is not supported: put what must not match under 'unless'",
    "invalid escape sequence: \\Z": "write $ for the end of the text",
    "invalid escape sequence: \\1": "there are no back-references: write the alternatives out",
    "bad repetition operator": "write one repeat, as in a+",
    "invalid repetition size": "nested repeats multiply, and may count to 1000",
    "pattern too large": "shorten its counted repeats, as in .{0,80}",
}
EQUALS, UNEQUAL = "equals", "neq"
_ORDER: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
)
_TEXT: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {"contains": operator.contains, "startswith": str.startswith, "endswith": str.endswith}
)
_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,40}(\.[0-9]{1,40})?\s*")
_OPEN_REPEAT = re.compile(r"(?<!\\)\{,[0-9]")  # Python's
_DIGITS_OF_BITS = 1024  # an integer beyond this is no text: int-to-str is quadratic, and capped


class ConditionError(ValueError):
    """A condition that means nothing; the message says why."""


class ConditionResult(Struct, frozen=True):
    """What became of one condition.

    ``seen`` is the record's value (None if ``present`` is false: the field is absent or null).
    ``reference`` holds the values of the fields that a ``fieldref`` names.
    """

    matched: bool
    condition: str
    field: str
    seen: JSONValue
    present: bool
    reference: Facts

    @property
    def saw(self) -> str:
        """What it looked at: ``reason is 'timeout'``, with the fields it was compared with."""
        values = {self.field: self.seen, **self.reference}
        return " and ".join(f"{name} is {shown(value)}" for name, value in values.items())


def shown(value: JSONValue) -> str:
    """A value on one line, cut to a readable length."""
    if value is None:
        return "absent"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 120 else f"{text[:120]}…"


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of ``match`` or ``unless``. Made by `parse_condition`."""

    key: str  # as written: "x_response_desc|contains"
    field: str
    operator: str  # one of OPERATORS or "equals"
    fieldref: bool
    all: bool
    values: tuple[Scalar, ...]
    tests: tuple[Callable[[Scalar], bool], ...] = dataclasses.field(
        repr=False, compare=False
    )  # one a value; empty with fieldref

    @property
    def text(self) -> str:
        """The condition as the author wrote it, on one line."""
        shown = ", ".join(_shown(value) for value in self.values)
        return f"{self.key}: [{shown}]" if len(self.values) > 1 else f"{self.key}: {shown}"

    def holds(self, record: Facts) -> bool:
        """Whether the record meets the condition. Never raises, whatever the record holds."""
        seen = record.get(self.field)
        if self.operator == "exists":
            return (seen not in (None, [], ())) == self.values[0]
        if seen is None and None not in self.values:
            return False  # most fields are absent from most records
        if isinstance(seen, str) and not (self.fieldref or self.all or self.operator == UNEQUAL):
            return any(map(operator.call, self.tests, repeat(seen)))
        tests = self._referring(record) if self.fieldref else self.tests
        elements = _elements(seen)
        if self.operator == UNEQUAL:
            there = [element for element in elements if element is not None]
            return bool(there) and not any(test(element) for test in tests for element in there)
        results = (any(test(element) for element in elements) for test in tests)
        return all(results) if self.all else any(results)

    def explain(self, record: Facts) -> ConditionResult:
        """The same with the value that was looked at."""
        seen = record.get(self.field)
        names = [str(value) for value in self.values] if self.fieldref else []
        return ConditionResult(
            matched=self.holds(record),
            condition=self.text,
            field=self.field,
            seen=seen,
            present=seen not in (None, [], ()),
            reference={name: record.get(name) for name in names},
        )

    def _referring(self, record: Facts) -> list[Callable[[Scalar], bool]]:
        """One test for each field named; a field that is absent compares with nothing."""
        tests: list[Callable[[Scalar], bool]] = []
        for name in self.values:
            there = [element for element in _elements(record.get(str(name))) if element is not None]
            made = [test for element in there if (test := _test(self.operator, element)) is not None]
            tests.append(partial(_any_of, made))
        return tests


class Selection(Struct, frozen=True):
    """The conditions of one mapping, which must all hold (Sigma's word); ``where`` is ``match[0]``."""

    where: str
    conditions: tuple[Condition, ...]

    def holds(self, record: Facts) -> bool:
        """Whether the record meets every condition."""
        return all(map(Condition.holds, self.conditions, repeat(record)))  # a generator takes twice as long


def _any_of(tests: Sequence[Callable[[Scalar], bool]], seen: Scalar) -> bool:
    return any(test(seen) for test in tests)


def parse_condition(key: str, value: JSONValue, *, sound: bool = False) -> Condition:
    """Compile one ``key: value`` of a rule.

    Raises `ConditionError` for unknown or contradicting modifiers and for values that the
    operator has no use for. ``sound``: regular expressions are known to be good, and are compiled when
    first needed, which takes a hundred times as long as all the rest.
    """
    name, *modifiers = key.split("|")
    if not name:
        raise ConditionError("no field name before the first '|'")
    chosen = _operator(modifiers)
    fieldref, every = "fieldref" in modifiers, "all" in modifiers
    if fieldref and chosen in {"re", "cidr", "exists"}:
        raise ConditionError(f"'fieldref' can't be combined with {chosen!r}")
    values = _values(value)
    if chosen == UNEQUAL and (every or None in values):
        raise ConditionError("'neq' needs values that the field must not have; null and 'all' can't be among them")
    if every and len(values) < 2:
        raise ConditionError("'all' needs a list of two or more values")
    tests: tuple[Callable[[Scalar], bool], ...] = ()
    if fieldref:
        if not all(isinstance(item, str) and item for item in values):
            raise ConditionError("'fieldref' needs the name of another field")
    elif chosen == "exists":
        if len(values) != 1 or not isinstance(values[0], bool):
            raise ConditionError("'exists' needs true or false")
    else:
        if chosen == "re" and not sound:
            for item in values:
                _check_expression(item)
        tests = tuple(_compile(chosen, item) for item in values)
    return Condition(key, name, chosen, fieldref, every, values, tests)


def _operator(modifiers: Sequence[str]) -> str:
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ConditionError(f"unknown modifier {modifier!r}{suggestion(modifier, MODIFIERS)}")
    if len(set(modifiers)) < len(modifiers):
        raise ConditionError("a modifier is written twice")
    operators = [modifier for modifier in modifiers if modifier in OPERATORS]
    if len(operators) > 1:
        raise ConditionError(f"{operators[0]!r} and {operators[1]!r} can't be combined")
    return operators[0] if operators else EQUALS


def _values(value: JSONValue) -> tuple[Scalar, ...]:
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not items:
        raise ConditionError("an empty list matches nothing")
    scalars: list[Scalar] = []
    for item in items:
        if item is not None and not isinstance(item, str | int | float):
            raise ConditionError("a value must be text, a number, true, false or null")
        scalars.append(item)
    return tuple(scalars)


def _compile(chosen: str, value: Scalar) -> Callable[[Scalar], bool]:
    if chosen in _TEXT and value == "":
        raise ConditionError(f"{chosen!r} with an empty text matches everything")
    if chosen == "cidr":
        return _network(value)
    if chosen == "re":
        return _expression(str(value))
    test = _test(chosen, value)
    if test is None:
        wanted = "a number" if chosen in _ORDER else "text"
        raise ConditionError(f"{chosen!r} needs {wanted}, not {_shown(value)}")
    return test


def _test(chosen: str, value: Scalar) -> Callable[[Scalar], bool] | None:
    """A test for the operator, or None where it has no use for the value."""
    if chosen in {EQUALS, UNEQUAL}:
        return _equal_to(value)
    if chosen in _ORDER:
        limit = _number(value)
        if limit is None:
            return None
        ordered = _ORDER[chosen]
        return lambda seen: (number := _number(seen)) is not None and ordered(number, limit)
    wanted = _as_text(value)
    if not wanted:  # an empty text is part of every text
        return None
    compare = _TEXT[chosen]
    return lambda seen: (text := _as_text(seen)) is not None and compare(text, wanted)


def _equal_to(value: Scalar) -> Callable[[Scalar], bool]:
    if value is None or isinstance(value, bool):
        return lambda seen: seen is value
    number, text = _number(value), _as_text(value)
    if isinstance(value, str):
        return lambda seen: text == _as_text(seen)
    # A header that holds a number is text in some records and a number in others.
    return lambda seen: number is not None and number == _number(seen)


def _network(value: Scalar) -> Callable[[Scalar], bool]:
    if not isinstance(value, str):
        raise ConditionError("'cidr' needs a network such as 10.0.0.0/8")
    try:
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ConditionError(f"not a network: {error}") from None

    def test(seen: Scalar) -> bool:
        if not isinstance(seen, str):
            return False
        try:
            address = ipaddress.ip_address(seen.strip().strip("[]"))
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None and network.version == 4:
            return address.ipv4_mapped in network
        return address in network

    return test


def _check_expression(value: Scalar) -> None:
    if not isinstance(value, str) or not value:
        raise ConditionError("'re' needs a regular expression")
    _pattern(value)


@cache
def _pattern(value: str) -> re2._Regexp:
    """Compiled by RE2, whose time is linear in the text, whatever the pattern. Raises `ConditionError`."""
    import re2  # noqa: PLC0415 - few records get as far as an expression

    options = re2.Options()
    options.case_sensitive = options.log_errors = False
    options.never_capture = True
    try:
        pattern = re2.compile(value, options)
        said = "pattern too large" if pattern.programsize > _PROGRAM else ""
    except re2.error as error:
        said = error.args[0].decode(errors="replace")
    if not said and _OPEN_REPEAT.search(value):
        said = "{,n} would be taken literally: write {0,n}"
    if not said:
        return pattern
    hint = next((f"; {instead}" for start, instead in _INSTEAD.items() if said.startswith(start)), "")
    raise ConditionError(f"RE2 can't use the regular expression {value!r}: {said}{hint}")


def _expression(value: str) -> Callable[[Scalar], bool]:
    def test(seen: Scalar) -> bool:
        text = seen if isinstance(seen, str) else _as_text(seen)
        return text is not None and _pattern(value).search(text[:SEARCHED].encode(errors="replace")) is not None

    return test


def _elements(value: JSONValue) -> list[Scalar]:
    """The values of a field that conditions look at: the elements of a list, else the value."""
    if value is None or isinstance(value, str | int | float):
        return [value]
    if isinstance(value, Mapping):
        return []
    if not value:
        return [None]
    return [item for item in value if isinstance(item, str | int | float)]


def _number(value: Scalar) -> float | None:
    """A number, or text that is one; never a boolean, which Python counts among the integers."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        if match is None:
            return None
        return int(value) if match[1] is None else float(value)
    return value


def _as_text(value: Scalar) -> str | None:
    if isinstance(value, str):
        return value.casefold()
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int) and value.bit_length() > _DIGITS_OF_BITS:
        return None
    return str(value)


def _shown(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
