"""References between Avi objects, in the many spellings that APIs, exports and people use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

_UUID = re.compile(r"(?P<type>[a-z0-9]+)-[0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference says. Empty where it says nothing.

    ``word`` is a last path segment or a plain text, which may be a uuid or a name.
    """

    word: str = ""
    name: str = ""
    tenant: str = ""
    cloud: str = ""

    @property
    def label(self) -> str:
        """The most telling part, for a message."""
        return self.name or self.word


def parse_reference(text: str) -> Reference:
    """Read ``https://c/api/pool/UUID``, ``…#NAME``, ``/api/pool/?name=N&tenant=T``, ``/api/pool?…``, or a name."""
    if "/" not in text and "?" not in text:
        word, _, fragment = text.partition("#")
        return Reference(word, fragment) if fragment else Reference(text)
    rest, _, fragment = text.partition("#")
    path, _, query = rest.partition("?")
    try:
        keys = parse_qs(query, max_num_fields=32)
    except ValueError:
        keys = {}
    name, tenant, cloud = (keys.get(key, [""])[0] for key in ("name", "tenant", "cloud"))
    steps = [unquote(step) for step in path.split("/") if step]
    if "api" not in steps:
        return Reference(text)  # a name with a slash in it
    after = steps[steps.index("api") + 1 :]
    word = after[1] if len(after) > 1 else ""
    return Reference(word, fragment or name, tenant, cloud)


def type_of_uuid(text: str) -> str:
    """``pool-11a38043-…`` is a ``pool``; "" if the text is no uuid of Avi's."""
    match = _UUID.fullmatch(text)
    return match["type"] if match else ""


def type_of_url(text: str) -> str:
    """The object type in ``https://c/api/pool/…``; "" if there is none."""
    _, api, rest = text.partition("/api/")
    return re.split(r"[/?#]", rest, maxsplit=1)[0] if api else ""
