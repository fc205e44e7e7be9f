"""Redacts one text at a time: a run of pieces stays if it is known to be harmless as a whole; all else is replaced.

A run is what a reader takes for one thing: pieces of letters and digits with ``. - _ / \\ @ : % =`` between them, or
numbers with single spaces between them. Piece by piece, ``10-9-8-7`` would look harmless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from itertools import pairwise

from icapdiag.icap.samples import EICAR_MARK
from icapdiag.report.redact.decoding import REMOVED, decoded
from icapdiag.report.redact.known import DIGITS, WORD, Known, folded, is_harmless, our_own, vocabulary
from icapdiag.report.redact.pseudonyms import PSEUDONYM, Pseudonyms

_FEW = 4  # of all numbers in a run of words
_FRACTION = 3
_ROUNDS = 4
_NUMBERS = 2  # in a run of words: 3-4-5 is part of something
Note = Callable[[str, str, str], None]  # kind, value, what stands for it


# --- what is harmless ------------------------------------------------------------------------------

_VERSION = re.compile(
    r"(?P<product>[a-z][a-z-]{0,30}?)?[-_]?v?(?P<numbers>[0-9]{1,5}(?:\.[0-9]{1,6}){1,3})[a-z]?(?P<rest>(?:[-_][a-z0-9]+)*)",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?:(\d{4})([./-])\d{1,2}\2\d{1,2}|\d{1,2}([./-])\d{1,2}\3(?:\d{4}|\d\d))")
_V4 = re.compile(r"(\d{1,3})([._-])(\d{1,3})\2(\d{1,3})\2(\d{1,3})((?:[.:/]\d{1,5})?)")
_OCTETS = re.compile(r"\d{1,3}(?:,\d{1,3}){3,5}|\d{1,3}(?: \d{1,3}){3,5}")  # as FTP writes an address and its port
_THOUSANDS = re.compile(r"(?!0\d)\d{1,3}(?:,\d{3}){1,3}")
_COORDINATE = re.compile(r"[0-9]{1,3}\.[0-9]{4,}[NESW]", re.IGNORECASE)
_ENDING = re.compile(
    "bin|cfg|conf|crt|csv|docx?|exe|gz|html?|ini|jpg|js|json|key|log|md|pcap|pdf|pem|png|pptx|rar|so|tar|txt|xlsx?|xml"
    "|ya?ml|zip",
    re.IGNORECASE,
)
_ZERO = re.compile(r"(?<![0-9])0[0-9]")  # as 05 in a date or a telephone number, and in no version


def says_nothing(text: str) -> bool:
    """Whether nothing in a text is replaced: a name that looks like ordinary words."""
    return Texts(Pseudonyms(), {}, lambda *_: None).of(text) in {text, decoded(text)}


# --- what stands in a text -------------------------------------------------------------------------

_KEY = re.compile(r"""(?<![\w.-])(?<!://)([\w.-]++)(["']?[ \t]{0,8}+(?:=>|[:=])[ \t]{0,8}+)""")
_HEADER = re.compile(  # its value goes to the end of the line
    r"cookie|authorization|forwarded|x-(?:authenticated|client|auth|real)-"
    r"|token|secret|passw|passphrase|api-?key|session-?id|credential|signature|sessid",
    re.IGNORECASE,
)
_LISTED = re.compile(r"cookie|authorization|forwarded", re.IGNORECASE)  # with spaces, also behind =
_SECRET = re.compile(
    r"(?:.*[._-])?(?:user(?:[_-]?(?:name|id))?|log[io]n|pwd|pass(?:wd)?|pin|key|token|[su]id|session|client[_-]?ip|person)",
    re.IGNORECASE | re.DOTALL,
)
_SUBJECT = re.compile("cn|ou?|dc|commonname|organi[sz]ation(?:al ?unit)?name|emailaddress", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*")
_CLAUSE = re.compile(r"""[^\r\n,;|{}<>"]*""")
_TOKEN = re.compile(r"""[^\s,;|&{}<>"')]*""")
_QUOTED = re.compile(r"""(["'])[^"'\r\n]*+(?:\1|(?=[\r\n])|$|[^\r\n]*)""")

_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_TIME = r"[0-2]?\d:[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:\ ?(?:GMT|UTC|Z|[+-]\d\d:?\d\d))?"
_SIGNS = "\xa3\xa7\xa9\xab\xae\xb0\xb1\xb7\xbb\xd7\xf7\u2010-\u205e\u20ac\u2122\u2190-\u22ff\ufffd"
_PIECE = rf"(?:[0-9A-Za-z]|[^\x00-\x7f\s{_SIGNS}])"
# An alternative that never matches stands last in possessive groups: see tests/test_patterns.py.
_PATTERN = re.compile(
    rf"""
      (?P<moment> (?<![\w.:/-]) (?:
          \d{{4}}-\d\d-\d\d[T\ _]{_TIME}{_ZONE} | 20[2-9]\d-[01]\d-[0-3]\d | {_TIME}{_ZONE}
        | (?:\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}} | {_MONTH}\ {{1,2}}\d{{1,2}},?(?:\ \d{{4}})?)
            [ :,T]{{1,2}}{_TIME}{_ZONE}(?:\ \d{{4}})?
        | (?:\d{{1,2}}[ -]{_MONTH}[ -]|{_MONTH}\ \d{{1,2}},?\ )20[2-9]\d
        | \d+\.\d+\.\d+/\d{{4,6}}/[A-Z][a-z][a-z]  # ClamAV's version, its signatures' and their day
      ) (?![\w:-]|[./]\w) )
    | (?P<date> (?<!\w) (?:
        \d{{1,2}}\.?[ -]{_MONTH}[ -.]{{0,2}}\d{{4}} | {_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?,?\ \d{{4}}) (?!\w) )
    | (?P<url> (?P<scheme> (?<![\w+.-]) [a-z][a-z0-9+.-]{{1,20}}+ :// ) [^\s"'<>`\\,;]++ )
    | (?P<target> (?<![\w-]) (?P<header> host [ \t]{{0,8}}: [ \t]{{0,8}} ) (?P<at> [^\s,;"'<>]++ ) )
    | (?P<ours> \b icapdiag-[0-9a-f]{{16}} \b )
    | (?P<mac> (?<![\w:.-]) (?:
        (?:[0-9a-f]{{2}}[:-]){{5}}[0-9a-f]{{2}} | [0-9a-f]{{4}}\.[0-9a-f]{{4}}\.[0-9a-f]{{4}} ) (?![\w:-]) )
    | (?P<v6> (?<![\w:.]) (?: [0-9a-f]{{0,4}} : ){{2,7}}
        (?: (?:\d{{1,3}}\.){{3}}\d{{1,3}} | [0-9a-f]{{1,4}} | (?<=::) ) (?:%[\w.-]{{1,32}})? (?!\w|:[\w:]) )
    | (?P<code> (?<!\w) [a-z]{{1,4}}[0-9]{{1,6}} (?:[ -][0-9]{{1,6}}){{2,12}} (?!\w) )  # IBAN and the like
    | (?P<number> (?<!\w) [0-9]++
        (?: (?: [.\-_/\\:@%=,\ ] | \)[ -]? | \ \( ) [0-9]++ )* (?! {_PIECE} | [.\-_/\\:@%=]{{1,3}}{_PIECE} ) )
    | (?P<query> (?: (?<=[\w/]) | \A ) \? [\w.~%+-]++ = [^\s"'<>]*+ )
    | (?P<service> (?<![\w.-]) {_PIECE}++ (?: [.\-_]{{1,3}}+ {_PIECE}++ | (?!) )*+ (?<![0-9])
        : [0-9]{{4,5}} (?![\w-]|[.:]\w|\ [0-9]) )
    | (?P<run> (?: (?<!\w)[/\\~@]{{1,3}} )? {_PIECE}++ (?: [.\-_/\\@%]{{1,3}}+ {_PIECE}++ | (?!) )*+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"(?:version|release|build|[a-z-]*(?:icap|av|core|ssl|squid|python|nginx|apache|proxy|linux)) v?$", re.IGNORECASE
)


class Texts:
    """Replaces in texts. ``names``: values that are known to identify, with their kinds; ``note`` is told of each.

    ``again``: the text was redacted before, and pseudonyms in it are ours. ``own``: what is in our runbooks stays.
    """

    def __init__(
        self, pseudonyms: Pseudonyms, names: dict[str, str], note: Note, *, again: bool = False, own: bool = False
    ) -> None:
        self._pseudonyms = pseudonyms
        self._names = {folded(name): (kind, name) for name, kind in reversed(names.items())}
        self._note = note
        self._known = Known(names)
        self._again = again
        self._is_own = own

    def of(self, text: str) -> str:
        """``text`` with everything replaced that is not known to be harmless. Linear in its length.

        Applied to its own result, it changes nothing.
        """
        if not self._is_own:
            return self._of(text)
        places = [0, *(place for span in our_own(text, self._known) for place in span), len(text)]
        parts = [text[start:end] for start, end in pairwise(places)]
        return "".join(part if number % 2 else self._of(part) for number, part in enumerate(parts))

    def _of(self, text: str) -> str:
        if text.lower() in vocabulary() and folded(text) not in self._names:
            return text
        shown = self._once(text)
        if shown == text and (self._again or not PSEUDONYM.search(text)):
            return shown
        redacted = self if self._again and not self._names else Texts(self._pseudonyms, {}, self._note, again=True)
        for _ in range(_ROUNDS):
            before, shown = shown, redacted._once(shown)  # noqa: SLF001 - of the same class
            if before == shown:
                return shown
        return REMOVED

    def _once(self, text: str) -> str:
        meant = decoded(text)
        redacted = self._without_secrets(meant)
        if meant == text or redacted != meant:
            return redacted
        return text if self._without_secrets(text) == text else redacted

    def of_own(self, text: str) -> str:
        """A text of a runbook or of icapdiag: only known values are replaced."""
        return self._around_names(text, str)

    def named(self, kind: str, value: str) -> str:
        """The pseudonym of a value of this kind. The name of a host is the same in any letter case."""
        value = value.lower() if kind in {"host", "mail", "header"} else value
        found = value if self._again and PSEUDONYM.fullmatch(value) else self._pseudonyms.of(kind, value)
        if found != value:
            self._note(kind, value, found)
        return found

    def _without_secrets(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        found = _KEY.search(text)
        while found:
            value = _value_of(found, text)
            end = found.end() + len(value)
            if value:
                before = self._around_names(text[at : found.start()], self._plain)
                parts += (before, self._run(found[1], "header"), found[2], self._removed("secret", value))
                at = end
            found = _KEY.search(text, end)
        return "".join((*parts, self._around_names(text[at:], self._plain)))

    def _around_names(self, text: str, between: Callable[[str], str]) -> str:
        parts: list[str] = []
        at = 0
        for start, end in self._known.spans(text):
            parts += (self._around_ours(text[at:start], between), self.named(*self._names[folded(text[start:end])]))
            at = end
        return "".join((*parts, self._around_ours(text[at:], between)))

    def _around_ours(self, text: str, between: Callable[[str], str]) -> str:
        if not self._again:
            return between(text)
        places = [0, *(place for found in PSEUDONYM.finditer(text) for place in found.span()), len(text)]
        parts = [text[start:end] for start, end in pairwise(places)]
        return "".join(part if number % 2 else between(part) for number, part in enumerate(parts))

    def _plain(self, text: str) -> str:
        return _PATTERN.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        text = found[0]
        match str(found.lastgroup):  # of groups in each other the outermost
            case "moment" | "ours":
                shown = text
            case "url":
                shown = self._url(found["scheme"], text)
            case "target":
                shown = f"{found['header']}{self._host(found['at'])}"
            case "query":
                shown = f"?{self._removed('query', text[1:])}"
            case "v6":
                shown = self._address(text) or ":".join(map(self._run, text.split(":")))
            case "number":
                before = found.string[max(0, found.start() - 30) : found.start()]
                is_version = _PRODUCT.search(before) is not None and _is_version(f"v{text}")
                shown = text if is_version else self._number(text)
            case "service":
                shown = self._host(text)
            case "run":
                shown = self._run(text)
            case "code":
                shown = self.named("number", text)
            case kind:
                shown = self.named(kind, text.lower())
        return shown

    def _removed(self, kind: str, value: str) -> str:
        if value != REMOVED:
            self._note(kind, value, REMOVED)
        return REMOVED

    def _run(self, run: str, kind: str = "word") -> str:
        """A run without ``=`` and ``:``, whose two sides are judged separately, as are those of a single slash."""
        if run.lower() in vocabulary() or not WORD.search(run):
            return run
        if "@" in run or "\\" in run:
            return self.named("mail" if "@" in run else "path", run)
        return self._path(run, kind) if "/" in run or run[0] == "~" else self._joined(run, kind)

    def _path(self, run: str, kind: str) -> str:
        """/avscan stays, as c-icap/0.5.10 does; longer paths describe someone's disk or site."""
        steps = run.strip("/").split("/")
        match steps:
            case [step] if run[0] != "~":
                return run.replace(step, self._joined(step, kind))
            case [name, version] if run[0] not in "/~":
                shown = version if _is_version(f"{name}-{version}") else self._joined(version, kind)
                return f"{self._joined(name, kind)}/{shown}"
        return f"{'/' * (run[0] == '/')}{self.named('path', run)}"

    def _joined(self, run: str, kind: str) -> str:
        """Pieces joined by ``. - _ %``: kept if all are harmless and it is not a host, else replaced as a whole."""
        stem, dot, ending = run.rpartition(".")
        if not re.search(r"[^0-9._%-]", run):
            return self._number(run)
        if run.lower() in vocabulary() or _is_version(run):
            return run
        if dot and _ENDING.fullmatch(ending) and "." not in stem:
            return f"{self._joined(stem, kind)}.{ending}"
        pieces = re.split("[._%-]+", run)
        numbers = [piece for piece in pieces if piece.isdigit()]
        is_header = run[:2].lower() == "x-"
        is_odd = dot or is_header or len(numbers) > _NUMBERS or sum(map(len, numbers)) > _FEW
        if not is_odd and all(map(is_harmless, filter(None, pieces))):
            return run
        return self.named("host" if dot and not ending.isdigit() else "header" if is_header else kind, run)

    def _number(self, text: str) -> str:
        """Digits, with or without separators: an address or a size; otherwise it may be a personal number."""
        parts = re.split("([ ,])", text)
        if (
            _OCTETS.fullmatch(text)
            and sum(map(str.isdigit, text)) > _FEW
            and (address := self._address(".".join(parts[:8:2])))
        ):
            return address
        if len(parts) > 1 and any(map(_V4.match, parts)):
            return "".join(part if part in " ," else self._number(part) for part in parts)
        found = _V4.fullmatch(text)
        if found and (address := self._address(".".join(found.group(1, 3, 4, 5)))):
            return f"{address}{found[6]}"
        whole, dot, fraction = text.partition(".")
        is_figure = _THOUSANDS.fullmatch(whole) and (fraction.isdigit() or not dot)
        is_one = whole.isdigit() and not (dot and (_ZERO.match(whole) or not fraction.isdigit()))
        is_exact = "." not in fraction and len(fraction) > _FRACTION  # as coordinates are
        longest = 0 if is_exact else DIGITS if is_one else DIGITS - 1
        is_grouped = text.count(" ") > 1 and not re.search(r"(?<![0-9])[0-9](?![0-9])", text)  # as a number is read out
        if is_figure or (
            not is_grouped and sum(map(str.isdigit, text)) <= longest and not found and not _DAY.fullmatch(text)
        ):
            return text
        return self.named("number", text)

    def _url(self, scheme: str, text: str) -> str:
        """The scheme, the host's pseudonym, and the path if it is harmless; user and query are removed."""
        authority, slash, path = text[len(scheme) :].partition("/")
        authority, *query = re.split(r"[?#]", authority, maxsplit=1)
        path, *more = re.split(r"[?#]", path, maxsplit=1)
        ends = query or more
        end = f"?{self._removed('query', ends[0])}" if ends else ""
        user, at, host = authority.rpartition("@")
        if at:
            self._removed("secret", user)
        return f"{self._run(scheme[:-3])}://{self._host(host)}{slash}{self._url_path(path)}{end}"

    def _url_path(self, path: str) -> str:
        return path if not path or (self._plain(path) == path and "/" not in path) else self.named("path", f"/{path}")

    def _host(self, text: str) -> str:
        """A text that can only be a host, with or without a port."""
        name, colon, port = text.partition(":")
        if text.startswith("[") or not re.fullmatch("[0-9]{0,5}", port):
            name, colon, port = text.strip("[]"), "", ""
            if (found := re.fullmatch(r"\[(.+)\](:[0-9]{1,5})?", text)) is not None:
                name, port = found[1], found[2] or ""
        if name.lower() == "localhost" or ("." in name and name.lower() in vocabulary()):
            return text
        return f"{(self._address(name) or self.named('host', name)) if name else ''}{colon}{port}"

    def _address(self, text: str) -> str:
        """The pseudonym of an address, "" for anything else."""
        try:
            return self.named("address", str(ip_address(text.partition("%")[0])))
        except ValueError:
            return ""


def _value_of(found: re.Match[str], text: str) -> str:
    """The value after the name of a secret; "" if the name is not one."""
    name, sign = found[1], found[2]
    form = None
    if _HEADER.search(name):
        form = _LINE if ":" in sign or _LISTED.search(name) else _TOKEN
    elif _SECRET.fullmatch(name):
        form = _CLAUSE if ":" in sign else _TOKEN
    elif "=" in sign and _SUBJECT.fullmatch(name):
        form = _CLAUSE
    if form is None:
        return ""
    value = (form is not _LINE and _QUOTED.match(text, found.end())) or form.match(text, found.end())
    return value[0] if value and value[0].strip() else ""


def _is_version(text: str) -> bool:
    """Whether it is a version, with or without the product's name before it, and not an address or a date."""
    found = _VERSION.fullmatch(text) if len(text) <= 80 else None
    if found is None or _ZERO.search(found["numbers"]):
        return False
    pieces = [*re.split("[-_]", found["product"] or ""), *re.split("[-_]", found["rest"])]
    is_named = found["product"] or text[0] in "vV"
    return (
        all(map(is_harmless, filter(None, pieces)))
        and sum(map(str.isdigit, text)) <= DIGITS + 1
        and not _V4.fullmatch(found["numbers"])
        and not _COORDINATE.fullmatch(text)
        and not (_DAY.fullmatch(found["numbers"]) and (not is_named or re.search("[0-9]{4}", found["numbers"])))
    )


# --- bytes of a connection -------------------------------------------------------------------------

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def wire(text: str, redacted: Callable[[str], str]) -> str:
    """Redact bytes given as ISO 8859-1 text; the result has the same form."""
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
    """As UTF-8; None if it is not text."""
    try:
        text = line if line.isascii() else line.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
    return None if _CONTROLS.search(text) else text


def _as_bytes(text: str) -> str:
    """Escaped control characters stay escaped, so that their line still counts as text the next time."""
    shown = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return shown.encode("utf-8", "backslashreplace").decode("latin-1")
