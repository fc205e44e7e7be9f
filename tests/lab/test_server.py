"""The lab as a whole: ports, counters, limits, its pool file, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing
import yaml

from icapdiag.icap.request import options_request
from icapdiag.lab import FAULTS, Lab, serve_lab
from icapdiag.lab import server as server_module
from icapdiag.lab.faults import ALIASES
from icapdiag.pool import load_pool
from tests.lab.connecting import connect

OPTIONS = options_request("127.0.0.1", 1344, "/avscan").first


async def answer(stream: trio.SocketStream) -> bytes:
    await stream.send_all(OPTIONS)
    return bytes(await stream.receive_some())


async def test_all_faults_are_served_on_loopback_on_ports_of_their_own() -> None:
    async with serve_lab() as lab:
        assert tuple(FAULTS) == tuple(member.name for member in lab.members)
        assert {"127.0.0.1"} == {member.host for member in lab.members}
        assert len(FAULTS) == len({member.port for member in lab.members})


async def test_names_choose_the_members_and_their_order() -> None:
    async with serve_lab(["mute", "healthy", "mute"]) as lab:
        assert ["mute", "healthy"] == [member.name for member in lab.members]
        assert lab.members[1] == lab.member("healthy")


async def test_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no such fault in the lab: haelthy, x; there are healthy, "):
        async with serve_lab(["haelthy", "x"]):
            pytest.fail("served")


async def test_a_fault_has_the_name_that_it_once_had_as_well() -> None:
    async with serve_lab(["no-blank-line", "no-empty-line"]) as lab:
        assert ["no-empty-line"] == [member.name for member in lab.members]
    assert set() == ALIASES.keys() & FAULTS.keys()
    assert set(ALIASES.values()) <= FAULTS.keys()


async def test_fixed_port_is_followed_by_the_next_ones() -> None:
    for _ in range(50):  # somebody else may have the next port
        async with serve_lab(["healthy"]) as first:
            port = first.members[0].port
        try:
            async with serve_lab(["healthy", "refused"], port=port) as lab:
                assert [port, port + 1] == [member.port for member in lab.members]
                return
        except (OSError, ValueError):
            continue
    pytest.fail("no two free ports in a row")


async def test_ports_must_fit() -> None:
    with pytest.raises(ValueError, match="2 members do not fit"):
        async with serve_lab(["healthy", "mute"], port=65535):
            pytest.fail("served")


async def test_port_in_use_is_an_os_error() -> None:
    async with serve_lab(["healthy"]) as lab:
        with pytest.raises(OSError, match="in use"):
            async with serve_lab(["healthy"], port=lab.members[0].port):
                pytest.fail("served")


async def test_ipv6() -> None:
    try:
        async with serve_lab(["tls-healthy", "healthy"], host="::1") as lab:
            stream = await trio.open_tcp_stream("::1", lab.member("healthy").port)
            async with stream:
                assert b"ICAP/1.0 200 OK" == (await answer(stream))[:15]
            assert "::1" == yaml.safe_load(lab.pool_yaml)["members"][0]["host"]
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")


async def test_counters_tell_connections_requests_and_the_most_at_once() -> None:
    async with serve_lab(["healthy"]) as lab:
        async with await connect(lab.members[0]) as first, await connect(lab.members[0]) as second:
            await answer(first)
            await answer(first)
            await answer(second)
        await closed(lab)
        counters = lab.counters["healthy"]
        assert (2, 3, 0, 2) == (counters.connections, counters.requests, counters.active, counters.most_active)


async def closed(lab: Lab) -> None:
    """Wait until the server has seen the clients go."""
    with trio.fail_after(5):
        while any(counters.active for counters in lab.counters.values()):
            await trio.testing.wait_all_tasks_blocked(0.001)


async def test_connections_over_the_limit_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    async with serve_lab(["healthy"]) as lab, await connect(lab.members[0]) as first:
        assert b"ICAP/1.0 200 OK" == (await answer(first))[:15]
        async with await connect(lab.members[0]) as second:
            assert b"ICAP/1.0 503 Service overloaded" == bytes(await second.receive_some()).partition(b"\r\n")[0]
        assert b"ICAP/1.0 200 OK" == (await answer(first))[:15]


async def test_client_that_resets_harms_nobody() -> None:
    async with serve_lab(["healthy"]) as lab:
        stream = await connect(lab.members[0])
        await stream.send_all(OPTIONS[:10])
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.socket.close()
        async with await connect(lab.members[0]) as other:
            assert b"ICAP/1.0 200 OK" == (await answer(other))[:15]


async def test_leaving_closes_everything_at_once() -> None:
    with trio.fail_after(5):
        async with serve_lab() as lab:
            streams = [await connect(lab.member(name)) for name in ("healthy", "mute", "drip", "slow")]
            await streams[0].send_all(OPTIONS[:10])
        for stream in streams:
            async with stream:
                assert b"" == await stream.receive_some()
        for member in lab.members:
            with pytest.raises(ConnectionRefusedError):
                await connect(member)


async def test_cancelling_closes_everything_at_once() -> None:
    with trio.fail_after(5):
        with trio.CancelScope() as scope:
            async with serve_lab(["mute", "tls-healthy"]) as lab:
                ca_file = lab.members[1].ca_file
                scope.cancel()
                await trio.lowlevel.checkpoint()
    assert ca_file is not None
    assert not ca_file.parent.exists()


async def test_an_error_in_the_block_comes_out_as_itself() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with serve_lab(["healthy"]):
            raise LookupError("mine")


async def test_certificates_are_private_and_gone_afterwards() -> None:
    async with serve_lab(["tls-healthy", "tls-on-plain-port", "mute"]) as lab:
        files = [member.ca_file for member in lab.members]
        assert files[0] is not None
        assert [files[0], files[0], None] == files
        assert 0o700 == files[0].parent.stat().st_mode & 0o777
        assert [files[0]] == list(files[0].parent.iterdir())  # no key
    assert not files[0].parent.exists()


async def test_pool_yaml() -> None:
    async with serve_lab() as lab:
        text = lab.pool_yaml
        pool = yaml.safe_load(text)
        names = [member["name"] for member in pool["members"]]
        disabled = [member["name"] for member in pool["members"] if not member.get("enabled", True)]
        tls = {member["name"] for member in pool["members"] if "tls" in member}
        ca_files = {member["tls"]["ca_file"] for member in pool["members"] if "tls" in member}
    expected_profile = {
        "service_uri": "/avscan",
        "vendor": "ICAP_VENDOR_OPSWAT",
        "preview_size": 1024,
        "buffer_size": 512,
        "response_timeout": 3000,
        "slow_response_warning_threshold": 400,
    }
    assert expected_profile == pool["profile"]
    assert ["clean", "eicar"] == pool["samples"]
    assert list(FAULTS) == names
    assert ["disabled"] == disabled
    assert {name for name, fault in FAULTS.items() if fault.tls} == tls
    assert 1 == len(ca_files)
    for fault in FAULTS.values():
        assert f"  # {fault.summary}\n" in text


async def test_pool_yaml_is_a_pool_file(tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    async with serve_lab() as lab:
        path.write_text(lab.pool_yaml)
        pool = load_pool(path)
        expected = [(m.name, m.host, m.port, m.fault.enabled, m.ca_file) for m in lab.members]
    assert expected == [(m.name, m.host, m.port, m.enabled, m.tls.ca_file if m.tls else None) for m in pool.members]
    assert ("clean", "eicar") == pool.samples
