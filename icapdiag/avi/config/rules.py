"""Rules of HTTP security policies: for which requests, and which rule leaves nothing for a later one.

Policy sets are evaluated in the order of their index at the virtual service, rules in that of theirs. Of paths Avi
ignores a leading slash, and letter case unless a match asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from icapdiag.avi.config.objects import AviObject, elements, scalars, section, texts
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.model import JSONValue
from icapdiag.yamltree import MapNode, Node, core_value, is_null

CHECK_ICAP = "HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP"
ALLOW = "HTTP_SECURITY_ACTION_ALLOW"
ENDING = (ALLOW, "HTTP_SECURITY_ACTION_CLOSE_CONN", "HTTP_SECURITY_ACTION_SEND_RESPONSE")
"""Actions after which no later rule is looked at. That of ALLOW is inferred: no page says so."""
_METHODS = frozenset(
    ("GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL",
     "COPY", "MOVE", "LOCK", "UNLOCK")
)  # fmt: skip
UPLOADS = ("POST", "PUT", "PATCH")
_COMPARED = 10_000  # pairs of strings of two rules; beyond that nothing is said of them
_PLAIN = ("BEGINS_WITH", "EQUALS", "CONTAINS", "ENDS_WITH")
_NO_PATH = re.compile(r"[*?#]|^https?://")
_WORDS = {
    "BEGINS_WITH": "under", "EQUALS": "", "CONTAINS": "containing", "ENDS_WITH": "ending in", "REGEX_MATCH": "matching",
    "DOES_NOT_BEGIN_WITH": "not under", "DOES_NOT_EQUAL": "not", "DOES_NOT_CONTAIN": "not containing",
    "DOES_NOT_END_WITH": "not ending in", "REGEX_DOES_NOT_MATCH": "not matching",
}  # fmt: skip
_OTHERS = {
    "client_ip": "client address", "vs_port": "port", "protocol": "protocol", "host_hdr": "Host", "query": "query",
    "hdrs": "headers", "cookie": "cookie", "version": "HTTP version", "geo_matches": "country", "source_ip": "source",
    "ip_reputation_type": "IP reputation", "bot_detection_result": "bot detection", "tls_fingerprint_match": "TLS",
}  # fmt: skip


class PathMatch(Struct, frozen=True):
    """A condition on the path. ``exact``: letter case counts. ``opaque``: it refers to string groups, too."""

    criterion: str
    strings: tuple[str, ...]
    exact: bool = False
    opaque: bool = False

    def covers(self, other: PathMatch | None) -> bool:
        """Whether each path that ``other`` is for is one of these."""
        if self.criterion == "BEGINS_WITH" and "" in map(_bare, self.strings):
            return True
        if other is None or self.opaque or other.opaque or (self.exact and not other.exact):
            return False
        if (self.criterion, set(self.strings)) == (other.criterion, set(other.strings)):
            return True
        if len(self.strings) * len(other.strings) > _COMPARED:
            return False
        return all(any(self._covers(own, other.criterion, each) for own in self.strings) for each in other.strings)

    def _covers(self, own: str, criterion: str, other: str) -> bool:
        if not self.exact:
            own, other = own.lower(), other.lower()
        match self.criterion:
            case "BEGINS_WITH":
                return criterion in {"BEGINS_WITH", "EQUALS"} and _bare(other).startswith(_bare(own))
            case "EQUALS":
                return criterion == "EQUALS" and _bare(own) == _bare(other)
            case "CONTAINS":
                return criterion in {"BEGINS_WITH", "EQUALS", "CONTAINS", "ENDS_WITH"} and own in other
            case "ENDS_WITH":
                return criterion in {"ENDS_WITH", "EQUALS"} and other.endswith(own)
            case _:
                return False

    def excludes(self, other: PathMatch | None) -> bool:
        """Whether no path is for both."""
        if other is None or self.opaque or other.opaque:
            return False
        begins = {"BEGINS_WITH", "EQUALS"}
        too_many = len(self.strings) * len(other.strings) > _COMPARED
        if too_many or not {self.criterion, other.criterion} <= begins:
            return False
        pairs = ((_bare(own).lower(), _bare(each).lower()) for own in self.strings for each in other.strings)
        return not any(own.startswith(each) or each.startswith(own) for own, each in pairs)

    @property
    def everything(self) -> bool:
        """Whether each path is one of these."""
        return self.covers(None)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Strings that match no path: they are a URL or have a query, or a ``*``, which Avi takes literally."""
        if self.criterion not in _PLAIN:
            return ()
        return tuple(each for each in self.strings if _NO_PATH.search(each))

    @property
    def words(self) -> tuple[str, ...]:
        """``under /upload``, for people."""
        word = _WORDS.get(self.criterion, self.criterion)
        return tuple(f"{word} {text}".strip() for text in self.strings)


