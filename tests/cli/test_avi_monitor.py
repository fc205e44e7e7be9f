"""``icapdiag avi-monitor``: the script or the object on stdout or in files, and what can't be a monitor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import icapdiag

POOL = """\
pool: icap
profile: {service_uri: /avscan}
members: [192.0.2.1, 192.0.2.2]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pool.yaml").write_text(POOL, "utf-8")
    return tmp_path


def test_the_script_and_nothing_else(folder: Path) -> None:
    status, out, err = icapdiag("avi-monitor", "pool.yaml", cwd=folder)

    assert (0, "") == (status, err)
    assert out.startswith("#!/bin/bash\n# External health monitor for Avi Load Balancer")


def test_the_object_for_the_api_holds_the_same_script(folder: Path) -> None:
    _, script, _ = icapdiag("avi-monitor", "pool.yaml", "--eicar", cwd=folder)

    status, out, err = icapdiag(
        "avi-monitor", "pool.yaml", "--eicar", "-o", "json", "-o", "script=monitor.sh", cwd=folder
    )

    made = json.loads(out)
    assert (0, "") == (status, err)
    assert ("icapdiag-icap", "HEALTH_MONITOR_EXTERNAL", 10, 4) == (
        made["name"], made["type"], made["send_interval"], made["receive_timeout"],
    )  # fmt: skip
    assert script == made["external_monitor"]["command_code"] == (folder / "monitor.sh").read_text("utf-8")


def test_a_file_that_exists_is_kept(folder: Path) -> None:
    (folder / "monitor.sh").write_text("mine", "utf-8")

    status, out, err = icapdiag("avi-monitor", "pool.yaml", "-o", "script=monitor.sh", cwd=folder)

    assert (2, "", "mine") == (status, out, (folder / "monitor.sh").read_text("utf-8"))
    assert "'monitor.sh' exists: give another name, or --force to replace it" in err
    assert 0 == icapdiag("avi-monitor", "pool.yaml", "-o", "script=monitor.sh", "--force", cwd=folder)[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-o", "pdf"), "unknown format 'pdf'; choose from script, json"),
        (("-o", "script", "-o", "json"), "two outputs can't both go to standard output"),
        (("--receive-timeout", "10"), "the receive timeout (10 s) must be less than the send interval (10 s)"),
        (("--member", "x"), "this pool has no member 'x'; it has 192.0.2.1:1344, 192.0.2.2:1344"),
        (("--service-uri", "a b"), "--service-uri"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, args: tuple[str, ...], words: str) -> None:
    status, out, err = icapdiag("avi-monitor", "pool.yaml", *args, cwd=folder)

    assert (2, "") == (status, out)
    assert words in err


def test_settings_of_the_command_line(folder: Path) -> None:
    _, out, _ = icapdiag(
        "avi-monitor", "icap://192.0.2.1/scan", "--no-options", "--receive-timeout", "8", "--send-interval", "60",
        "--name", "icap scans", "-o", "json", cwd=folder,
    )  # fmt: skip

    made = json.loads(out)
    code = made["external_monitor"]["command_code"]
    assert ("icap scans", 60, 8) == (made["name"], made["send_interval"], made["receive_timeout"])
    assert "  ( asks_options" not in code
    assert "Each check opens 1 connection, and ends within 7.5 s." in code


@pytest.mark.parametrize("command", ["avi-monitor", "se-script"])
def test_an_export_with_several_profiles(folder: Path, command: str) -> None:
    profiles = [
        {"name": name, "uuid": f"icapprofile-{name}", "service_uri": f"/{name}", "pool_group_ref": "/api/poolgroup/g"}
        for name in ("one", "two")
    ]
    objects = {
        "IcapProfile": profiles,
        "PoolGroup": [{"name": "g", "uuid": "g", "members": [{"pool_ref": "/api/pool/p"}]}],
        "Pool": [{"name": "p", "uuid": "p", "servers": [{"ip": {"addr": "192.0.2.1", "type": "V4"}, "port": 1344}]}],
    }
    (folder / "export.json").write_text(json.dumps(objects), "utf-8")

    status, out, err = icapdiag(command, "export.json", cwd=folder)
    assert (2, "") == (status, out)
    assert "choose one with --profile NAME" in err

    status, out, err = icapdiag(command, "export.json", "--profile", "two", cwd=folder)
    assert (0, "") == (status, err)
    assert "/two" in out
