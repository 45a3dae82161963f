"""A throw-away Cortex in one process: samples in by remote write, rules and Alertmanager's configuration by its API.

Its limits of rules are those that Mimir has by default. One tenant, everything in a folder of its own, nothing sent elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from testbed.servers import api
from testbed.servers.api import Sample
from testbed.servers.loopback import OK, ServerError, ask, free_port
from testbed.servers.remote_write import History
from testbed.servers.started import Started

#: What Go needs to build it.
MODULE, VERSION, PACKAGE, TAGS = "github.com/cortexproject/cortex", "v1.21.1", "./cmd/cortex", "netgo,slicelabels"

#: What the API answers to what it has taken.
TAKEN = frozenset({200, 201, 202, 204})

#: The rings hand everything to this one process.
_MEMORY = {"kvstore": {"store": "inmemory"}}


class Cortex(Started):
    """A Cortex on free loopback ports, in a folder of its own.

    A context manager: leaving it, or `close()`, kills the server and removes the folder.
    """

    def __init__(self, binary: Path, *, rules: int, groups: int) -> None:
        """Start the server and wait until it answers.

        Args:
            binary: The program.
            rules: How many rules a group may have.
            groups: How many groups the tenant may have.

        Raises:
            StartError: The server ended, or did not get ready in time.

        """
        super().__init__("cortex")
        self._binary = binary
        with self.starting():
            self.write("cortex.yaml", yaml.safe_dump(self._configuration(rules, groups)))
            self.start()

    def push(self, series: Iterable[History], times: Sequence[float]) -> None:
        """Write histories; times are Unix seconds, ascending.

        Raises:
            ServerError: A sample is refused.

        """
        api.push(self.port, series, times, "/api/v1/push")

    def load(self, namespace: str, group: Mapping[str, Any]) -> None:
        """Hand a rule group over.

        Raises:
            ServerError: It is refused; the text is the server's own.

        """
        body = yaml.safe_dump(dict(group)).encode()
        self._post(f"/api/v1/rules/{namespace}", body)

    def route(self, request: str) -> None:
        """Hand the tenant's Alertmanager its configuration, as the body of a request.

        Raises:
            ServerError: It is refused; the text is the server's own.

        """
        self._post("/api/v1/alerts", request.encode())

    def query(self, expr: str) -> list[Sample]:
        """Result of an instant query at this moment."""
        data = self._data(f"/prometheus/api/v1/query?query={quote(expr)}")
        return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """Rule groups with each rule's health, last error and active alerts."""
        groups: list[dict[str, Any]] = self._data("/prometheus/api/v1/rules")["groups"]
        return groups

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or firing at this moment."""
        alerts: list[dict[str, Any]] = self._data("/prometheus/api/v1/alerts")["alerts"]
        return alerts

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [self._binary, "-target=all,alertmanager", f"-config.file={self.folder / 'cortex.yaml'}"]

    def answers(self) -> bool:
        """Say whether every part of it is ready."""
        return ask(self.port, "GET", "/ready")[0] == OK

    def _data(self, path: str) -> Any:
        return api.data_of(*ask(self.port, "GET", path))

    def _post(self, path: str, body: bytes) -> None:
        status, answer = ask(self.port, "POST", path, body, {"Content-Type": "application/yaml"})
        if status not in TAKEN:
            raise ServerError(answer.decode(errors="replace").strip())

    def _configuration(self, rules: int, groups: int) -> dict[str, Any]:
        """Return what makes one process of it: loopback alone, rings in memory, blocks in the folder."""
        ring = {"kvstore": _MEMORY["kvstore"], "instance_addr": "127.0.0.1"}
        at = {"backend": "filesystem"}
        grpc = free_port()
        return {
            "auth_enabled": False,
            "server": {
                "http_listen_address": "127.0.0.1",
                "http_listen_port": self.port,
                "grpc_listen_address": "127.0.0.1",
                "grpc_listen_port": grpc,
            },
            "distributor": {"ring": ring, "shard_by_all_labels": True},
            "ingester": {
                "lifecycler": {
                    "address": "127.0.0.1",
                    "min_ready_duration": "0s",
                    "final_sleep": "0s",
                    "ring": {**_MEMORY, "replication_factor": 1},
                }
            },
            "blocks_storage": {
                **at,
                "tsdb": {"dir": f"{self.folder}/tsdb"},
                "bucket_store": {"sync_dir": f"{self.folder}/sync"},
                "filesystem": {"dir": f"{self.folder}/blocks"},
            },
            "compactor": {"data_dir": f"{self.folder}/compactor", "sharding_ring": ring},
            "store_gateway": {"sharding_ring": ring},
            "ruler": {
                "enable_api": True,
                "poll_interval": "1s",
                "rule_path": f"{self.folder}/rules",
                "ring": ring,
                "alertmanager_url": f"{self.url}/alertmanager",
            },
            "ruler_storage": {**at, "filesystem": {"dir": f"{self.folder}/ruler"}},
            "alertmanager": {
                "enable_api": True,
                "poll_interval": "1s",
                "data_dir": f"{self.folder}/alertmanager",
                "external_url": f"{self.url}/alertmanager",
                "sharding_ring": ring,
                "cluster": {"listen_address": ""},
            },
            "alertmanager_storage": {**at, "filesystem": {"dir": f"{self.folder}/told"}},
            "limits": {
                "ruler_max_rules_per_rule_group": rules,
                "ruler_max_rule_groups_per_tenant": groups,
                "out_of_order_time_window": "1h",  # histories are written series by series
                "ingestion_rate": 1e9,
                "ingestion_burst_size": 1_000_000_000,
                "max_series_per_metric": 0,
            },
        }
