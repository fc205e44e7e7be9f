"""Runs scripts with bash, and damages what they print as terminals do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import trio

from icapdiag.api.se_script import se_script
from icapdiag.lab import LabMember
from icapdiag.pool import loads_pool
from icapdiag.pool.model import Pool

PROMPT = b"admin@avi-se-1:~$ "
WITH_TOOLS = ("base64", "cksum", "openssl", "printf", "date")


class Output(NamedTuple):
    """What a script printed."""

    out: bytes
    err: bytes
    status: int


def pool_of(text: str, name: str) -> Pool:
    """One member of a pool file."""
    pool = loads_pool(text.encode(), Path("pool.yaml"))
    return type(pool)(
        **{field: getattr(pool, field) for field in pool.__struct_fields__ if field != "members"},
        members=tuple(member for member in pool.members if member.name == name),
    )


def tools(folder: Path, names: Sequence[str] = WITH_TOOLS) -> Mapping[str, str]:
    """An environment whose PATH has bash and these programs, and no Python."""
    folder.mkdir(exist_ok=True)
    for name in ("bash", *names):
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


async def run(text: str, environment: Mapping[str, str], *, bash: str = "/bin/bash") -> Output:
    """Run it as `bash FILE` would, from standard input."""
    done = await trio.run_process(
        [bash, "-s"], stdin=text.encode(), capture_stdout=True, capture_stderr=True, check=False, env=environment
    )
    return Output(done.stdout, done.stderr, done.returncode)


def script_for(pool_yaml: str, member: LabMember, *, timeout: float, eicar: bool = True) -> str:
    """The script for one member of the lab."""
    return se_script(pool_of(pool_yaml, member.name), eicar=eicar, connect_timeout=timeout, timeout=timeout)


# --- what terminals and tickets do -----------------------------------------------------------------


def wrapped(data: bytes) -> bytes:
    """Lines of at most 80 characters, on a screen whose text is indented by 20."""
    lines: list[bytes] = []
    for line in data.split(b"\n"):
        shown = b" " * 20 + line
        lines += [shown[at : at + 80] for at in range(0, len(shown), 80)] or [b""]
    return b"\n".join(lines)


def with_prompts(data: bytes) -> bytes:
    """A prompt before every third line, and one by itself, in colours."""
    lines = data.split(b"\n")
    prompted = [(b"\x1b[1;32m" + PROMPT + b"\x1b[0m" + line) if at % 3 == 0 else line for at, line in enumerate(lines)]
    return b"\n".join(line for each in prompted for line in (each, PROMPT))


def with_crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


DAMAGES = {"wrapped": wrapped, "prompts": with_prompts, "crlf": with_crlf, "twice": lambda data: data + data}


def ip_is_usable() -> bool:
    """Whether network namespaces can be made here."""
    return os.geteuid() == 0 and shutil.which("ip") is not None
