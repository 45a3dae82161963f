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
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.servers.loopback import OK, StartError, ask, text_of
from testbed.servers.processes import Child
from testbed.servers.started import Started, inherited

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


class Exporter(Started):
    """An exporter, which answers once it serves its page."""

    def __init__(self, role: str) -> None:
        """Choose its port; `run` starts it."""
        super().__init__(f"exporter-{role}")
        self._command: Sequence[str | Path] = ()
        self._environment: Mapping[str, str] = {}

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start it with what its environment has beside ours, and wait until it answers.

        Raises:
            StartError: It ended, or did not get ready in time.

        """
        self._command, self._environment = command, environment
        with self.starting():
            self.start()

    def command(self) -> Sequence[str | Path]:
        """Return what `run` was given."""
        return self._command

    def environment(self) -> Mapping[str, str]:
        """Return ours with its own variables."""
        return inherited(**self._environment)

    def answers(self) -> bool:
        """Say whether its page is there."""
        return ask(self.port, "GET", "/metrics")[0] == OK


class Server(Started):
    """A server and its exporter.

    Attributes:
        role: The catalogue's role whose page the exporter's is.
        port: Where the server answers.
        exporter: Where the exporter answers.
        folder: What the server may write to.

    """

    role: str

    def __init__(self) -> None:
        """Start the server, then its exporter.

        Raises:
            StartError: One of the two does not come up.

        """
        super().__init__(self.role)
        self.folder.chmod(0o755)
        self._exporter = Exporter(self.role)
        with self.starting():
            self.prepare()
            self.start()
            self._exporter.run(*self.exporting())

    @property
    def exporter(self) -> int:
        """Port of the exporter."""
        return self._exporter.port

    def close(self) -> None:
        """Kill both and remove their folders; harmless when repeated."""
        self._exporter.close()
        super().close()

    def prepare(self) -> None:
        """Write what the server needs before it is started."""

    @abstractmethod
    def exporting(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        """Return the exporter's command and what its environment has beside ours."""

    def answers(self) -> bool:
        """Say whether it listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def page(self) -> str:
        """Return the exporter's page, read now."""
        return text_of(*ask(self.exporter, "GET", "/metrics"))


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

    def command(self) -> Sequence[str | Path]:
        """Return Redis without a file of its own."""
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder))
        return [_tool("redis-server"), *where, *self._options]

    def exporting(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
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

    def prepare(self) -> None:
        """Write its configuration."""
        user = "user root;" if os.geteuid() == 0 else ""
        self.write("nginx.conf", NGINX.format(folder=self.folder, port=self.port, user=user, connections=64))

    def command(self) -> Sequence[str | Path]:
        """Return nginx in the foreground."""
        return [_tool("nginx"), "-c", self.folder / "nginx.conf", "-p", self.folder, "-e", "stderr"]

    def exporting(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        """Point the exporter at the status page."""
        listen = f"-web.listen-address=127.0.0.1:{self.exporter}"
        uri = f"-nginx.scrape-uri=http://127.0.0.1:{self.port}/nginx_status"
        return [_tool("prometheus-nginx-exporter"), listen, uri], {}


class Postgres(Server):
    """A PostgreSQL that trusts everybody on the loopback."""

    role = "postgres"

    def __init__(self) -> None:
        """Start it with its exporter."""
        self._sessions: list[Child] = []
        super().__init__()

    def prepare(self) -> None:
        """Make a cluster."""
        if self._as:
            shutil.chown(self.folder, "postgres")
        init = [_tool("initdb"), "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run([*self._as, *map(str, init)], cwd=self.folder, check=True, capture_output=True, timeout=60)

    def command(self) -> Sequence[str | Path]:
        """Return PostgreSQL on that cluster."""
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}",
                    "fsync=off", "max_connections=40", "deadlock_timeout=100ms")  # fmt: skip
        options = [word for setting in settings for word in ("-c", setting)]
        return [*self._as, _tool("postgres"), "-D", self.folder / "data", *options]

    def close(self) -> None:
        """Kill its sessions with it."""
        for session in self._sessions:
            session.kill()
        super().close()

    @property
    def _as(self) -> tuple[str, ...]:
        """What runs a command as someone whom PostgreSQL accepts."""
        return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()

    def exporting(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        """Point the exporter at it."""
        name = f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"
        listen = f"--web.listen-address=127.0.0.1:{self.exporter}"
        return [_tool("prometheus-postgres-exporter"), listen], {"DATA_SOURCE_NAME": name}

    def psql(self, *statements: str) -> Child:
        """Run statements in one session of its own, in the background."""
        words = [word for statement in statements for word in ("-c", statement)]
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-X", "-q")
        log = self.folder / f"session-{len(self._sessions)}"
        child = Child([_tool("psql"), *where, *words, "postgres"], log=log, folder=self.folder)
        self._sessions.append(child)
        return child
