"""What ships: the wheel is complete, and neither it nor the repository holds the EICAR test string."""

from __future__ import annotations

import compileall
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.icap.samples import eicar
from icapdiag.runbook import load_runbooks
from tests.eicar_search import needles, traces

_ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built and unpacked wheel, compiled as an installer does it."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(argv, cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    unpacked = folder / "unpacked"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(unpacked)
    assert compileall.compile_dir(unpacked, quiet=1)
    return unpacked


def _metadata(wheel: Path, name: str) -> str:
    return next(wheel.glob(f"icapdiag-*.dist-info/{name}")).read_text()


def test_wheel_holds_every_runbook(wheel: Path) -> None:
    there, here = _ROOT / "runbooks", wheel / "icapdiag/runbooks"
    expected = {path.relative_to(there): path.read_bytes() for path in there.rglob("*.md")}
    assert expected == {path.relative_to(here): path.read_bytes() for path in here.rglob("*.md")}
    assert expected


def test_wheel_reads_its_runbooks_from_the_index(wheel: Path) -> None:
    code = (
        "import sys; from icapdiag.runbook import builtin_directory, load_runbooks; library = load_runbooks();"
        " print(builtin_directory(), len(library.runbooks), library.digest, 'yaml' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=wheel, capture_output=True, text=True, check=True, timeout=60
    )
    library = load_runbooks()

    assert f"{wheel / 'icapdiag/runbooks'} {len(library.runbooks)} {library.digest} False" == done.stdout.strip()


def test_wheel_holds_the_whole_package_and_nothing_beside_it(wheel: Path) -> None:
    package = (path for path in (_ROOT / "icapdiag").rglob("*") if path.is_file() and path.suffix != ".pyc")
    expected = {path.relative_to(_ROOT) for path in package}
    runbooks = wheel / "icapdiag/runbooks"
    shipped = (path for path in (wheel / "icapdiag").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert expected == {path.relative_to(wheel) for path in shipped if runbooks not in path.parents}
    assert ["icapdiag"] == [path.name for path in wheel.iterdir() if path.suffix not in {".dist-info", ".data"}]
    assert [Path("share/man/man1/icapdiag.1")] == [
        path.relative_to(data) for data in wheel.glob("*.data/data") for path in data.rglob("*") if path.is_file()
    ]


def test_wheel_is_typed(wheel: Path) -> None:
    assert (wheel / "icapdiag/py.typed").is_file()


def test_wheel_has_the_command_and_the_licence(wheel: Path) -> None:
    assert "icapdiag = icapdiag.__main__:main" in _metadata(wheel, "entry_points.txt")
    assert "Apache License" in _metadata(wheel, "licenses/LICENSE")


def test_no_eicar_in_the_wheel_or_what_it_compiles_to(wheel: Path) -> None:
    assert len(list(wheel.rglob("*.pyc"))) == len(list(wheel.rglob("*.py")))
    assert [] == traces(wheel)


def test_no_eicar_in_the_repository() -> None:
    assert [] == traces(_ROOT)


@pytest.mark.parametrize(
    "encode",
    [bytes, bytes.upper, lambda whole: whole.hex().encode(), lambda whole: whole[:28] + b"' '" + whole[28:]],
    ids=["whole", "upper case", "hex", "in two quoted pieces"],
)
def test_the_search_finds_it(encode: Callable[[bytes], bytes]) -> None:
    assert any(needle in (b"<" + encode(eicar()) + b">").lower() for needle in needles().values())


def test_contributing_names_files_that_are_there() -> None:
    named = re.findall(r"`((?:icapdiag|tests)/[\w./]+)`", (_ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 8
    assert [] == [name for name in named if "NAME" not in name and not (_ROOT / name).exists()]
