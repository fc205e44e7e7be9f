"""What makes a runbook unfit although it can be read.

Every rule is a small function from a runbook (or all of them) to problems with their place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from icapdiag.facts.fields import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    PROBES,
    SKIP_REASONS,
    TEXT,
    TEXTS,
    Field,
    field_named,
    fields,
)
from icapdiag.facts.joined import JOINED
from icapdiag.mistakes import Located, in_file_order, suggestion
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.causes import OURS, PLACEHOLDER, Step, weigh
from icapdiag.runbook.conditions import EQUALS, UNEQUAL, Condition, Selection
from icapdiag.runbook.document import EFFECTS, FIXES, KEYS, SECTIONS, SLUG, STAGES, Runbook
from icapdiag.runbook.house import house_rules
from icapdiag.runbook.library import BUILT_IN, Library, read_library
from icapdiag.runbook.match import explaining
from icapdiag.runbook.satisfiable import unsatisfiable
from icapdiag.runbook.why import EXPECTED, examples_of
from icapdiag.vocabulary import CauseStatus, Reason, Status

Problem = tuple[str, str]  # where, message

_REASONS = tuple(str(reason) for reason in Reason)
_REASONS_OF = {
    Status.OK: (),
    Status.FAILED: _REASONS,
    Status.ERROR: _REASONS,
    Status.BLOCKED: PROBES,
    Status.SKIPPED: SKIP_REASONS,
}
_TEXT_OPERATORS = {"contains", "startswith", "endswith", "re"}
# What is wrong around a placeholder: {service_uri} is a path with its slash, {service} the same without.
_PLACEHOLDERS = (
    (re.compile(r"/\{service_uri\}"), "{service_uri} begins with a slash: put it right behind the port"),
    (re.compile(r"-s ?['\"]?\{service_uri\}"), "c-icap-client's -s wants the path without its slash: write {service}"),
    (re.compile(r"\{port\}\{service\}"), "{service} has no slash: write {port}{service_uri}"),
)


def lint(library: Library, *, built_in: bool = True) -> tuple[Located, ...]:
    """Every problem of every runbook, or of the site's alone, in the order of the files."""
    found: list[Located] = []
    for runbook in library.runbooks:
        if runbook.origin == BUILT_IN and not built_in:
            continue
        problems = [problem for rule in _RULES for problem in rule(runbook)]
        problems += [problem for across in _RULES_ACROSS for problem in across(runbook, library)]
        found += (runbook.located(where, message) for where, message in problems)
    return in_file_order(found)


def lint_files(extra: Sequence[Path] = (), *, builtin: Path | None = None) -> tuple[Located, ...]:
    """`lint` on our runbooks and those of ``extra``, together with what keeps a file from being read.

    ``builtin`` takes the place of our own folder.
    """
    errors: list[Located] = []
    library = read_library(extra, errors, builtin=builtin)
    unread = {error.file for error in errors}
    # A file that can't be read is missing from the library, and others may name it.
    names = {Path(file).stem for file in unread}
    every = (*lint(library), *house_rules(library))
    found = [error for error in every if not any(f"{name!r}" in error.message for name in names)]
    return in_file_order([*errors, *found])


def _keys(runbook: Runbook) -> Iterator[Problem]:
    for key in runbook.keys:
        if key not in KEYS:
            yield key, f"unknown key{suggestion(key, KEYS)}"


def _identity(runbook: Runbook) -> Iterator[Problem]:
    stem = Path(runbook.path).stem
    for where, name in [("id", runbook.id), *((f"aliases[{i}]", alias) for i, alias in enumerate(runbook.aliases))]:
        if not SLUG.fullmatch(name):
            yield where, f"{name!r} is not a slug: lower-case words joined by '-'"
    if runbook.id != stem:
        yield "id", f"{runbook.id!r} is not the file's name, {stem!r}"


def _stage(runbook: Runbook) -> Iterator[Problem]:
    """Where on a request's way the diagnosis is made; `icapdiag runbooks list` groups by it."""
    if runbook.stage and runbook.stage not in STAGES:
        hint = suggestion(runbook.stage, STAGES) or f": {', '.join(STAGES)}"
        yield "stage", f"{runbook.stage!r} is not a stage{hint}"


def _sections(runbook: Runbook) -> Iterator[Problem]:
    for heading in (each for each in SECTIONS if each not in FIXES or not runbook.causes):
        if heading not in runbook.sections:
            yield "", f"the section '## {heading}' is missing"
        elif not runbook.sections[heading]:
            yield f"## {heading}", "the section is empty"
    for heading in runbook.sections:
        if heading in FIXES and runbook.causes:
            yield f"## {heading}", "a runbook with causes has them, and their fixes, in its front matter"
        elif heading not in SECTIONS:
            yield f"## {heading}", f"unknown section{suggestion(heading, SECTIONS)}"
    before = runbook.body.partition("## ")[0]
    if before.strip():
        yield "", "text before the first section is shown to nobody"


