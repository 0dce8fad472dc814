"""
The two servers, each on a unix socket that only this user can open.

`EmbeddedPostgres` and `EmbeddedValkey` are started, watched and stopped alike. Starting twice on
the same folder keeps the data; what a killed run left is cleared.
"""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
import redis
from psycopg import sql

from embedded.binaries import find_postgres, find_valkey, postgres_major
from embedded.folders import private_folder, socket_folder
from embedded.privileges import Privileges, choose_privileges, copy_programs, nobodys_folder
from embedded.processes import Process, stop_leftovers, wait_for

SUPERUSER = "postgres"
# The application's own role is no superuser: the guards in the database hold for it.
ROLE = "payments"
DATABASE = "payments"

# A start after a kill replays the write-ahead log first.
_POSTGRES_START_SECONDS = 60.0
_VALKEY_START_SECONDS = 30.0
_STOP_SECONDS = 15.0

# Two web processes, the dispatcher, the workers and a few shells, each with a pool of its own.
_MAX_CONNECTIONS = 200

# Data that is thrown away needs no promise of the disk; `synchronous_commit` stays as it is.
_THROW_AWAY = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Place:
    """Where a set of servers keeps its things."""

    checkout: Path
    data: Path
    sockets: Path
    logs: Path
    pids: Path

    @classmethod
    def below(cls, folder: Path, *, checkout: Path) -> "Place":
        """Lay everything out below `folder`; sockets move when its path is too long for one."""
        private_folder(folder)
        return cls(
            checkout=checkout,
            data=private_folder(folder / "data"),
            sockets=socket_folder(folder / "sockets"),
            logs=private_folder(folder / "logs"),
            pids=private_folder(folder / "pids"),
        )