def _bare(text: str) -> str:
    return text.removeprefix("/")


class HeaderMatch(Struct, frozen=True):
    """A condition on a request header."""

    name: str
    criterion: str
    values: tuple[str, ...]

    @property
    def needs_length(self) -> bool:
        """Whether a request without Content-Length, which a chunked one is, does not meet it."""
        return self.name.lower() == "content-length" and not self.criterion.startswith("HDR_DOES_NOT")

    @property
    def words(self) -> str:
        """``Content-Type contains multipart/form-data``, for people."""
        criterion = self.criterion.removeprefix("HDR_").replace("_", " ").lower()
        return f"{self.name} {criterion} {' or '.join(self.values)}".strip()


class Match(Struct, frozen=True):
    """Which requests a rule is for. None: all. ``others``: conditions that are compared as they are written."""

    methods: frozenset[str] | None = None
    paths: PathMatch | None = None
    others: tuple[tuple[str, JSONValue], ...] = ()
    headers: tuple[HeaderMatch, ...] = ()  # which are among the others, too

    @property
    def uploads(self) -> frozenset[str]:
        """The methods with a body that it is for."""
        return frozenset(UPLOADS) if self.methods is None else self.methods & frozenset(UPLOADS)

    def covers(self, other: Match) -> bool:
        """Whether each request that ``other`` is for is for this, too, as far as it can be said."""
        if self.methods is not None and (other.methods is None or not other.methods <= self.methods):
            return False
        if self.paths is not None and not self.paths.covers(other.paths):
            return False
        return all(own in other.others for own in self.others)

    def meets(self, other: Match) -> bool:
        """Whether some request may be for both."""
        if self.methods is not None and other.methods is not None and not self.methods & other.methods:
            return False
        return self.paths is None or not self.paths.excludes(other.paths)


class Rule(Struct, frozen=True):
    """A rule as it stands in a policy set."""

    owner: AviObject
    node: MapNode
    path: str
    name: str
    index: int
    enabled: bool
    action: str
    match: Match

    @property
    def ends(self) -> bool:
        """Whether it is in force, and later rules do not see its requests."""
        return self.enabled and self.action in ENDING


def rules_of(owner: AviObject) -> Iterator[Rule]:
    """The rules of a policy set's HTTP security policy, in the order of their index."""
    policy = section(owner.node, "http_security_policy")
    if policy is None:
        return
    found = [_rule(owner, item, number) for number, item in enumerate(elements(policy, "rules"))]
    yield from sorted(found, key=lambda rule: rule.index)


def _rule(owner: AviObject, node: MapNode, number: int) -> Rule:
    index = as_integer(node.text("index"))
    action = section(node, "action")
    return Rule(
        owner=owner,
        node=node,
        path=f"http_security_policy.rules[{number}]",
        name=node.text("name") or f"rule {number}",
        index=number if index is None else index,
        enabled=as_flag(node.text("enable") or "true") is not False,
        action=action.text("action") if action else "",
        match=_match(section(node, "match")),
    )


def _match(node: MapNode | None) -> Match:
    if node is None:
        return Match()
    others = [(key.text, core_value(value)) for key, value in node.pairs() if key.text in _OTHERS and _is_there(value)]
    return Match(_methods(node), _paths(node), tuple(others), tuple(_headers(node)))


def _headers(node: MapNode) -> Iterator[HeaderMatch]:
    for each in elements(node, "hdrs"):
        yield HeaderMatch(each.text("hdr"), each.text("match_criteria"), tuple(texts(each, "value")))


def _is_there(value: Node) -> bool:
    return not is_null(value) and core_value(value) not in ([], {}, "")


def _methods(node: MapNode) -> frozenset[str] | None:
    method = section(node, "method")
    named = frozenset(text.removeprefix("HTTP_METHOD_") for text in texts(method, "methods")) if method else frozenset()
    if method is None or not named:
        return None
    return _METHODS - named if method.text("match_criteria") == "IS_NOT_IN" else named


def _paths(node: MapNode) -> PathMatch | None:
    path = section(node, "path")
    if path is None:
        return None
    strings = tuple(item.text for item in scalars(path, "match_str"))
    opaque = bool(scalars(path, "string_group_refs"))
    if not strings and not opaque:
        return None
    return PathMatch(path.text("match_criteria") or "EQUALS", strings, path.text("match_case") == "SENSITIVE", opaque)


def other_words(match: Match) -> tuple[str, ...]:
    """What else a request must meet, for people."""
    groups = ("string group",) if match.paths is not None and match.paths.opaque else ()
    return (*(_OTHERS[key] for key, _ in match.others), *groups)