def _diagnosis(runbook: Runbook) -> Iterator[Problem]:
    """What it means and why."""
    if runbook.effect and runbook.effect not in EFFECTS:
        hint = suggestion(runbook.effect, EFFECTS) or f": {', '.join(EFFECTS)}"
        yield "effect", f"unknown effect {runbook.effect!r}{hint}"
    names = [cause.id for cause in runbook.causes]
    weighed = [each for record in runbook.examples for each in weigh(runbook.causes, record)]
    shown = {each.cause.id for each in weighed if each.status in {CauseStatus.PROVEN, CauseStatus.LIKELY}}
    for index, cause in enumerate(runbook.causes):
        at = f"causes[{index}]"
        if not SLUG.fullmatch(cause.id):
            yield f"{at}.id", f"{cause.id!r} is not a slug: lower-case words joined by '-'"
        if cause.id in names[:index]:
            yield f"{at}.id", f"{cause.id!r} is written twice"
        if not cause.fix:
            yield at, "it has no fix: say what to do about it"
        if (cause.proven_by or cause.supported_by) and cause.id not in shown:
            yield at, "no example proves or supports it: add one"


def _expected(where: str, expected: JSONValue, runbook: Runbook) -> Iterator[Problem]:
    """The causes of an example: names with their statuses."""
    known = {cause.id for cause in runbook.causes}
    if not isinstance(expected, Mapping):
        yield f"{where}.{EXPECTED}", "must be a mapping of causes to statuses"
        return
    for name, status in expected.items():
        if name not in known:
            yield f"{where}.{EXPECTED}.{name}", f"no cause {name!r}{suggestion(name, known)}"
        elif status not in tuple(CauseStatus):
            yield f"{where}.{EXPECTED}.{name}", f"unknown status {status!r}: {', '.join(CauseStatus)}"


def _placeholders(runbook: Runbook) -> Iterator[Problem]:
    for step in _steps_of(runbook):
        for name in PLACEHOLDER.findall(step.text):
            if name not in OURS and field_named(name) is None:
                yield "causes", f"{{{name}}} in a step is filled with nothing{suggestion(name, OURS)}"
    for index, cause in enumerate(runbook.causes):
        for name in PLACEHOLDER.findall(cause.title):
            yield (
                f"causes[{index}].title",
                f"{{{name}}} is not filled in a title: the facts of conditions are shown behind it",
            )
    for heading, text in runbook.sections.items():
        for line in text.splitlines():
            for wrong, message in _PLACEHOLDERS:
                if wrong.search(line):
                    yield f"## {heading}", message


def _samples(runbook: Runbook) -> Iterator[Problem]:
    for key, records in (("examples", runbook.examples), ("counterexamples", runbook.counterexamples)):
        if not records:
            yield key, "at least one is needed"
        for index, record in enumerate(records):
            yield from _sample(runbook, f"{key}[{index}]", record)


def _sample(runbook: Runbook, where: str, record: Facts) -> Iterator[Problem]:
    for name, value in record.items():
        field = field_named(name)
        if name == EXPECTED:
            yield from _expected(where, value, runbook)
        elif field is None:
            yield f"{where}.{name}", f"unknown field{suggestion(name, fields())}"
        elif name == "probe" and value == "":  # logs and switched-off members
            continue
        elif isinstance(value, str) and field.values and value not in _vocabulary(field, _statuses_of(record)):
            yield f"{where}.{name}", _not_a_word(field, value, _statuses_of(record))


def _match(runbook: Runbook) -> Iterator[Problem]:
    for selection in (*runbook.match, *runbook.unless, *_of_causes_and_steps(runbook)):
        statuses = _words(selection, "status")
        probes = _words(selection, "probe")
        for condition in selection.conditions:
            where = f"{selection.where}.{condition.key}"
            names = [condition.field, *(str(value) for value in condition.values if condition.fieldref)]
            for name in names:
                yield from ((where, message) for message in _field_problems(name, runbook, probes))
            field = field_named(condition.field)
            if field is not None and not condition.fieldref:
                yield from ((where, message) for message in _value_problems(condition, field, statuses))


def _of_causes_and_steps(runbook: Runbook) -> Iterator[Selection]:
    for cause in runbook.causes:
        yield from (*cause.proven_by, *cause.supported_by, *cause.ruled_out_by)
    for step in _steps_of(runbook):
        yield from (*step.when, *step.unless)


def _steps_of(runbook: Runbook) -> Iterator[Step]:
    yield from (*runbook.now, *runbook.check)
    for cause in runbook.causes:
        yield from (*cause.fix, *cause.settle)


