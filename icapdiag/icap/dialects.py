"""What the verdict headers of ICAP servers say: a reader for each way to say it.

draft-stecher-icap-subid-00 (4.6 to 4.8) names X-Infection-Found, X-Violations-Found and X-Virus-ID; all else is a
vendor's own. A reader gets one header value and answers what that one value says. Which header is read how is in
`icapdiag.icap.header_table`, how claims are weighed against each other in `icapdiag.icap.verdict`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

ALLOWED: Final = "allowed"
BLOCKED: Final = "blocked"
MODIFIED: Final = "modified"
UNSCANNABLE: Final = "unscannable"
ERROR: Final = "error"
UNKNOWN: Final = "unknown"

TEXT_KEPT = 200  # characters of a server's words, or of a threat's name
GRAVITY = (BLOCKED, UNSCANNABLE, ERROR, MODIFIED, ALLOWED)  # gravest first


class Claim(NamedTuple):
    """What one part of an answer says about the body, without the others.

    ``source`` is a header's name, ``status`` (ICAP) or ``http-status`` (the encapsulated head).
    ``explicit`` is of use for ``allowed`` only: False means "nothing was found", which leaves room for
    a block on other grounds. ``cleaned``: the server says that the returned body is the file without the threat.
    ``fallback_name``: ``threats`` holds a short form, of use only where no other header names the threat.
    """

    verdict: str
    words: str  # the server's own, tidied
    threats: tuple[str, ...] = ()
    explicit: bool = True
    cleaned: bool = False
    fallback_name: bool = False
    source: str = ""


Reader = Callable[[str], Claim | None]


def tidy(text: str) -> str:
    """The text on one line, at most `TEXT_KEPT` characters of it. Escaping is left to where it is shown."""
    return " ".join(text[: 4 * TEXT_KEPT].split())[:TEXT_KEPT]


def _name(text: str) -> str:
    return tidy(text).strip("\"'; ")


def _names(text: str) -> tuple[str, ...]:
    """Trend Micro joins several names with commas and no space; a comma within prose parts nothing."""
    name = _name(text)
    parts = name.split(",") if "," in name and " " not in name else [name]
    return tuple(part for part in parts if part)


# --- words ------------------------------------------------------------------------------------
# Every pattern is tried on a tidied, bounded text; none has a repetition within a repetition.

Phrases = tuple[tuple[str, str], ...]


def _find(phrases: Phrases, text: str) -> str | None:
    # Compiled when first tried, and kept by re: all of them would take 5 ms of every start.
    return next((verdict for pattern, verdict in phrases if re.search(pattern, text, re.IGNORECASE)), None)


# Results of MetaDefender Core as MetaDefender ICAP Server repeats them (spelling has changed over the
# years), Trend Micro DDAN, Skyhigh; the last lines of each group are likely wordings, not documented ones.
# First match wins, so the order is: nothing found, refused, cleaned, could not be looked into, scanner failed.
REASONS: Phrases = (
    (r"^no threats?\b|^clean\b|(allow|white)listed|skipped clean", ALLOWED),
    (r"\bno\b.{0,40}\brule\b", BLOCKED),  # never scanned, and blocked all the same: the default of a fresh server
    (r"^infected|^suspicious|(block|black)listed|skipped (infected|dirty)|known bad|\byara\b", BLOCKED),
    (r"\bpu[ap]\b|potentially unwanted|mismatch|vulnerable|sensitive data", BLOCKED),
    (r"\b(file|url): detected\b|(malware|virus|threat) (found|detected)|^virus\b", BLOCKED),
    (r"\bmedia type\b|^file (type|extension) blocked", BLOCKED),
    (r"^cleaned|^disinfected|^saniti[sz]ed|^deleted", MODIFIED),
    (r"\bencrypted\b|password[- ]protected", UNSCANNABLE),
    (r"exceeded archive|archive .{0,20}exceeded|\bcontainer .{0,20}violation", UNSCANNABLE),
    (r"unsupported|not supported", UNSCANNABLE),
    (r"\b(body|request|file)\b.{0,40}\b(size|large|big)\b|\btoo (large|big)\b", UNSCANNABLE),
    (r"^failed|failed to scan|not scanned|\babort|cancel|in progress", ERROR),
    (r"error received from metadefender core", ERROR),
    (r"licen[cs]e|\bno core\b|\bcore\b.{0,40}(unreach|unavail|connect|server)", ERROR),
    (r"\btimed? ?out\b|invalid (request|header|character)|^(internal |scan(ning)? )?error", ERROR),
    (r"\bno risk rating\b", ALLOWED),
)

# A threat's name is the server's free choice, so only whole phrases count here:
# "Exploit.D-Encrypted.Gen" is a virus, "Encrypted Archive" and ClamAV's "Heuristics.Encrypted.Zip" are none.
NOT_A_THREAT: Phrases = (
    (r"^encrypted (archive|container|document|file)\b|^password[- ]protected\b", UNSCANNABLE),
    (r"^exceeded archive\b|^(encrypted )?container .{0,20}violation\b", UNSCANNABLE),
    (r"^heuristics\.(encrypted|limits\.exceeded)\b", UNSCANNABLE),
    (r"^unsupported file type\b|^(archive|file (type|format)) not supported\b", UNSCANNABLE),
    (r"^(failed( to scan)?|not scanned|aborted|cancell?ed)$", ERROR),
)
NO_THREAT = re.compile(r"no threats?( (found|detected))?|none|clean|-", re.IGNORECASE)

ACTIONS: Phrases = (
    (r"^(allow|pass|clean|continue)", ALLOWED),
    (r"^(block|denied|deny)", BLOCKED),
    (r"^replace$", MODIFIED),  # c-icap content_filtering; its "none" and "add_header" say nothing
)
_URL_CATEGORY = re.compile(r"URL category .* is (\w+)", re.IGNORECASE)  # c-icap url_check
_SCORE = re.compile(r"\bscore=-?[0-9]+[<>=]", re.IGNORECASE)  # c-icap content_filtering: the action is in -Info


def action_word(value: str) -> str | None:
    """The verdict of an action word such as ``Blocked``, in any case; None for words that say nothing."""
    return _find(ACTIONS, _name(value))


# --- readers ----------------------------------------------------------------------------------

_INFECTION_FIELD = re.compile(r"(type|resolution|threat)(?:\s*=\s*|\s+)(.*)", re.IGNORECASE)
_INFECTION_TYPES = {"1": BLOCKED, "2": UNSCANNABLE}  # the words of a 0 are looked at


def read_infection(value: str) -> Claim | None:
    """X-Infection-Found: ``Type=0; Resolution=2; Threat=name;``, folded, cut or without ``=`` as it may be.

    Type 0 is a virus, 1 a policy violation, 2 a container that could not be looked into. The
    presence of the header is the detection; Resolution only says whether the body was cleaned.
    """
    whole = _name(value)
    if not whole or NO_THREAT.fullmatch(whole):
        return None
    fields: dict[str, str] = {}
    for part in " ".join(value[: 8 * TEXT_KEPT].split()).split(";"):
        found = _INFECTION_FIELD.fullmatch(part.strip())
        if found:
            fields.setdefault(found[1].lower(), found[2])
    name = fields.get("threat", "") if fields else whole
    verdict = _INFECTION_TYPES.get(fields.get("type", "")) or _find(NOT_A_THREAT, _name(name)) or BLOCKED
    return Claim(
        verdict,
        _name(name) or whole,
        _names(name) if verdict == BLOCKED else (),
        cleaned=fields.get("resolution") == "1",
    )


def read_violations(value: str) -> Claim | None:
    """X-Violations-Found: a count, then four lines a violation: file, threat, problem id, resolution id.

    The count decides alone: details may be missing. The names are second in each group of four;
    a bare number is none (an empty file name may have been lost with its line).
    """
    count, *details = value.split("\n")
    digits = re.match(r"[0-9]+", count.strip())
    if digits is None:
        return None
    if not digits[0].strip("0"):
        return Claim(ALLOWED, digits[0][:1], explicit=False)
    found = [name for name in (_name(line) for line in details[1::4]) if name and not re.fullmatch(r"-?[0-9]+", name)]
    verdicts = [_find(NOT_A_THREAT, name) or BLOCKED for name in found]
    threats = tuple(name for name, verdict in zip(found, verdicts, strict=True) if verdict == BLOCKED)
    verdict = BLOCKED if threats or not verdicts else verdicts[0]
    return Claim(verdict, tidy(", ".join(dict.fromkeys(found[:3]))) or tidy(count), threats)


def read_name(value: str) -> Claim | None:
    """X-Virus-ID, X-Virus-Name and the like: a threat, or words that say there is none."""
    name = _name(value)
    if not name:
        return None
    if NO_THREAT.fullmatch(name):
        return Claim(ALLOWED, name, explicit=False)
    verdict = _find(NOT_A_THREAT, name) or BLOCKED
    return Claim(verdict, name, _names(value) if verdict == BLOCKED else ())


def read_virus_id(value: str) -> Claim | None:
    """X-Virus-ID is the short form of X-Infection-Found (subid 4.7); ESET puts only a class word there."""
    claim = read_name(value)
    return claim and claim._replace(fallback_name=True)


def read_fsecure_result(value: str) -> Claim | None:
    word = _name(value)
    if not word:
        return None
    if NO_THREAT.fullmatch(word):
        return Claim(ALLOWED, word, explicit=False)
    return Claim(_find(REASONS, word) or BLOCKED, word)


def read_description(value: str) -> Claim | None:
    """X-Response-Desc: free text, on allowed answers too; unknown words say nothing."""
    text = tidy(value)
    if _SCORE.search(text):
        return None
    category = _URL_CATEGORY.fullmatch(text)
    verdict = _find(ACTIONS, category[1]) if category else _find(REASONS, text)
    return Claim(verdict, text, explicit=False) if verdict else None


def read_block_reason(value: str) -> Claim | None:
    """A header that is there only because something was blocked: unknown words are a block."""
    text = tidy(value)
    if text.lower() in {"", "-", "none", "no", "false", "0"}:
        return None
    return Claim(_find(REASONS, text) or BLOCKED, text, explicit=False)


def read_presence(value: str) -> Claim | None:
    text = _name(value)
    return Claim(BLOCKED, text) if text and not NO_THREAT.fullmatch(text) else None


def read_block_result(value: str) -> Claim | None:
    """Skyhigh's block id; 80 is malware, the others are a site's own and say nothing to a stranger."""
    return Claim(BLOCKED, "80") if value.strip() == "80" else None


_ERROR_CODES = {
    "file_type_blocked": BLOCKED, "file_extension_blocked": BLOCKED, "password_protected": UNSCANNABLE,
    "decode_error": UNSCANNABLE, "max_archive_layers_exceeded": UNSCANNABLE, "max_file_size_exceeded": UNSCANNABLE,
}  # fmt: skip


def read_error_code(value: str) -> Claim | None:
    """X-Error-Code of a Symantec 500 (as Nextcloud's files_antivirus reads it)."""
    verdict = _ERROR_CODES.get(value.strip().lower())
    return Claim(verdict, tidy(value)) if verdict else None


def read_info(value: str) -> Claim | None:
    verdict = action_word(value)
    return Claim(verdict, tidy(value)) if verdict else None


def read_shadow(value: str) -> Claim | None:
    """ICAPeg answers at once and scans afterwards: whatever it finds, the content passes."""
    if value.strip().lower() != "true":
        return None
    return Claim(ALLOWED, "true (shadow mode: the service lets everything pass and enforces nothing)")
