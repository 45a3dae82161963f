"""A throw-away Kubernetes API server with the etcd that it keeps objects in: kube-apiserver itself, and nothing that acts on objects."""

import http.client
import json
import ssl
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.servers.loopback import OK, ServerError, ask, free_port, wait_until
from testbed.servers.started import Started

Json = dict[str, Any]

#: What the API answers to what it has taken.
TAKEN = frozenset({200, 201})

#: Who asks, and who applies.
_TOKEN, _MANAGER = "testbed", "testbed"

#: How long a definition may take until its objects are taken, and an answer.
_DEFINED_SECONDS, _ANSWER_SECONDS = 120, 60


class Etcd(Started):
    """Where an API server keeps objects."""

    def __init__(self, binary: Path) -> None:
        """Start it, and wait until it answers.

        Raises:
            StartError: It ended, or did not get ready in time.

        """
        super().__init__("etcd")
        self._binary, self._peers = binary, free_port()
        with self.starting():
            self.start()

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        peers = f"http://127.0.0.1:{self._peers}"
        return [
            self._binary, f"--data-dir={self.folder / 'data'}", "--unsafe-no-fsync",
            f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Say whether it is well."""
        return ask(self.port, "GET", "/health")[0] == OK


class ApiServer(Started):
    """An API server. A context manager: leaving it, or `close()`, kills it and removes its folder."""

    def __init__(self, binary: Path, etcd: Etcd) -> None:
        """Start it, and wait until it is ready.

        Raises:
            StartError: It ended, or did not get ready in time.

        """
        super().__init__("apiserver")
        self._binary, self._etcd = binary, etcd
        self._plural: dict[tuple[str, str], str] = {}
        with self.starting():
            self._key = self.folder / "accounts.key"
            subprocess.run(["openssl", "genrsa", "-out", self._key, "2048"], check=True, capture_output=True)
            self._tokens = self.write("tokens.csv", f"{_TOKEN},admin,1,system:masters\n")
            self.start()

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags. Accounts of services, which a controller makes, are not asked for."""
        return [
            self._binary, f"--etcd-servers={self._etcd.url}", f"--cert-dir={self.folder / 'certificates'}",
            "--bind-address=127.0.0.1", f"--secure-port={self.port}", f"--token-auth-file={self._tokens}",
            "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={self._key}",
            f"--service-account-signing-key-file={self._key}",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Say whether it is ready."""
        return self._certificate.exists() and self._ask("GET", "/readyz")[0] == OK

    def define(self, definitions: Iterable[Json]) -> None:
        """Apply CustomResourceDefinitions, and wait until their objects are taken.

        Raises:
            ServerError: One is refused; the text is the server's own.

        """
        listed = list(definitions)
        for one in listed:
            status, answer = self.apply(one)
            if status not in TAKEN:
                raise ServerError(str(answer.get("message")))

        def established(name: str) -> bool:
            _, answer = self._ask("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
            conditions = answer.get("status", {}).get("conditions", ())
            return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

        for one in listed:
            name = one["metadata"]["name"]
            wait_until(lambda name=name: established(name), what=f"{name}", limit_seconds=_DEFINED_SECONDS)  # type: ignore[misc]

    def apply(self, one: Mapping[str, Any], namespace: str = "") -> tuple[int, Json]:
        """Return the status and the answer to an object, as `kubectl apply --server-side` sends it; a key that nobody knows is refused.

        Args:
            one: The object.
            namespace: Where it is put when it does not say it itself; empty for an object without one.

        """
        version, kind = one["apiVersion"], one["kind"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        where = one["metadata"].get("namespace", namespace)
        within = f"/namespaces/{where}" if where else ""
        path = f"{base}{within}/{self._resource(base, kind)}/{one['metadata']['name']}"
        return self._ask("PATCH", f"{path}?fieldManager={_MANAGER}&fieldValidation=Strict", one)

    def _resource(self, base: str, kind: str) -> str:
        """Return what the objects of a kind are called in addresses."""
        if (base, kind) not in self._plural:
            _, answer = self._ask("GET", base)
            names = {(base, r["kind"]): r["name"] for r in answer.get("resources", ()) if "/" not in r["name"]}
            if (base, kind) not in names:
                message = f"no {kind} of {base}: {answer.get('message')}"
                raise ServerError(message)
            self._plural |= names
        return self._plural[base, kind]

    @property
    def _certificate(self) -> Path:
        return self.folder / "certificates" / "apiserver.crt"

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Json]:
        context = ssl.create_default_context(cafile=self._certificate)
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=_ANSWER_SECONDS)
        headers = {"Authorization": f"Bearer {_TOKEN}", "Accept": "application/json"}
        if body:
            headers["Content-Type"] = "application/apply-patch+yaml"
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        document: Json = json.loads(text) if text.startswith("{") else {"message": text}
        return answer.status, document
