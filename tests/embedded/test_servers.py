"""The embedded servers, started for real in folders of their own."""

import os
import pwd
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import redis

from embedded import privileges
from embedded.privileges import Privileges, choose_privileges
from embedded.servers import EmbeddedPostgres, EmbeddedValkey, Place, clear_leftovers


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.below(tmp_path / "place", checkout=tmp_path)


@pytest.fixture
def postgres(place: Place) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(place)
    yield server
    server.stop()


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_the_application_is_no_superuser_and_owns_its_database(postgres: EmbeddedPostgres) -> None:
    postgres.start()

    assert ask(postgres.url, "select rolsuper from pg_roles where rolname = current_user") is False
    assert (
        ask(postgres.url, "select rolcreatedb from pg_roles where rolname = current_user") is True
    )
    assert (
        ask(
            postgres.url, "select pg_get_userbyid(datdba) from pg_database where datname='payments'"
        )
        == "payments"
    )
    assert ask(postgres.superuser_url, "select current_user") == "postgres"


def test_no_other_user_and_no_network_reaches_the_server(
    place: Place, postgres: EmbeddedPostgres
) -> None:
    postgres.start()

    assert ask(postgres.url, "show listen_addresses") == ""
    socket = place.sockets / ".s.PGSQL.5432"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700


def test_a_killed_server_starts_again_with_its_data(
    place: Place, postgres: EmbeddedPostgres
) -> None:
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        connection.execute("create table kept (number int)")
        connection.execute("insert into kept values (42)")
    assert postgres.process is not None
    assert postgres.process.pid is not None
    os.kill(postgres.process.pid, signal.SIGKILL)
    postgres.process.kill()
    # The dead server's lock now names a process that lives, as after a restart of the machine.
    lock = next(place.data.glob("postgres-*")) / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    again = EmbeddedPostgres(place)
    clear_leftovers(place)
    again.start()

    assert ask(again.url, "select number from kept") == 42
    again.stop()


def test_a_server_that_a_killed_run_left_is_stopped_first(
    place: Place, postgres: EmbeddedPostgres
) -> None:
    postgres.start()

    stopped = clear_leftovers(place)

    assert stopped == ["postgres"]
    with pytest.raises(psycopg.OperationalError):
        ask(postgres.url, "select 1")


def test_two_checkouts_side_by_side_share_nothing(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    other = EmbeddedPostgres(Place.below(tmp_path / "other", checkout=tmp_path / "other"))
    postgres.start()
    other.start()

    with psycopg.connect(postgres.url) as connection:
        connection.execute("create table here (number int)")

    assert ask(other.url, "select to_regclass('here')") is None
    other.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_root_without_namespaces_runs_the_server_as_nobody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's own folder is closed to other users, as root's home is.
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    monkeypatch.setattr(privileges, "_NOBODYS_HOME", home)
    monkeypatch.setattr(privileges, "_namespaces_work", lambda: False)
    chosen = choose_privileges()
    server = EmbeddedPostgres(place, throw_away=True, privileges=chosen)

    server.start()

    try:
        assert chosen.name == "nobody"
        assert server.process is not None
        assert server.process.pid is not None
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid
        assert owner == pwd.getpwnam("nobody").pw_uid
        assert ask(server.url, "select current_user") == "payments"
    finally:
        server.stop()
        shutil.rmtree(home)


def test_an_ordinary_user_runs_it_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert choose_privileges() == Privileges(name="this user")


def test_valkey_keeps_its_data_over_a_kill(place: Place) -> None:
    server = EmbeddedValkey(place)
    server.start()
    client = redis.Redis.from_url(server.url)
    client.set("kept", "42")
    client.config_set("appendfsync", "always")
    client.set("kept", "43")
    assert server.process is not None
    assert server.process.pid is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.kill()
    client.close()

    server.start()

    client = redis.Redis.from_url(server.url)
    assert client.get("kept") == b"43"
    client.close()
    server.stop()


def test_valkey_refuses_rather_than_forgets(place: Place) -> None:
    server = EmbeddedValkey(place)
    server.start()
    client = redis.Redis.from_url(server.url)

    try:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        with suppress(redis.ResponseError):
            assert client.config_get("port") == {"port": "0"}
    finally:
        client.close()
        server.stop()
