"""The placeholders of a runbook's commands, and a member's values in their place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Protocol

_PLACEHOLDER = re.compile(r"\{(host|port|service_uri|service)\}")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_PRINTF = re.compile(r"\bprintf\s+$")
# Clients that talk in clear text, and what does the same inside TLS. Whose certificate it is, is another question.
_CLEAR_NC = re.compile(r"\bnc -w (\d+) (\{host\}) (\{port\})")
_TLS_NC = r"timeout \1 openssl s_client -quiet -connect \2:\3 2>/dev/null"
_CLEAR_CLIENT, _TLS_CLIENT = "c-icap-client -i ", "c-icap-client -tls -tls-no-verify -i "


class Place(Protocol):
    """Where a server is: ``port`` None and ``service_uri`` empty where nobody said."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int | None: ...

    @property
    def service_uri(self) -> str: ...


def values(member: Place | None, service_uri: str | None) -> dict[str, str]:
    """What is known; a placeholder without a value stays as it is. A member without a port has ICAP's."""
    known: dict[str, str] = {}
    if member is not None:
        known["host"] = member.host
        known["port"] = str(member.port or 1344)
    uri = service_uri or (member.service_uri if member else "")
    if uri:
        known["service_uri"] = uri
        known["service"] = uri.removeprefix("/")
    return known


def over_tls(markdown: str) -> str:
    """The commands for a member with TLS. A text that has s_client of its own compares the two, and stays as it is."""
    if "openssl s_client" in markdown:
        return markdown
    return _CLEAR_NC.sub(_TLS_NC, markdown).replace(_CLEAR_CLIENT, _TLS_CLIENT)


def fill(markdown: str, known: Mapping[str, str]) -> str:
    """The text with the values in place: in code blocks quoted for the shell where they stand, plain in prose."""
    if not known:
        return markdown
    lines: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        edge = _FENCE.match(line)
        if edge and (not fence or edge[1].startswith(fence)):
            fence = "" if fence else edge[1]
            lines.append(line)
        else:
            lines.append(fill_command(line, known) if fence else _prose(line, known))
    return "\n".join(lines)


def _prose(line: str, known: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), line)


def fill_command(line: str, known: Mapping[str, str]) -> str:
    """A line of shell: how a value must be quoted depends on the quotes that are open before it."""
    done, at = "", 0
    for found in _PLACEHOLDER.finditer(line):
        done += line[at : found.start()]
        at = found.end()
        value = known.get(found[1])
        if value is None:
            done += found[0]
            continue
        if found[1] == "host" and ":" in value and line.startswith(":", at):
            value = f"[{value}]"  # an address with a port behind it: RFC 3986, 3.2.2
        done += _quoted(value, line[: found.start()])
    return done + line[at:]


def _quoted(value: str, before: str) -> str:
    """The value as it has to be written after ``before``, the line so far."""
    quotes = _open_quotes(before)
    if not quotes:
        return shlex.quote(value)
    if _PRINTF.search(before[: quotes[-1][1]]):
        value = value.replace("\\", "\\\\").replace("%", "%%")  # printf reads its format once more
    for quote, _ in reversed(quotes):
        value = value.replace("'", "'\\''") if quote == "'" else re.sub(r'(["\\$`])', r"\\\1", value)
    return value


def _open_quotes(before: str) -> list[tuple[str, int]]:
    """The quotes open at the end, outermost first, with their places.

    An apostrophe within double quotes opens one too: the text is a script of its own there (``sh -c "…"``).
    """
    stack: list[tuple[str, int]] = []
    escaped = False
    for place, char in enumerate(before):
        quote = stack[-1][0] if stack else ""
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif char == quote:
            stack.pop()
        elif char == "'" or (char == '"' and not stack):
            stack.append((char, place))
    return stack
