"""The causes of a runbook, weighed by what was seen, and the steps that follow from them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from msgspec import Struct

from icapdiag.facts.fields import field_named
from icapdiag.icap.product import UNKNOWN_PRODUCT
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.conditions import ConditionResult, Selection
from icapdiag.runbook.prose import plain
from icapdiag.vocabulary import CERTAINTY_ORDER, COMMAND_LINE, FROM_COMMAND_LINE, CauseStatus

PLACES = {"server": "On the ICAP server", "avi": "On Avi", "network": "On the network", "host": "On this host"}
"""Where a fix is made: the keys of ``fix``, with the words that steps begin with."""

_STRANGE = re.compile(r"[^\w .:/%?&=+,~@\[\]()-]")  # what means something to a shell, or to Markdown
_TEMPLATE = re.compile(r"\{\{|[$%]\{")
_FACTS = 4  # of one cause, that a report names
_ADDRESSING = ("source", "probe", "object")  # which observation it is about, and no fact of it
_OF_ANY_PROBE = ("status", "reason", "verdict", "icap_status", "answer_ms")  # say little without the probe's name
PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")


class Step(Struct, frozen=True, kw_only=True):
    """One action. It is advised where one of ``when`` holds (if there are any) and none of ``unless`` does."""

    text: str
    place: str = ""  # a key of `PLACES`, or none
    when: tuple[Selection, ...] = ()
    unless: tuple[Selection, ...] = ()

    def fits(self, record: Facts) -> bool:
        """Whether nothing that is known speaks against it."""
        if self.when and not any(selection.holds(record) for selection in self.when):
            return False
        return not any(selection.holds(record) for selection in self.unless)


class Cause(Struct, frozen=True, kw_only=True):
    """One explanation: what proves it, supports it and rules it out, and how it is fixed.

    ``always_proven``: what the runbook matches is proof enough.
    """

    id: str
    title: str
    always_proven: bool = False
    proven_by: tuple[Selection, ...] = ()
    supported_by: tuple[Selection, ...] = ()
    ruled_out_by: tuple[Selection, ...] = ()
    fix: tuple[Step, ...] = ()
    settle: tuple[Step, ...] = ()


class Weighed(Struct, frozen=True):
    """A cause with its status by one record, and the conditions whose facts make it so."""

    cause: Cause
    status: CauseStatus
    facts: tuple[ConditionResult, ...] = ()


def weigh(causes: Iterable[Cause], record: Facts) -> tuple[Weighed, ...]:
    """Each cause by what is known of one record; in the order of the runbook.

    What rules a cause out comes before what proves it: of facts that contradict each other none is proof.
    """
    return tuple(_weigh(cause, record) for cause in causes)


def _weigh(cause: Cause, record: Facts) -> Weighed:
    for status, selections in (
        (CauseStatus.RULED_OUT, cause.ruled_out_by),
        (CauseStatus.PROVEN, cause.proven_by),
        (CauseStatus.LIKELY, cause.supported_by),
    ):
        for selection in selections:
            if selection.holds(record):
                return Weighed(cause, status, _facts(selection, record))
        if status is CauseStatus.RULED_OUT and cause.always_proven:
            return Weighed(cause, CauseStatus.PROVEN)
    return Weighed(cause, CauseStatus.POSSIBLE)


def _facts(selection: Selection, record: Facts) -> tuple[ConditionResult, ...]:
    return tuple(condition.explain(record) for condition in selection.conditions)


def in_words(results: Iterable[ConditionResult]) -> tuple[str, ...]:
    """What they looked at, as a report names it: ``ISTag: CI0001-…``, ``offers 204: no``, ``ICAP rules: none``."""
    telling = (result for result in results if result.field not in _ADDRESSING)
    return tuple(_words(result) for result in telling)[:_FACTS]


def _words(result: ConditionResult) -> str:
    field = field_named(result.field)
    label, unit, zero = (field.label, field.unit, field.zero) if field else (result.field, "", "0")
    room, _, name = result.field.rpartition(".")
    if room and name in _OF_ANY_PROBE:
        label = f"{label} of {room}"
    match result.seen:
        case bool() as said:
            return f"{label}: {'yes' if said else 'no'}"
        case None | [] | ():
            return f"{label}: not known"
        case list() | tuple() as items:
            return f"{label}: {', '.join(map(str, items))}"
        case 0:
            return f"{label}: {zero or (f'0 {unit}' if unit else 'none')}"
        case value:
            return f"{label}: {value} {unit}".rstrip()


def is_proven(weighed: Iterable[Weighed]) -> bool:
    """Whether some cause is proven; where there are none, nobody doubts the finding itself."""
    statuses = [each.status for each in weighed]
    return not statuses or CauseStatus.PROVEN in statuses


def by_certainty(weighed: Iterable[Weighed]) -> list[Weighed]:
    """The most certain first; else in the order of the runbook, which has the most frequent first."""
    return sorted(weighed, key=lambda each: CERTAINTY_ORDER.index(each.status))


def fixes(weighed: Sequence[Weighed], record: Facts, own: Facts = MappingProxyType({})) -> tuple[str, ...]:
    """The steps that fix what is left: of the proven causes if there are any, else of all that are not ruled out."""
    return written((step for each in _left(weighed) for step in each.cause.fix), record, own)


def settling(weighed: Sequence[Weighed], record: Facts, own: Facts = MappingProxyType({})) -> tuple[str, ...]:
    """The steps that tell between the causes that are left, if there are several and none is proven."""
    left = _left(weighed)
    if len(left) < 2 or CauseStatus.PROVEN in {each.status for each in left}:
        return ()
    return written((step for each in left for step in each.cause.settle), record, own)


def _left(weighed: Sequence[Weighed]) -> list[Weighed]:
    proven = [each for each in weighed if each.status is CauseStatus.PROVEN]
    return proven or by_certainty(each for each in weighed if each.status is not CauseStatus.RULED_OUT)


def written(steps: Iterable[Step], record: Facts, own: Facts = MappingProxyType({})) -> tuple[str, ...]:
    """The texts of those that fit, each once, with their places and values filled in: ``own``, then the record's.

    A step that changes the ICAP profile says so where other members work with it.

    What is for a product other than the one that answers is left out: a step that begins with its name and a colon,
    and a hint in brackets that does, as in ``(c-icap: MaxServers)``. So is what needs a value that nobody knows.
    """
    shared = _SHARED if any(_is_above_0(record.get(name)) for name in _WORKING) else ""
    texts = (
        f"{PLACES[step.place]}: {text}{shared if step.place == 'avi' and _PROFILE in text else ''}"
        if step.place
        else text
        for step in steps
        if step.fits(record) and (text := for_product(step.text, record)) and not _lacks(text, record, own)
    )
    return tuple(dict.fromkeys(plain(fill(text, record, own)) for text in texts))


_PROFILE = "ICAP Profile > {profile}"  # how steps name it: one for all members of the pool
_SHARED = " The profile applies to all members."
_WORKING = ("pool.other_members_ok", "pool.other_members_answering")


def _is_above_0(value: JSONValue) -> bool:
    return isinstance(value, int) and value > 0


def _lacks(text: str, record: Facts, own: Facts) -> bool:
    """Whether it names a server, and none is known."""
    needed = {"host", "port", "members"} & set(PLACEHOLDER.findall(text))
    return any(own.get(name, record.get(name)) in (None, "", [], ()) for name in needed)


_HINT = re.compile(r" ?\(([^():]+: [^()]*)\)")
_IN_C_ICAP = ("c-icap", "squidclamav")
_NAMED = {  # how a step names a product, and at which it is of use
    "c-icap": _IN_C_ICAP,
    "c-icap.conf": _IN_C_ICAP,
    "ClamAV": _IN_C_ICAP,
    "Debian": _IN_C_ICAP,
    "squidclamav": ("squidclamav",),
    "OPSWAT": ("metadefender",),
    "MetaDefender": ("metadefender",),
    "MetaDefender Core": ("metadefender",),
    "MetaDefender ICAP Server": ("metadefender",),
    "Kaspersky": ("kaspersky",),
    "Kaspersky Scan Engine": ("kaspersky",),
    "FortiSandbox": ("fortisandbox",),
    "e2guardian": ("e2guardian",),
    "ICAPeg": ("icapeg",),
}


def for_product(text: str, record: Facts) -> str:
    """The text without hints for other products than the one that answers; empty if it is for another as a whole."""
    named = (record.get(name) for name in ("product", "options.product"))
    product = next((each for each in named if each not in (None, UNKNOWN_PRODUCT)), None)

    def fits(part: str) -> bool:
        name, colon, _ = part.partition(": ")
        return not colon or product in _NAMED.get(name, (product,))

    def kept(found: re.Match[str]) -> str:
        hints = found[1].split("; ")
        left = [hint for hint in hints if fits(hint)]
        return found[0] if left == hints else f" ({'; '.join(left)})" if left else ""

    if product is None:
        return text
    return _HINT.sub(kept, text) if fits(text) else ""


def fill(text: str, record: Facts, own: Facts = MappingProxyType({})) -> str:
    """The text with values in place of ``{host}``, ``{pool.members}`` and the like, those in code quoted for a shell.

    Only names of Avi's objects, what the pool file says and what was counted is filled in, never a server's words.
    What is not known stays, in capitals.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        known = own.get(name, _first(record, _FACTS_OF.get(name, (name,))))
        if name in {"service", "service_uri"}:
            uri = record.get("service_uri") or record.get("profile.service_uri")
            known = uri.removeprefix("/") if name == "service" and isinstance(uri, str) else uri
        if name in _MOMENTS and isinstance(known, str):
            known = f"{known[:10]} {known[11:19]} UTC"
        if isinstance(known, list | tuple) and name in _LISTS:
            known = _LISTS[name].join(map(str, known[:_LISTED]))
        if name == "virtual_service":  # as the UI has it: one, by its name
            known = known[0] if isinstance(known, list | tuple) and len(known) == 1 else None
            known = None if _IDENTITY.match(str(known)) else known
        if name == "pool" and (known in {COMMAND_LINE, FROM_COMMAND_LINE} or record.get("source") == "log"):
            known = None  # a log names the pool group
        if name == "pool" and known:
            known = record.get("pool.pool_name") or known
        if name == "no_other_member":
            return _no_other_member(record)
        if isinstance(known, str) and _TEMPLATE.search(known):
            known = None  # a tool puts the name in later
        if isinstance(known, str) and known and name in OURS:
            known = _STRANGE.sub("?", known)
            words = shlex.quote(known) if text.count("`", 0, found.start()) % 2 else known
            return f"[{words}]" if name == "host" and ":" in words else words
        if name in _COUNTS and isinstance(known, int):
            return f"{known:,}"
        return f"{known:.10g}" if isinstance(known, int | float) else name.upper()

    return PLACEHOLDER.sub(value, text)