@dataclass
class _Server:
    """What both servers have in common: a place, and one process once they are started."""

    place: Place
    throw_away: bool = False
    version: str = ""
    process: Process | None = None

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs (or never started)."""
        return self.process.exit_code() if self.process else None

    def ask_to_stop(self) -> None:
        """Send the polite signal and do not wait."""
        if self.process:
            self.process.ask_to_stop()

    def stop(self, *, grace_seconds: float = _STOP_SECONDS) -> None:
        """Stop in good order, or at once when that takes too long."""
        if self.process:
            self.process.stop(grace_seconds=grace_seconds)

    def kill(self) -> None:
        """End it at once; the next start recovers what it had promised."""
        if self.process:
            self.process.kill()


@dataclass
class EmbeddedPostgres(_Server):
    """PostgreSQL with the role and the database of the application, owned by that role."""

    privileges: Privileges = field(default_factory=choose_privileges)
    name: str = "postgres"
    _home: Path = field(init=False)
    _sockets: Path = field(init=False)
    _data: Path = field(init=False)

    def start(self) -> None:
        """
        Create the data folder when there is none, start the server, and make role and database.

        :raises BinariesMissing: the package with the programs is not installed
        :raises NotReady: the server did not come up; the text carries the end of its log
        """
        programs = find_postgres()
        major = postgres_major(programs)
        self._home, self._sockets = self.place.data, self.place.sockets
        if self.privileges.uid is not None:
            programs = self._move_to_nobody(programs)
        self._data = self._home / f"postgres-{major}"
        if not (self._data / "PG_VERSION").exists():
            self._create_data(programs)

        self.process = Process(
            name="postgres",
            command=self.privileges.command(programs / "postgres", *self._arguments()),
            log=self.log,
            pid_file=self.place.pids / "postgres",
            cwd=Path("/"),
            stop_signal=signal.SIGINT,  # "fast": end the sessions, write a checkpoint, stop.
            options=self.privileges.popen_options(),
        )
        self._clear_locks()
        self.process.start()
        wait_for(
            self._answers, process=self.process, seconds=_POSTGRES_START_SECONDS, what="PostgreSQL"
        )
        self._create_role_and_database()

    def stop(self, *, grace_seconds: float = _STOP_SECONDS) -> None:
        """Stop in good order; data that is thrown away goes now."""
        super().stop(grace_seconds=grace_seconds)
        if self.process and self.throw_away:
            shutil.rmtree(self._home, ignore_errors=True)

    @property
    def log(self) -> Path:
        return self.place.logs / "postgres.log"

    @property
    def url(self) -> str:
        return self._url(ROLE)

    @property
    def superuser_url(self) -> str:
        return self._url(SUPERUSER)

    def _url(self, role: str) -> str:
        return f"postgres://{role}@{quote(str(self._sockets), safe='')}/{DATABASE}"

    def _arguments(self) -> list[str | Path]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            # The default lets every user of the machine in, and the role needs no password.
            "unix_socket_permissions": "0700",
            "max_connections": str(_MAX_CONNECTIONS),
            "timezone": "UTC",
            **(_THROW_AWAY if self.throw_away else {}),
        }
        pairs = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ["-D", self._data, *pairs]

    def _move_to_nobody(self, programs: Path) -> Path:
        """Choose places that `nobody` reaches; return where it finds the programs."""
        folder = nobodys_folder(self.place.checkout)
        self._home = folder / self.place.data.parent.name
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._sockets = self._home / "sockets"
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        for part in (self._home, self._sockets):
            self.privileges.give(part)
        return copy_programs(programs, into=folder)

    def _create_data(self, programs: Path) -> None:
        """Fill a folder beside and rename it: an interrupted start leaves no half of one."""
        unfinished = self._data.with_name(f"{self._data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = self.privileges.command(
            programs / "initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--data-checksums", "--no-sync",
        )  # fmt: skip
        options: Mapping[str, object] = self.privileges.popen_options()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **options,  # type: ignore[call-overload]
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}\n{done.stderr}")
        unfinished.rename(self._data)

    def _clear_locks(self) -> None:
        """
        Remove the lock files of a killed server.

        PostgreSQL trusts their pid, which may be another process by now, and would not start. Who
        calls this holds the lock of the folder and has stopped the leftovers, so no server uses it.
        """
        for lock in (self._data / "postmaster.pid", *self._sockets.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            with self._connect() as connection:
                self.version = str(connection.info.parameter_status("server_version"))
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._sockets), user=SUPERUSER, dbname="postgres", autocommit=True
        )

    def _create_role_and_database(self) -> None:
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        with self._connect() as connection:
            if not _exists(connection, "select 1 from pg_roles where rolname = %s", ROLE):
                connection.execute(sql.SQL("create role {} login createdb").format(role))
            if not _exists(connection, "select 1 from pg_database where datname = %s", DATABASE):
                connection.execute(sql.SQL("create database {} owner {}").format(database, role))


@dataclass
class EmbeddedValkey(_Server):
    """A Redis-protocol server that writes every command to disk, unless its data is thrown away."""

    name: str = "valkey"

    def start(self) -> None:
        """
        Start the server.

        :raises BinariesMissing: the package with the program is not installed
        :raises NotReady: the server did not come up; the text carries the end of its log
        """
        data = private_folder(self.place.data / "valkey")
        self._socket.unlink(missing_ok=True)
        self.process = Process(
            name="valkey",
            command=[
                *(str(find_valkey()), "--port", "0"),
                *("--unixsocket", str(self._socket), "--unixsocketperm", "700"),
                *("--dir", str(data), "--save", ""),
                *("--appendonly", "no" if self.throw_away else "yes"),
                # A full server must refuse new tasks, never drop old ones.
                *("--maxmemory-policy", "noeviction"),
            ],
            log=self.log,
            pid_file=self.place.pids / "valkey",
            cwd=data,
        )
        self.process.start()
        wait_for(self._answers, process=self.process, seconds=_VALKEY_START_SECONDS, what="Valkey")

    @property
    def log(self) -> Path:
        return self.place.logs / "valkey.log"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}?db=0"

    @property
    def _socket(self) -> Path:
        return self.place.sockets / "valkey.sock"

    def _answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self._socket))
        try:
            self.version = str(client.info("server").get("valkey_version", ""))
        except redis.ConnectionError:  # Also while it loads its data.
            return False
        finally:
            client.close()
        return True


def clear_leftovers(place: Place) -> list[str]:
    """Stop what a killed run left in this place, and return the names."""
    return stop_leftovers(place.pids)


def _exists(connection: psycopg.Connection, query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None
