"""One text at a time: what identifies somebody is found by its form, all else word by word."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from importlib.resources import files
from ipaddress import ip_address

from icapdiag.icap.samples import EICAR_MARK
from icapdiag.report.redact.pseudonyms import Pseudonyms

WORD = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"\w")
_SHORT = 3  # characters that tell nothing by themselves
_DIGITS = 7


@cache
def vocabulary() -> frozenset[str]:
    """The words of ``words.txt``, in lower case; made by ``python -m tests.report.words``, which a test repeats."""
    return frozenset(files("icapdiag.report.redact").joinpath("words.txt").read_text("utf-8").split())


def is_harmless(word: str) -> bool:
    """Whether a run of letters and digits can stay."""
    if word.isascii() and word.isdigit():
        return len(word) <= _DIGITS
    return len(word) <= _SHORT or word.lower() in vocabulary()


def says_nothing(text: str) -> bool:
    """Whether a text has harmless words only: as a name it can't be told from ordinary words."""
    return all(is_harmless(word) for word in WORD.findall(text))


class Known:
    """Names that are not empty. One in a text stands for itself: no letter, digit or _ is before or behind it."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        lengths: dict[str, set[int]] = {}
        for name in self._names:
            lengths.setdefault(name[:2], set()).add(len(name))
        self._lengths = {prefix: tuple(sorted(found, reverse=True)) for prefix, found in lengths.items()}
        first = "".join(re.escape(character) for character in sorted({name[0] for name in self._names}))
        self._start = re.compile(rf"(?<!\w)[{first}]" if first else r"(?!)")

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they begin and end, from left to right; the longest that begins at a place."""
        at = 0
        for found in self._start.finditer(text):
            start = found.start()
            if start < at:
                continue
            for length in (*self._lengths.get(text[start : start + 2], ()), *self._lengths.get(text[start], ())):
                end = start + length
                if end <= len(text) and text[start:end] in self._names and not _LETTER.match(text, end):
                    yield start, end
                    at = end
                    break


REMOVED = "[removed]"
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
Note = Callable[[str, str, str], None]  # kind, value, what stands for it

