"""LangSight's own environment variables, and the switches between what its documentation says and what its code does."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference_server.core import secret
from reference_server.core.settings import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Clients of the live feed and events per client: as documented, and as the code has it.
FEED: Mapping[bool, tuple[int, int]] = {True: (200, 50), False: (1000, 200)}

#: Whose X-User-* headers are believed. Source: `api/dependencies.py`.
PROXIES = "127.0.0.1/32,::1/128"

BEHAVIOUR = "AGENT_REFERENCE_BEHAVIOUR"

#: A switch of its own for each difference: field of the workload -> variable.
SWITCHES: Mapping[str, str] = {
    "documented_paths": "AGENT_REFERENCE_PATHS",
    "counts_otlp": "AGENT_REFERENCE_OTLP",
    "counts_health_checks": "AGENT_REFERENCE_HEALTH_CHECKS",
}
METRICS = "AGENT_REFERENCE_METRICS"

#: File with the token, for itself and its group; it is made where there is none yet. A token in the environment wins.
TOKEN_FILE = "AGENT_REFERENCE_METRICS_TOKEN_FILE"  # noqa: S105 - where it is, not what it is

_WORDS = {"documented": True, "code": False}


@dataclass(frozen=True, slots=True)
class LangSight:
    """How one API process is configured.

    Attributes:
        metrics_token: Bearer token that /metrics wants; empty when none is configured.
        open_metrics: Without a token the page is open, as documented; else it answers 404, as the code does.
        api_keys: Keys that the API accepts; none means that it is open.
        proxies: Networks whose X-User-* headers are believed.
        feed_clients: Clients of the live feed at once.
        feed_buffer: Events that wait for one slow client.
        documented: Answers are as documented where no switch of their own says otherwise; else as version 0.15.0 gives them.
        created_series: The page has the `_created` gauges of prometheus_client.
        switches: Fields of the workload that the environment decides.

    """

    metrics_token: str = ""
    open_metrics: bool = True
    api_keys: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()
    feed_clients: int = FEED[True][0]
    feed_buffer: int = FEED[True][1]
    documented: bool = True
    created_series: bool = True
    switches: Mapping[str, Any] = field(default_factory=dict)


def read(environment: Mapping[str, str]) -> LangSight:
    """Return the settings of the environment; an empty variable is none.

    Raises:
        SettingsError: Some value cannot be used; carries every problem.

    """
    problems: list[str] = []

    def value(name: str, wanted: str, reader: Callable[[str], Any], otherwise: Any) -> Any:
        text = environment.get(name, "")
        if not text:
            return otherwise
        try:
            return reader(text)
        except (ValueError, KeyError, OSError):
            problems.append(f"{name} is {text!r}; wanted: {wanted}")
            return otherwise

    def behaves(name: str, otherwise: bool | None) -> bool | None:  # noqa: FBT001 - a value, not a flag
        found: bool | None = value(name, "documented or code", _WORDS.__getitem__, otherwise)
        return found

    every = behaves(BEHAVIOUR, None)
    clients, buffer = FEED[every is not False]
    switches: dict[str, Any] = {name: behaves(variable, every) for name, variable in SWITCHES.items()}
    switches |= dict.fromkeys(("tells_checks", "documented_spans"), every)
    made = LangSight(
        metrics_token=environment.get("LANGSIGHT_METRICS_TOKEN", "") or value(TOKEN_FILE, "a file", _token, ""),
        open_metrics=behaves(METRICS, every) is not False,
        api_keys=tuple(filter(None, (k.strip() for k in environment.get("LANGSIGHT_API_KEYS", "").split(",")))),
        proxies=value("LANGSIGHT_TRUSTED_PROXY_CIDRS", "networks such as 10.0.0.0/8", _networks, _networks(PROXIES)),
        feed_clients=value("LANGSIGHT_SSE_MAX_CLIENTS", "a whole number of at least 1", _positive, clients),
        feed_buffer=value("LANGSIGHT_SSE_CLIENT_BUFFER", "a whole number of at least 1", _positive, buffer),
        documented=every is not False,
        created_series=environment.get("PROMETHEUS_DISABLE_CREATED_SERIES", "").lower() not in {"1", "t", "true"},
        switches={name: chosen for name, chosen in switches.items() if chosen is not None},
    )
    if problems:
        raise SettingsError(problems)
    return made


def _token(path: str) -> str:
    return secret.made(Path(path), secret.GROUP)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