def _no_other_member(record: Facts) -> str:
    """Why uploads can't go to another member: there is none, it was not tested, or none is healthy."""
    if record.get("pool.other_members") != 0:
        return "No other member is healthy"
    if record.get("pool") in {COMMAND_LINE, FROM_COMMAND_LINE}:
        return "No other member was tested"
    return "The pool has no other member"


def paths(record: Facts) -> tuple[str, ...]:
    """The service paths that steps for this record may name."""
    known = _first(record, (*_FACTS_OF["paths"], *_FACTS_OF["unproven"]))
    return tuple(map(str, known)) if isinstance(known, list | tuple) else ()


def _first(record: Facts, names: Iterable[str]) -> JSONValue:
    return next((value for name in names if (value := record.get(name)) not in (None, "", [], ())), None)


_ENGINES = ("engines_failing", "monitor_down", "script_failing")  # names of Service Engines
_LISTED = 3  # of several paths, or members
_LISTS = {
    "changed_objects": ", ",
    "paths": " or ", "unproven": " or ", "members_failing": ", ", "icap_rules_misspelt": ", ",
    "icap_sets_unattached": " or ", **dict.fromkeys(_ENGINES, ", "),
}  # fmt: skip
_MOMENTS = (  # of ours, in UTC
    "changed_after", "changed_before", "ended_at", "first_failure", "first_seen", "last_failure", "last_seen",
)  # fmt: skip
_COUNTS = ("log_failures", "measured_failures", "measured_requests")  # of requests, which may be very many
_IDENTITY = re.compile(r"virtualservice-[0-9a-f-]{36}$")
_FACTS_OF = {  # where a value is that is not a fact of the same name
    "profile": ("profile.name", "icap_profile"),
    "virtual_service": ("virtualservices",),
    "paths": ("candidates", "services.candidates"),  # of ours that take REQMOD
    "unproven": ("unproven", "services.unproven"),  # the same, of which nobody knows whether they scan
}
OURS = (  # not a server's
    "allowed", "changed_objects", "covered_by", "field", "host", "icap_pool", "icap_pool_group", "icap_rules_misspelt",
    "icap_sets_unattached", "members", "members_failing", "nearest_field", "no_other_member", "object_name",
    "only_service_engine", "policy_set", "pool", "service", "service_uri", "unmatched_by",
    *_ENGINES, *_FACTS_OF, *_MOMENTS,
)  # fmt: skip
