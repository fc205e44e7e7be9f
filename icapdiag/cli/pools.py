"""The pool that a command is given: a file or URLs. What is wrong with it ends the command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer

from icapdiag.bounded import read_file
from icapdiag.cli.console import stop_with
from icapdiag.controller.folder import configuration_in
from icapdiag.mistakes import Located
from icapdiag.pool import Pool, PoolError, load_pool, pool_from_urls
from icapdiag.pool.avi import VIRTUAL_SERVICE_OPTION, Choice
from icapdiag.recognise import LOOKED_AT, POOL_COMMAND, recognised
from icapdiag.vocabulary import FROM_COMMAND_LINE


def load(
    targets: list[str],
    choice: Choice,
    service_uri: str | None,
    *,
    hint: str = "POOL",
    resolve: Callable[[Pool], Pool] = lambda pool: pool,
) -> Pool:
    """The pool of a file or of URLs. ``hint`` names the argument; ``resolve`` may change a file's pool."""
    urls = [target for target in targets if "://" in target]
    try:
        if urls:
            if len(urls) < len(targets):
                raise typer.BadParameter("a pool file and URLs can't be mixed", param_hint=hint)
            if option := _for_files(choice, service_uri):
                raise typer.BadParameter("is for files, not for URLs", param_hint=option)
            return pool_from_urls(urls, name=FROM_COMMAND_LINE)
        if len(targets) > 1:
            raise typer.BadParameter("only one pool file can be checked at a time", param_hint=hint)
        return resolve(load_pool(_file(Path(targets[0])), service_uri=service_uri, **choice._asdict()))
    except PoolError as error:
        stop_with(_instead(targets[0]) or [*map(_named, error.errors), *_hint(targets)])


def _file(path: Path) -> Path:
    """The file itself, or the configuration in a folder of `pull`."""
    return (configuration_in(path) if path.is_dir() else None) or path


def _named(error: Located) -> str:
    """A mistake; one that has no line begins with the program's name, as other errors do."""
    return f"icapdiag: {error}" if error.line is None else str(error)


def _for_files(choice: Choice, service_uri: str | None) -> str:
    """The option that was given and is for files only; empty if there is none."""
    given = {"--profile": choice.profile, VIRTUAL_SERVICE_OPTION: choice.virtual_service, "--service-uri": service_uri}
    return next((option for option, value in given.items() if value is not None), "")


def _instead(file: str) -> list[str]:
    """What a file without a pool is, and which command is for it."""
    with suppress(OSError, ValueError):
        found = recognised(read_file(Path(file), LOOKED_AT, regular=True))
        if found is not None and POOL_COMMAND not in found.instead:
            return [f"icapdiag: {found.said(file)}"]
    return []


def _hint(targets: list[str]) -> list[str]:
    """What to write instead, for who gave a server where a file is wanted."""
    target = targets[0]
    if (
        len(targets) > 1
        or "://" in target
        or Path(target).suffix in {".yaml", ".yml", ".json"}
        or Path(target).exists()
    ):
        return []
    return [f"For a server give its URL: icap://{target}{'' if '/' in target else '/SERVICE'}"]
