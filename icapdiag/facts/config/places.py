"""Objects of an Avi configuration and their places: what is known of each of them, whatever its kind."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.sheet import FileName, ProfileName, Record, Sheet, Text, VirtualService, Word, about

OBJECTS = ("virtualservice", "hostrule", "l7rule", "rule", "icapprofile", "poolgroup", "pool", "server",
           "healthmonitor", "pkiprofile", "analyticsprofile", "serviceenginegroup", "httppolicyset",
           "applicationprofile", "cloud", "systemconfiguration", "suppression")  # fmt: skip

# Facts that several classes have.
ObjectKind = Annotated[Word | None, about("object", "kind of Avi object", values=OBJECTS)]
ObjectName = Annotated[Text | None, about("name", "of the object")]
InFile = Annotated[FileName | None, about("file", "that it stands in")]
Line = Annotated[int | None, about("line", "of the file, from 1")]
Column = Annotated[int | None, about("column", "of that line, from 1")]
FieldPath = Annotated[Word | None, about("field", "of Avi's API, with its path in the object")]
WrittenValue = Annotated[Text | None, about("value", "as written, or Avi's default")]
IsDefault = Annotated[bool | None, about("default", "nothing is written; it is Avi's default")]
DefaultValue = Annotated[Word | None, about("default value", "what Avi takes where nothing is written")]
Allowed = Annotated[Word | None, about("allowed", "the legal values")]
Unit = Annotated[Word | None, about("unit", "of value, default and allowed values")]
Enabled = Annotated[bool | None, about("enabled", "the object, or server, is switched on")]
BrokenReferences = Annotated[
    tuple[Text, ...] | None, about("broken references", "references into another cloud or tenant")
]


class Setting(Record):
    """A value of an object, and where it stands; of a default, where the object does.

    ``object``, ``object_name`` and ``file`` are those of another object that it stands in, such as a rule.
    """

    fact: Annotated[Word | None, about("fact", "that it is the value of, or led to")] = None
    field: FieldPath = None
    value: WrittenValue = None
    is_default: IsDefault = None
    default: DefaultValue = None
    allowed: Allowed = None
    unit: Unit = None
    line: Line = None
    column: Column = None
    object: ObjectKind = None
    object_name: ObjectName = None
    file: InFile = None


class Place(Record):
    """Where in an Avi configuration a finding was made: the object, and the field with its value if it is about one.

    ``subject`` and ``subject_name`` are the object that the finding is about, if the field stands in another one.
    """

    object: ObjectKind = None
    object_name: ObjectName = None
    file: InFile = None
    line: Line = None
    column: Column = None
    field: FieldPath = None
    value: WrittenValue = None
    is_default: IsDefault = None
    default: DefaultValue = None
    allowed: Allowed = None
    unit: Unit = None
    subject: Annotated[
        Word | None, about("subject", "kind of the object that the finding is about", values=OBJECTS)
    ] = None
    subject_name: Annotated[Text | None, about("subject's name", "the name of that object")] = None


class ObjectSheet(Sheet):
    """What is known of every object of a configuration."""

    object: Annotated[Word | None, about("object", "kind of Avi object")] = None
    object_name: Annotated[Text | None, about("name", "its name")] = None
    file: InFile = None
    line: Line = None
    column: Column = None
    virtualservices: Annotated[
        tuple[VirtualService, ...] | None, about("virtual services", "those whose requests it has a part in")
    ] = None
    avi_version: Annotated[
        Word | None, about("Avi version", "that the file is of, or is to be applied with; absent: it does not say")
    ] = None
    icap_profile: Annotated[ProfileName | None, about("ICAP profile", "the one whose scans it has a part in")] = None
    stated: Annotated[
        tuple[Word, ...] | None, about("stated", "fields that are written; the others are Avi's defaults")
    ] = None
    settings: Annotated[tuple[Setting, ...] | None, about("settings", "values, each with its place")] = None


class SettingSheet(ObjectSheet):
    """A value that Avi's API does not take, or a field that it does not know."""

    field: FieldPath = None
    nearest_field: Annotated[
        Word | None, about("nearest field", "of a field that Avi does not know, the one that it is likely misspelt for")
    ] = None
    setting_value: Annotated[Text | None, about("value", "as written")] = None
    setting_problem: Annotated[
        Word | None, about("problem", "what is wrong with a value", values=("type", "range", "word", "field"))
    ] = None
    allowed: Allowed = None