_SENSITIVE = (
    r"(?:set-)?cookie2?|(?:proxy-)?authorization|x-(?:authenticated|client|auth|forwarded|real)-[\w-]+|forwarded"
    r"|[\w-]*(?:token|secret|passw(?:or)?d|passwd|api-?key|session(?:-?id)?|credential|signature|jsessionid)[\w-]*"
)
_TOP = (
    "com|net|org|edu|gov|mil|int|info|biz|name|pro|dev|app|cloud|online|site|tech|local|localdomain|lan|internal|intra"
    "|intranet|corp|home|private|test|example|invalid|localhost|arpa|bank|global|company|group|systems|network|host"
)
_PATTERN = re.compile(
    rf"""
      (?P<secret> (?<![\w-]) (?P<name> {_SENSITIVE} ) (?P<sign> ["']?\s*[:=]\s* ) [^\r\n]+ )
    | (?P<url> (?P<scheme> \b[a-z][a-z0-9+.-]{{1,20}} :// ) [^\s"'<>`\\,;]+ )
    | (?P<target> (?<![\w-]) (?P<header> host [ \t]* : [ \t]* ) (?P<at> [^\s,;"'<>]+ ) )
    | (?P<mail> [\w.!#$%&*+/=?^{{|}}~-]{{1,64}} @ [\w.-]{{1,255}} )
    | (?P<moment> \b \d{{4}}-\d\d-\d\d (?: [T\ ] \d\d:\d\d(?: :\d\d(?:\.\d{{1,9}})? )? (?: Z | [+-]\d\d:?\d\d )? )? \b )
    | (?P<mac> (?<![\w:-]) (?: [0-9a-f]{{2}} [:-] ){{5}} [0-9a-f]{{2}} (?![\w:-]) )
    | (?P<v6> (?<![\w:.]) (?: [0-9a-f]{{0,4}} : ){{2,7}}
        (?: [0-9a-f]{{1,4}} | (?:\d{{1,3}}\.){{3}}\d{{1,3}} )? (?![\w:]) )
    | (?P<v4> (?<![\d.]) (?: \d{{1,3}} \. ){{3}} \d{{1,3}} (?! \.?\d ) )
    | (?P<domain> (?<![\w.-]) (?: [a-z0-9_] [a-z0-9_-]{{0,62}} \. ){{1,10}} (?: {_TOP} | [a-z]{{2}} ) (?![\w-]|\.\w) )
    | (?P<ours> \b icapdiag-[0-9a-f]{{16}} \b )
    | (?P<query> (?<=[\w/]) \? [\w.~%+-]+ = [^\s"'<>]* )
    | (?P<word> [^\W_]+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FORMS = ("secret", "url", "target", "mail", "moment", "ours", "mac", "v6", "v4", "domain", "query", "word")


class Texts:
    """Replaces in texts. ``names``: values that are known to identify, with their kinds; ``note`` is told of each.

    ``hosts`` are those that are known by what stands around them alone.
    """

    def __init__(self, pseudonyms: Pseudonyms, names: dict[str, str], note: Note, hosts: Collection[str] = ()) -> None:
        self._hosts = hosts
        self._pseudonyms = pseudonyms
        self._names = names
        self._note = note
        self._known = Known(names)

    def of(self, text: str) -> str:
        """``text``, with all that is not known to be harmless replaced."""
        return self._around_names(text, self._plain)

    def of_own(self, text: str) -> str:
        """A text of a runbook or of ours: only known values are replaced in it."""
        return self._around_names(text, str)

    def named(self, kind: str, value: str) -> str:
        """The pseudonym of a value of this kind. The name of a host is the same in any letter case."""
        value = value.lower() if kind == "host" else value
        found = self._pseudonyms.of(kind, value)
        if found != value:
            self._note(kind, value, found)
        return found

    def _around_names(self, text: str, between: Callable[[str], str]) -> str:
        parts: list[str] = []
        at = 0
        for start, end in self._known.spans(text):
            name = text[start:end]
            parts += (between(text[at:start]), self.named(self._names[name], name))
            at = end
        return "".join((*parts, between(text[at:])))

    def _plain(self, text: str) -> str:
        return _PATTERN.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        form = next(form for form in _FORMS if found[form] is not None)
        match form:
            case "moment" | "ours":
                text = found[0]
            case "url":
                text = self._url(found["scheme"], found[0])
            case "target":
                text = f"{found['header']}{self._host(found['at'])}"
            case "secret":
                text = f"{found['name']}{found['sign']}{self._removed(form, found[0])}"
            case "query":
                text = f"?{self._removed(form, found[0])}"
            case "v6" | "v4":
                text = self._address(found[0])
            case "domain":
                text = found[0] if says_nothing(found[0]) else self.named("host", found[0])
            case "word":
                text = self._word(found)
            case kind:
                text = self.named(kind, found[0].lower())
        return text

    def _word(self, found: re.Match[str]) -> str:
        return found[0] if is_harmless(found[0]) else self.named("word", found[0])

    def _removed(self, kind: str, value: str) -> str:
        self._note(kind, value, REMOVED)
        return REMOVED

    def _url(self, scheme: str, text: str) -> str:
        """The scheme, the host's pseudonym, the path word by word; user and query go."""
        authority, slash, path = text[len(scheme) :].partition("/")
        authority, *query = re.split(r"[?#]", authority, maxsplit=1)
        path, *more = re.split(r"[?#]", path, maxsplit=1)
        ends = query or more
        end = f"?{self._removed('query', ends[0])}" if ends else ""
        user, at, host = authority.rpartition("@")
        if at:
            self._removed("secret", user)
        scheme = WORD.sub(self._word, scheme)
        return f"{scheme}{self._host(host)}{slash}{self._plain(path)}{end}"

    def _host(self, text: str) -> str:
        """Where a host stands, one of ours is known even by a name that could be any word."""
        name, colon, port = text.partition(":")
        return f"{self.named('host', name)}{colon}{port}" if name in self._hosts else self._plain(text)

    def _address(self, text: str) -> str:
        try:
            return self.named("address", str(ip_address(text)))
        except ValueError:  # a time, a version, anything with dots or colons
            return WORD.sub(self._word, text)


def wire(text: str, redacted: Callable[[str], str]) -> str:
    """Bytes as ISO 8859-1 text, and the same of what stands for them."""
    parts = text.split(EICAR_MARK)
    return EICAR_MARK.join("".join(_runs(part, redacted)) for part in parts)


def _runs(text: str, redacted: Callable[[str], str]) -> Iterator[str]:
    """Lines that can be read are redacted together, as a name may be in one only with what stands before it."""
    readable: list[str] = []
    for line in re.split("(?<=\n)", text):
        found = _readable_line(line)
        if found is not None:
            readable.append(found)
            continue
        if readable:
            yield _as_bytes(redacted("".join(readable)))
            readable = []
        ending = line[len(line.rstrip("\r\n")) :]
        yield f"[{len(line) - len(ending)} bytes that are no text]{ending}"
    if readable:
        yield _as_bytes(redacted("".join(readable)))


def _readable_line(line: str) -> str | None:
    """As UTF-8; None for what is no text."""
    try:
        text = line if line.isascii() else line.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
    return None if _CONTROLS.search(text) else text


def _as_bytes(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("latin-1")