def _field_problems(name: str, runbook: Runbook, probes: Sequence[str]) -> Iterator[str]:
    field = field_named(name)
    if field is None:
        yield f"unknown field {name!r}{suggestion(name, fields())}"
        return
    around = (JOINED,) if "." in name else ()  # several sources together see the probes of a member
    if not {*field.sources, *around} & set(runbook.source):
        yield f"field {name!r} is only known from {', '.join(field.sources)}, not from {', '.join(runbook.source)}"
    known = [] if "." in name else [probe for probe in probes if probe in PROBES]  # with a dot: of another probe
    if known and runbook.source == ("probe",) and not set(field.probes) & set(known):
        yield f"field {name!r} is only known from {', '.join(field.probes)}, not from {', '.join(known)}"


def _value_problems(condition: Condition, field: Field, statuses: Sequence[str]) -> Iterator[str]:
    if condition.operator in {"gt", "gte", "lt", "lte"} and field.type in {BOOLEAN, TEXTS}:
        yield f"{field.name!r} is {field.type}, and can't be compared as a number"
    if condition.operator in _TEXT_OPERATORS and field.type == BOOLEAN:
        yield f"{field.name!r} is true or false, not text"
    if condition.operator in {EQUALS, UNEQUAL}:
        yield from _equal_problems(condition, field, statuses)


def _equal_problems(condition: Condition, field: Field, statuses: Sequence[str]) -> Iterator[str]:
    for value in condition.values:
        if value is None:
            continue
        if field.type == BOOLEAN and not isinstance(value, bool):
            yield f"{field.name!r} is true or false, not {value!r}"
        elif field.type in {INTEGER, NUMBER} and (isinstance(value, str | bool)):
            yield f"{field.name!r} is a number, not {value!r}"
        elif field.type in {TEXT, TEXTS} and isinstance(value, bool):
            yield f"{field.name!r} is text, not {value!r}"
        elif field.name == "probe" and value == "":
            continue
        elif field.values and str(value) not in _vocabulary(field, statuses):
            yield _not_a_word(field, str(value), statuses)


def _vocabulary(field: Field, statuses: Sequence[str]) -> Sequence[str]:
    """The words a field can have; those of ``reason`` depend on the status, where it is known."""
    known = [Status(status) for status in statuses if status in set(Status)]
    if field.name != "reason" or not known:
        return field.values
    return [word for status in known for word in _REASONS_OF[status]]


def _not_a_word(field: Field, value: str, statuses: Sequence[str]) -> str:
    words = _vocabulary(field, statuses)
    place = f" with status {' or '.join(statuses)}" if field.name == "reason" and statuses else ""
    listed = ", ".join(words) if words else "it has none"
    return f"{value!r} is no {field.name}{place}{suggestion(value, words) or f': {listed}'}"


def _words(selection: Selection, name: str) -> list[str]:
    """The values that a selection allows for a field with a plain condition; empty if it has none."""
    for condition in selection.conditions:
        if condition.key == name:
            return [str(value) for value in condition.values]
    return []


def _statuses_of(record: Facts) -> list[str]:
    status = record.get("status")
    return [status] if isinstance(status, str) else []


def _supersedes(runbook: Runbook, library: Library) -> Iterator[Problem]:
    names = [other.id for other in library.runbooks]
    listed = (("supersedes", runbook.supersedes), ("explains", runbook.explains), ("beside", runbook.beside))
    for key, named in listed:
        for index, name in enumerate(named):
            if name not in library:
                yield f"{key}[{index}]", f"no runbook {name!r}{suggestion(name, names)}"
    if runbook.id in library.supersedes(runbook.id):
        yield "supersedes", "it supersedes itself, through " + " and ".join(repr(name) for name in runbook.supersedes)


def _names_taken(runbook: Runbook, library: Library) -> Iterator[Problem]:
    for other in library.runbooks:
        if other is runbook:
            continue
        for index, alias in enumerate(runbook.aliases):
            if alias == other.id or alias in other.aliases:
                yield f"aliases[{index}]", f"{alias!r} is a name of {other.path} too"
    for index, alias in enumerate(runbook.aliases):
        if alias == runbook.id or alias in runbook.aliases[:index]:
            yield f"aliases[{index}]", f"{alias!r} is written twice"


def _shadowed(runbook: Runbook, library: Library) -> Iterator[Problem]:
    matching = [record for record in runbook.examples if runbook.applies(record)]
    winners = [explaining(library, record) for record in matching]
    if not winners or any(runbook in reported for reported in winners):
        return
    by = sorted({other.id for reported in winners for other in reported})
    yield "examples", f"it is never reported: all of its examples go to {', '.join(by) or 'nobody'}"


_RULES: tuple[Callable[[Runbook], Iterable[Problem]], ...] = (
    _keys,
    _identity,
    _stage,
    _diagnosis,
    _sections,
    _placeholders,
    _samples,
    _match,
    unsatisfiable,
    lambda runbook: [(failure.path, failure.message) for failure in examples_of(runbook)],
)
_RULES_ACROSS: tuple[Callable[[Runbook, Library], Iterable[Problem]], ...] = (_supersedes, _names_taken, _shadowed)
