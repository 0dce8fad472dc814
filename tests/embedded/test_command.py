"""`python -m embedded COMMAND`: servers around one command, and nothing afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ASK = """
import os, sys, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    fsync = database.execute("show fsync").fetchone()[0]
pong = redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
print(fsync, pong, os.environ["DATABASE_URL"])
sys.exit(7)
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    return subprocess.run(
        [sys.executable, "-m", "embedded", *command],
        cwd=ROOT,
        env={**own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_reaches_fast_servers_and_its_code_comes_back() -> None:
    done = run(sys.executable, "-c", ASK)

    fsync, pong, url = done.stdout.split()
    assert (fsync, pong) == ("off", "True")
    assert done.returncode == 7
    folder = url.split("@")[1].partition("/")[0].replace("%2F", "/")
    assert not Path(folder).exists()


def test_servers_that_the_environment_names_are_used_instead() -> None:
    done = run("sh", "-c", "echo $DATABASE_URL $REDIS_URL", DATABASE_URL="mine", REDIS_URL="too")

    assert done.stdout == "mine too\n"


@pytest.mark.parametrize("command", [(), ("no-such-command",)])
def test_a_command_that_cannot_run_is_an_error(command: tuple[str, ...]) -> None:
    assert run(*command, DATABASE_URL="mine", REDIS_URL="too").returncode != 0
