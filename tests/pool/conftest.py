"""Loading a text as a pool file, and the mistakes it gives."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from icapdiag import yamltree
from icapdiag.pool import Pool, PoolError, loads_pool

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Pool]:
    """Load a text that is a file in ``tmp_path``."""

    def call(text: str, **options: str) -> Pool:
        return loads_pool(textwrap.dedent(text).encode(), tmp_path / "pool.yaml", **options)

    return call


@pytest.fixture
def mistakes() -> Callable[..., list[str]]:
    """The errors of a text or bytes, one line each."""

    def call(text: str | bytes, file: str = "pool.yaml", **options: str) -> list[str]:
        data = textwrap.dedent(text).encode() if isinstance(text, str) else text
        with pytest.raises(PoolError) as caught:
            loads_pool(data, Path(file), **options)
        assert str(caught.value).splitlines() == [str(error) for error in caught.value.errors]
        return [str(error) for error in caught.value.errors]

    return call


@pytest.fixture
def member_mistake(mistakes: Callable[..., list[str]]) -> Callable[[str], str]:
    """What is said, without its place, about one member written as given in the YAML text."""

    def call(written: str) -> str:
        (line,) = mistakes(f"service_uri: /avscan\nmembers:\n  - {written}\n")
        return line.split(": ", 2)[2]

    return call


@pytest.fixture(params=["C", "Python"])
def either_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both of PyYAML's parsers: the C one is absent from some builds."""
    if request.param == "Python":
        monkeypatch.setattr(yamltree, "LOADER", yaml.SafeLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("this PyYAML has no libyaml")
    return str(request.param)
