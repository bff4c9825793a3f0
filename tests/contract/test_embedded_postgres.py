"""The embedded PostgreSQL: made once, shared, durable, never orphaned, whatever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from tests.support import memory
from tests.support.postgres import Databases, Kind, Servers
from tests.support.wait import wait_until

from clarion.dev.postgres import EmbeddedPostgres
from clarion.errors import ConfigError, Unavailable

#: Starts a server, says so, and then waits to be killed.
RUNNER = """
import asyncio, sys
from pathlib import Path
from clarion.dev.postgres import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    print(await server.start(), server.pid(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

#: Connects as another account.
STRANGER = """
import asyncio, asyncpg, os, pwd, sys
loop = asyncio.new_event_loop()
os.setuid(pwd.getpwnam("daemon").pw_uid)
loop.run_until_complete(asyncpg.connect(sys.argv[1]))
"""


@pytest.fixture
def fresh_folder() -> Iterator[Path]:
    """An empty data folder with a path short enough for a socket, private to this account (mode 0700)."""
    with memory.folder("clarion-pg-") as place:
        yield Path(place)


@pytest.fixture(scope="module")
async def seed() -> AsyncIterator[Path]:
    """A data folder whose server has run once: making a cluster is what takes long."""
    with memory.folder("clarion-pg-") as place:
        async with EmbeddedPostgres(Path(place)):
            pass
        yield Path(place)


@pytest.fixture
def folder(fresh_folder: Path, seed: Path) -> Path:
    """A data folder with a stopped cluster in it."""
    subprocess.run(["cp", "-a", str(seed / "postgres"), str(fresh_folder)], check=True)
    return fresh_folder


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def start_runner(folder: Path) -> tuple[subprocess.Popen[str], str, int]:
    """A process of its own that runs the server: the process, the URL, the server's process id."""
    process = spawn([sys.executable, "-c", RUNNER, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    url, pid = (await asyncio.to_thread(process.stdout.readline)).split()
    process.stdout.close()
    return process, url, int(pid)


def spawn(command: list[str], *, stdout: int | None = None, user: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=stdout, user=user, text=True)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


async def gone(pid: int) -> None:
    await wait_until(lambda: not psutil.pid_exists(pid), 30, f"process {pid} has ended")


async def test_what_is_written_is_there_after_a_restart(fresh_folder: Path) -> None:
    async with EmbeddedPostgres(fresh_folder) as server:
        url = server.url()
        await ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with pytest.raises(OSError, match=r"No such file|refused"):
        await asyncpg.connect(url)
    async with EmbeddedPostgres(fresh_folder) as server:
        assert server.url() == url
        assert await ask(url, "SELECT answer FROM kept") == 42


async def test_it_is_durable_and_reachable_by_its_socket_alone(folder: Path) -> None:
    async with EmbeddedPostgres(folder, settings={"commit_delay": "2000"}) as server:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "shared_buffers": "128MB",
            "commit_delay": "2000",
        }.items():
            assert await ask(server.url(), f"SHOW {name}") == value
        assert await ask(server.url(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert (folder / "postgres").stat().st_mode & 0o077 == 0


async def test_other_accounts_are_refused_even_where_they_reach_the_socket(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can speak for another account")
    async with EmbeddedPostgres(folder) as server:
        for path, mode in ((folder, 0o755), (folder / "postgres", 0o755), (folder / "postgres/.s.PGSQL.5432", 0o777)):
            path.chmod(mode)
        said = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", STRANGER, server.url()],
            capture_output=True,
            text=True,
            check=False,
        )
        assert 'Peer authentication failed for user "clarion"' in said.stderr


async def test_a_second_start_joins_and_leaves_it_running(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as first:
        async with EmbeddedPostgres(folder) as second:
            assert second.pid() == first.pid()
            assert (first.runs_here, second.runs_here) == (True, False)
        assert await ask(first.url(), "SELECT 1") == 1


async def test_many_starts_at_once_make_one_server(fresh_folder: Path) -> None:
    servers = [EmbeddedPostgres(fresh_folder) for _ in range(5)]
    urls = await asyncio.gather(*(server.start() for server in servers))
    try:
        assert len(set(urls)) == 1
        assert len({server.pid() for server in servers}) == 1
        assert sum(server.runs_here for server in servers) == 1
    finally:
        for server in servers:
            await server.stop()


async def test_it_ends_when_its_process_is_killed_and_loses_nothing(folder: Path) -> None:
    process, url, pid = await start_runner(folder)
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill(process)
    await gone(pid)
    async with EmbeddedPostgres(folder) as server:
        assert await ask(server.url(), "SELECT answer FROM kept") == 42
        log = (folder / "postgres/postgres.log").read_text()
        assert "not properly shut down" not in log


async def test_starting_right_after_its_process_was_killed_waits_for_the_old_server(folder: Path) -> None:
    process, _, pid = await start_runner(folder)
    kill(process)
    async with EmbeddedPostgres(folder) as server:
        assert server.pid() != pid
        assert await ask(server.url(), "SELECT 1") == 1


async def test_a_server_whose_guard_was_killed_is_not_joined(folder: Path) -> None:
    process, _, pid = await start_runner(folder)
    try:
        guard = psutil.Process(pid).parent()
        assert guard is not None and any(word.endswith("guard.py") for word in guard.cmdline())
        guard.kill()
        async with EmbeddedPostgres(folder) as server:
            assert server.pid() != pid
            assert server.runs_here
    finally:
        kill(process)


@pytest.mark.parametrize("now_runs", ["nothing", "another program"])
async def test_the_traces_of_a_server_killed_with_9_are_no_obstacle(folder: Path, now_runs: str) -> None:
    """Also when its process id was given to another program since, as after a power cut."""
    async with EmbeddedPostgres(folder) as server:
        await ask(server.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
    pid_file = folder / "postgres/cluster/postmaster.pid"
    lines = pid_file.read_text().splitlines()
    assert lines[0] == str(pid)
    # The account that PostgreSQL runs under: it is to a process of its own that PostgreSQL would yield.
    other = spawn(["/bin/sleep", "600"], user=(folder / "postgres").stat().st_uid)
    try:
        if now_runs == "another program":
            pid_file.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        async with EmbeddedPostgres(folder) as server:
            assert await ask(server.url(), "SELECT answer FROM kept") == 42
    finally:
        kill(other)


async def test_a_server_that_was_killed_is_started_again_by_the_same_object(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as server:
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await wait_until(lambda: not server.runs_here, 10, "the guard has noticed")
        assert await ask(await server.start(), "SELECT 1") == 1


async def test_a_long_path_is_no_obstacle(folder: Path) -> None:
    deep = folder / ("a" * 60) / ("b" * 60)
    async with EmbeddedPostgres(deep) as server:
        assert await ask(server.url(), "SELECT 1") == 1
    assert deep.is_dir()


async def test_awkward_names_are_no_obstacle(folder: Path) -> None:
    async with EmbeddedPostgres(folder / 'it\'s a "data" folder, ünique & 100%?') as server:
        assert await ask(server.url(), "SELECT 1") == 1


async def test_a_setting_that_cannot_be_used_is_told_with_the_servers_own_words(folder: Path) -> None:
    with pytest.raises(Unavailable, match=r"(?s)did not start.*postgres\.log.*unrecognized configuration parameter"):
        await EmbeddedPostgres(folder, settings={"no_such_setting": "1"}).start()


async def test_a_cluster_of_another_release_is_told_apart(folder: Path) -> None:
    async with EmbeddedPostgres(folder):
        pass
    (folder / "postgres/cluster/PG_VERSION").write_text("13\n")
    with pytest.raises(ConfigError, match="made by PostgreSQL 13; the server here is 18"):
        await EmbeddedPostgres(folder).start()


async def test_missing_programs_are_told_with_the_way_out(fresh_folder: Path) -> None:
    with pytest.raises(ConfigError, match="CLARION_DATABASE_URL"):
        await EmbeddedPostgres(fresh_folder, bin_dir=fresh_folder).start()


@pytest.mark.parametrize("kind", Kind)
async def test_each_kind_of_server_gives_fresh_databases(servers: Servers, kind: Kind) -> None:
    databases = await servers.get(kind)
    release = {Kind.SYSTEM_15: "15"}.get(kind, "18")
    async with databases.empty() as url, databases.migrated() as other:
        assert str(await ask(url, "SHOW server_version")).startswith(release)
        assert await ask(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await ask(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'message'") == 1
        assert await ask(url, "SHOW commit_delay") == ("2000" if kind is Kind.SLOW_FSYNC else "0")


async def test_a_connection_left_open_is_told_and_the_database_goes_all_the_same(databases: Databases) -> None:
    connection = None
    with pytest.raises(AssertionError, match="left connections"):
        async with databases.empty() as url:
            connection = await asyncpg.connect(url)
    assert connection is not None
    connection.terminate()
    assert await ask(databases.url, f"SELECT count(*) FROM pg_database WHERE datname = '{url.split('/')[3][:40]}'") == 0
