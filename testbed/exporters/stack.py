"""Databases and their exporters, started from what the machine has installed.

Each class is a context manager: a server in a temporary folder, its exporter beside it, both on free ports, both gone at
the end. PostgreSQL refuses to run as root, so under root it becomes the package's own user.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from testbed.servers.loopback import OK, StartError, ask, free_port, text_of, wait_until
from testbed.servers.processes import Child

#: Debian package of each program that is wanted here.
PACKAGES = {
    "redis-server": "redis-server",
    "nginx": "nginx",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
    "prometheus-nginx-exporter": "prometheus-nginx-exporter",
    "postgres": "postgresql",
}

#: Where Debian keeps what is not on everybody's path.
FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/bin")

START_SECONDS = 60


@functools.cache
def program(name: str) -> Path | None:
    """Return where a program is; None when it is not installed. PostgreSQL's are in the folder of its version."""
    if name in {"postgres", "initdb", "psql"}:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        return found[-1] if found else None
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *FOLDERS)))
    return Path(path) if path else None


def available() -> str:
    """Return what is missing, as a sentence; empty when every program is there."""
    absent = [package for name, package in PACKAGES.items() if program(name) is None]
    return f"these Debian packages are not installed: {', '.join(absent)}" if absent else ""


class Server(ABC):
    """A server and its exporter.

    Attributes:
        role: The catalogue's role whose page the exporter's is.
        port: Where the server answers.
        exporter: Where the exporter answers.
        folder: What both may write to.

    """

    role: str

    def __init__(self) -> None:
        """Start the server, then its exporter.

        Raises:
            StartError: One of the two does not come up.

        """
        self._temporary = tempfile.TemporaryDirectory(prefix=f"{self.role}-")
        self.folder = Path(self._temporary.name)
        self.folder.chmod(0o755)
        self.port, self.exporter = free_port(), free_port()
        self._children: list[Child] = []
        try:
            self._server = self.start()
            wait_until(self.answers, what=f"{self.role} to answer", limit_seconds=START_SECONDS)
            self._run(*self.exporting())
            wait_until(self._exports, what=f"the exporter of {self.role}", limit_seconds=START_SECONDS)
        except BaseException as error:
            error.add_note("\n".join(child.log() for child in self._children))
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the running pair."""
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        self.close()

    def close(self) -> None:
        """Kill both and remove their folder; harmless when repeated."""
        for child in self._children:
            child.kill()
        self._temporary.cleanup()

    @abstractmethod
    def start(self) -> Child:
        """Start the server."""

    @abstractmethod
    def exporting(self) -> tuple[Sequence[str | Path], dict[str, str]]:
        """Return the exporter's command and what its environment has beside ours."""

    def answers(self) -> bool:
        """Whether someone listens where the server must."""
        if not self._server_alive():
            raise StartError(f"{self.role} ended while starting")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Kill the server; the exporter goes on."""
        self._server.kill()

    def resume(self) -> None:
        """Start the server again after `stop`."""
        self._server = self.start()
        wait_until(self.answers, what=f"{self.role} to answer", limit_seconds=START_SECONDS)

    def page(self) -> str:
        """Return the exporter's page, read now."""
        return text_of(*ask(self.exporter, "GET", "/metrics"))

    def _server_alive(self) -> bool:
        return self._children[0].alive() if len(self._children) == 1 else self._children[-1].alive()

    def _exports(self) -> bool:
        try:
            return ask(self.exporter, "GET", "/metrics")[0] == OK
        except OSError:
            if not self._children[-1].alive():
                raise StartError(f"the exporter of {self.role} ended while starting") from None
            return False

    def _run(self, command: Sequence[str | Path], environment: dict[str, str]) -> Child:
        log = self.folder / f"log-{len(self._children)}"
        child = Child(command, log=log, folder=self.folder, env={**os.environ, **environment})
        self._children.append(child)
        return child


def _tool(name: str) -> Path:
    found = program(name)
    if found is None:
        raise StartError(f"{name} is not installed")
    return found


class Redis(Server):
    """A Redis with a bound of memory; `policy` says what it does at the bound."""

    role = "redis"

    def __init__(self, *, megabytes: int = 8, policy: str = "noeviction", clients: int = 50) -> None:
        """Start it with its exporter."""
        self._options = ("--maxmemory", f"{megabytes}mb", "--maxmemory-policy", policy, "--maxclients", str(clients))
        super().__init__()

    def start(self) -> Child:
        """Start Redis without a file of its own."""
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder))
        return self._run([_tool("redis-server"), *where, *self._options], {})

    def exporting(self) -> tuple[Sequence[str | Path], dict[str, str]]:
        """Point the exporter at it."""
        listen = f"-web.listen-address=127.0.0.1:{self.exporter}"
        return [_tool("prometheus-redis-exporter"), listen, f"-redis.addr=redis://127.0.0.1:{self.port}"], {}

    def send(self, *commands: Sequence[str]) -> bytes:
        """Send commands over one connection; return everything that comes back within a moment of the last answer."""
        text = b"".join(
            b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)
            for words in commands
        )
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
        return b"".join(parts)


NGINX = """\
daemon off;
error_log stderr;
pid {folder}/pid;
{user}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /nginx_status {{ stub_status; }}
    location / {{ return 200 "hello"; }}
  }}
}}
"""


class Nginx(Server):
    """An nginx with the status page that LangSmith's frontend has."""

    role = "frontend-nginx"

    def start(self) -> Child:
        """Start nginx in the foreground."""
        path = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        path.write_text(NGINX.format(folder=self.folder, port=self.port, user=user, connections=64), encoding="utf-8")
        return self._run([_tool("nginx"), "-c", path, "-p", self.folder, "-e", "stderr"], {})

    def exporting(self) -> tuple[Sequence[str | Path], dict[str, str]]:
        """Point the exporter at the status page."""
        listen = f"-web.listen-address=127.0.0.1:{self.exporter}"
        uri = f"-nginx.scrape-uri=http://127.0.0.1:{self.port}/nginx_status"
        return [_tool("prometheus-nginx-exporter"), listen, uri], {}


class Postgres(Server):
    """A PostgreSQL that trusts everybody on the loopback."""

    role = "postgres"

    def start(self) -> Child:
        """Make a cluster, once, and start it."""
        data = self.folder / "data"
        if not data.is_dir():
            if self._as:
                shutil.chown(self.folder, "postgres")
            init = [_tool("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
            subprocess.run([*self._as, *map(str, init)], cwd=self.folder, check=True, capture_output=True, timeout=60)
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}",
                    "fsync=off", "max_connections=40", "deadlock_timeout=100ms")  # fmt: skip
        options = [word for setting in settings for word in ("-c", setting)]
        return self._run([*self._as, _tool("postgres"), "-D", data, *options], {})

    @property
    def _as(self) -> tuple[str, ...]:
        """What runs a command as someone whom PostgreSQL accepts."""
        return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()

    def exporting(self) -> tuple[Sequence[str | Path], dict[str, str]]:
        """Point the exporter at it."""
        name = f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"
        listen = f"--web.listen-address=127.0.0.1:{self.exporter}"
        return [_tool("prometheus-postgres-exporter"), listen], {"DATA_SOURCE_NAME": name}

    def psql(self, *statements: str) -> Child:
        """Run statements in one session of its own, in the background."""
        words = [word for statement in statements for word in ("-c", statement)]
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-X", "-q")
        return self._run([_tool("psql"), *where, *words, "postgres"], {})
