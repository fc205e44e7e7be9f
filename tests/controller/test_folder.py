"""The folder of a pull is read as it was written; anything else is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from icapdiag.controller.folder import (
    Asked,
    Metrics,
    NotAPull,
    NotVisible,
    PoolRuntime,
    Pull,
    PulledLog,
    PullFolder,
    Runtime,
    ServiceMetrics,
    ServiceRuntime,
    Writer,
    is_pull_folder,
    log_file,
)

_LOG = PulledLog("shop", "virtualservice-1", "logs/shop-virtualservice-1.jsonl.gz", 3, complete=False, why="stopped")
_PULL = Pull(
    controller="avi.example.com",
    version="30.2.1",
    tenant="admin",
    since="2026-01-31T10:00:00Z",
    until="2026-01-31T12:00:00Z",
    started_at="2026-01-31T12:00:00Z",
    finished_at="2026-01-31T12:01:00Z",
    complete=False,
    asked=(Asked("/api/icapprofile", 200, 1), Asked("/api/pkiprofile/pkiprofile-1", 403)),
    not_visible=(NotVisible("PKIProfile ca", "not permitted (403)"),),
    logs=(_LOG,),
)
_RUNTIME = Runtime(
    pools=(PoolRuntime("pool-1", "icap", detail=[{"hostname": "a"}], hmonstat={"b": 1}),),
    virtual_services=(ServiceRuntime("virtualservice-1", "shop", icapstats={}),),
    service_engines=({"name": "se-1"},),
)
_METRICS = Metrics((ServiceMetrics("virtualservice-1", "shop", _PULL.since, _PULL.until, 300, metrics={"series": []}),))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    writer, folder = Writer(tmp_path), PullFolder(tmp_path)
    assert not is_pull_folder(tmp_path)
    writer.config({"Version": "30.2.1"}, {"Pool": [{"name": "icap"}]})
    writer.runtime(_RUNTIME)
    writer.metrics(_METRICS)
    writer.pull(_PULL)
    assert is_pull_folder(tmp_path)
    assert (_PULL, _RUNTIME, _METRICS) == (folder.pull(), folder.runtime(), folder.metrics())
    assert (tmp_path / _LOG.file,) == folder.log_files()
    assert {0o600} == {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "can't be read: Input data was truncated"),
        ('{"format": 1}', "can't be read: Object missing required field `controller`"),
        ('{"controller": ' + "[" * 100_000, "can't be read: Expected `str`, got `array`"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pull.json").write_text(text)
    with pytest.raises(NotAPull, match=r"pull\.json: ") as caught:
        PullFolder(tmp_path).pull()
    assert said in str(caught.value)


def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runtime.json").write_text('{"service_engines": [' + "[" * 100_000)
    with pytest.raises(NotAPull, match="nested too deeply"):
        PullFolder(tmp_path).runtime()


@pytest.mark.parametrize("file", ["/etc/passwd", "logs/../../x.jsonl.gz", "logs/a/b.jsonl.gz", "config.json"])
def test_a_log_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    Writer(tmp_path).pull(replace(_PULL, logs=(PulledLog("a", "b", file, 1, complete=True),)))
    with pytest.raises(NotAPull, match="is not a log file of this folder"):
        PullFolder(tmp_path).pull()


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    Writer(tmp_path).pull(replace(_PULL, format=2))
    with pytest.raises(NotAPull, match="reads format 1"):
        PullFolder(tmp_path).pull()


def test_the_name_of_a_log_file_is_a_plain_one() -> None:
    assert "logs/_.._shop_1-virtualservice-1.jsonl.gz" == log_file("/../shop 1", "virtualservice-1")
    assert len(log_file("x" * 500, "y" * 500)) < 200
