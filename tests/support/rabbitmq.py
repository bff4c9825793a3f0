"""A real RabbitMQ for tests, that touches nothing of one that may be on this machine.

It has its own folder, node name, cookie, ports and epmd, and listens on 127.0.0.1 alone. `CLARION_TEST_AMQP_URL` names
one that runs already: it cannot be killed, so tests that must do that are skipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pytest
from tests.support.authority import Authority
from tests.support.process import PATIENCE_S
from tests.support.server import Server, can_connect, free_port, launch, missing, program, run
from tests.support.wait import wait_until

#: Debian's own scripts stand before the wrappers on the PATH, which insist on the user `rabbitmq`.
_PLACES = tuple(map(Path, ("/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/opt/homebrew/sbin", "/usr/local/sbin")))


class RabbitMQ(Server):
    """One node with the user ``guest``; at `tls_port` it speaks TLS as ``localhost``, by an `authority` of its own."""

    name = "RabbitMQ"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        super().__init__(folder, port)
        self.tls_port = free_port()
        self._distribution = free_port()
        self._epmd_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_here() -> bool:
        """Whether it is installed."""
        return program("rabbitmq-server", *_PLACES) is not None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @cached_property
    def authority(self) -> Authority:
        """Who has signed its certificate."""
        return Authority(self.folder / "authority")

    def command(self) -> Sequence[str]:
        script = program("rabbitmq-server", *_PLACES)
        assert script is not None
        home = self.folder / "home"
        if not home.exists():
            home.mkdir()
            cookie = home / ".erlang.cookie"
            cookie.write_text(os.urandom(16).hex())
            cookie.chmod(0o400)
            own = self.authority.sign()
            (self.folder / "rabbitmq.conf").write_text(
                f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
                f"ssl_options.cacertfile = {self.authority.file}\n"
                f"ssl_options.certfile = {own.certificate}\nssl_options.keyfile = {own.key}\n"
                "ssl_options.verify = verify_none\nssl_options.fail_if_no_peer_cert = false\n"
                "log.console = true\nlog.console.level = warning\nlog.file = false\n"
                "disk_free_limit.absolute = 1MB\n"
            )
        return [str(script)]

    def environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "HOME": str(folder / "home"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "clarion@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "flags"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # The script then becomes the node, instead of standing before it: so signals reach the node.
            "RABBITMQ_ALLOW_INPUT": "1",
            # Its threads sleep when there is nothing to do: by themselves they spin, on cores that other tests need.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}"
            " +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        await self._start_epmd()
        await super().start()

    async def close(self) -> None:
        """Stop it for good, its epmd too."""
        await self.stop()
        if self._epmd is not None:
            self._epmd.send_signal(signal.SIGTERM)
            self._epmd.wait(PATIENCE_S)

    async def ctl(self, *words: str) -> str:
        """Run ``rabbitmqctl`` with these *words*; what it printed."""
        script = program("rabbitmqctl", *_PLACES)
        assert script is not None
        return await run([script, "--quiet", *words], self.environment())

    async def _start_epmd(self) -> None:
        """An epmd of our own in the foreground, named by a link in the folder; a node would leave one behind."""
        if self._epmd is not None:
            return
        link = self.folder / "epmd"
        link.symlink_to(_epmd())
        self._epmd = launch([link, "-address", "127.0.0.1"], self.environment(), self.folder / "epmd.log")
        await wait_until(lambda: can_connect(self._epmd_port), PATIENCE_S, "epmd answers")


class GivenRabbitMQ(RabbitMQ):
    """One that was started by somebody else."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    @property
    def alive(self) -> bool:
        return False

    async def start(self) -> None:
        """It runs already."""

    async def close(self) -> None:
        """It is not ours to stop."""

    async def kill(self) -> None:
        pytest.skip("CLARION_TEST_AMQP_URL names a server that must not be killed")

    def freeze(self) -> None:
        pytest.skip("CLARION_TEST_AMQP_URL names a server that must not be frozen")

    async def ctl(self, *words: str) -> str:
        pytest.skip("CLARION_TEST_AMQP_URL names a server that is not ours to set up")


def rabbitmq_server(folder: Path) -> RabbitMQ:
    """The one to test with, not started yet. Raises `Missing` where there is none."""
    if url := os.environ.get("CLARION_TEST_AMQP_URL"):
        return GivenRabbitMQ(url)
    if not RabbitMQ.is_here():
        missing("RabbitMQ", "install Debian's rabbitmq-server, or name one in CLARION_TEST_AMQP_URL")
    return RabbitMQ(folder)


def _epmd() -> Path:
    for place in sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd")):
        return place
    found = program("epmd")
    assert found is not None, "there is a RabbitMQ without Erlang's epmd"
    return found
