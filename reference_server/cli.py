"""The command `agent-reference-server`: arguments, start, writing, exit codes. Nothing else does these."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from generator import version
from generator.errors import GeneratorError
from reference_server.agent_server import AGENT_SERVER, settings
from reference_server.agent_server.control import Control, shared
from reference_server.agent_server.hosting import IDLE
from reference_server.agent_server.relay import JoinError, Relay
from reference_server.agent_server.settings import Settings
from reference_server.core import secret
from reference_server.core.rates import settings as service_settings
from reference_server.core.rates.model import Model
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import bind, serve_until_stopped, server, url_of
from reference_server.core.settings import SettingsError
from reference_server.core.webhook import webhook
from reference_server.fleet import templates as models
from reference_server.fleet.app import fleet_app
from reference_server.fleet.fleet import Fleet
from reference_server.scenarios import library, live
from reference_server.scenarios.ensemble import Ensemble
from reference_server.scenarios.ensemble_app import EnsembleApp
from reference_server.scenarios.systems import SYSTEMS, model

FAILED, WRONG_USAGE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 ended as told, 1 could not serve, 2 wrong usage."""
    given = _parser().parse_args(arguments)
    flags = {name: value for name, value in vars(given).items() if name not in {"command", "system", "catalogue"}}
    system = getattr(given, "system", "") or os.environ.get("AGENT_REFERENCE_SYSTEM", "")
    catalogue = getattr(given, "catalogue", "") or os.environ.get("AGENT_REFERENCE_CATALOGUE", "")
    if given.command == "scenarios":
        return _list()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # They warn of every malformed request, and of every part of an answer whose reader has gone: a scanner would fill the disk.
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        return _serve(given.command, system, catalogue, flags)
    except SettingsError as error:
        return _refuse(error.problems, WRONG_USAGE)
    except GeneratorError as error:
        return _refuse([str(problem) for problem in error.problems], WRONG_USAGE)
    except (OSError, JoinError) as error:
        return _refuse([f"cannot serve: {error}"], FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agent-reference-server",
        description="A server whose /metrics cannot be told from a real Agent Server's, driven by a simulation.",
        epilog="The Agent Server's own environment variables have the meaning that they have there.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"agent-reference-server {version()}")
    parser.add_argument(
        "command",
        nargs="?",
        choices=["serve", "scenarios", "webhook"],
        default="serve",
        help="serve (default), list the scenarios, or take and show what Alertmanager notifies",
    )
    parser.add_argument(
        "--system", metavar="SYSTEM", help=f"{', '.join(SYSTEMS)} (environment: AGENT_REFERENCE_SYSTEM)"
    )
    parser.add_argument(
        "--catalogue",
        metavar="FILE",
        help="simulate the system of a catalogue file instead (environment: AGENT_REFERENCE_CATALOGUE)",
    )
    for field in settings.FIELDS:
        if field.flag:
            text = f"{field.wanted} (environment: {field.variables[0]})".replace("%", "%%")
            parser.add_argument(field.flag, dest=field.name, metavar=field.name.upper(), help=text)
    return parser


def _list() -> int:
    lines = [f"{name:<32} {one.title}\n" for name, one in zip(library.names(), library.shipped(), strict=True)]
    with contextlib.suppress(BrokenPipeError):  # `| head` has seen enough
        sys.stdout.writelines([*lines, f"{IDLE:<32} Nobody but you sends requests\n"])
        sys.stdout.flush()
    return 0


def _refuse(problems: Sequence[str], code: int) -> int:
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return code


def _serve(command: str, system: str, catalogue: str, flags: Mapping[str, str]) -> int:
    if catalogue and system:
        raise SettingsError(["--catalogue and --system contradict each other; wanted: one of them"])
    if catalogue:
        return _serve_catalogue(Path(catalogue), flags)
    if system not in {"", AGENT_SERVER}:
        return _serve_service(service_settings.read(model(system), flags, os.environ), model(system))
    own = settings.read(flags, os.environ)
    return _receive(own) if command == "webhook" else _serve_agent_server(own, settings.texts(flags, os.environ))


def _serve_agent_server(own: Settings, texts: Mapping[str, str]) -> int:
    if own.fleet:
        return _serve_fleet(own)
    if own.whole:
        return _serve_ensemble(own)
    if own.join:
        return asyncio.run(_serve_joined(own, texts))
    control = Control(live.agent_server(own), own, shared(own))
    # What the real server does with the push's key: user code cannot read it. The CUSTOM_ ones stay.
    for name in ("LSD_DD_API_KEY", "LSD_DD_ENDPOINT"):
        os.environ.pop(name, None)
    bound = bind(own.host, own.port)
    _say(url_of(bound))
    grace = own.grace_seconds / own.time_scale
    drain = control.drain if own.role == "queue" else None
    return _ended(asyncio.run(serve_until_stopped(server(control, grace_seconds=grace, hosts=own.hosts), bound, drain)))


def _serve_catalogue(path: Path, flags: Mapping[str, str]) -> int:
    from reference_server.generic.loading import load
    from reference_server.generic.system import simulated

    try:
        catalogue = load(path)
    except GeneratorError as error:
        return _refuse([str(problem) for problem in error.problems], FAILED)
    by = simulated(catalogue, catalogue.targets[0])
    return _serve_service(service_settings.read(by, flags, os.environ), by)


def _serve_service(own: ServiceSettings, by: Model) -> int:
    from reference_server.core.rates.app import build

    app = build(live.service(own, by), os.environ)
    bound = bind(own.host, own.port)
    _say(url_of(bound))
    return _ended(asyncio.run(serve_until_stopped(server(app, grace_seconds=1, hosts=own.hosts), bound)))


def _receive(own: Settings) -> int:
    bound = bind(own.host, own.port)
    _say(url_of(bound))
    return _ended(
        asyncio.run(serve_until_stopped(server(webhook(_say, own.hosts), grace_seconds=1, hosts=own.hosts), bound))
    )


def _serve_fleet(own: Settings) -> int:
    clock = _clock(own.time_scale)
    fleet = Fleet.of(own.fleet, models.templates(own), seed=own.seed, now=clock())
    bound = bind(own.host, own.port)
    _say(url_of(bound))
    return _ended(asyncio.run(serve_until_stopped(server(fleet_app(fleet, clock), grace_seconds=1), bound)))


def _serve_ensemble(own: Settings) -> int:
    ensemble = Ensemble(own)
    bound = bind(own.host, own.port)
    _say(url_of(bound))
    return _ended(
        asyncio.run(serve_until_stopped(server(EnsembleApp(ensemble), grace_seconds=1, hosts=own.hosts), bound))
    )


def _ended(failure: str) -> int:
    return _refuse([f"the server ended: {failure}"], FAILED) if failure else 0


async def _serve_joined(own: Settings, texts: Mapping[str, str]) -> int:
    known = secret.read(Path(own.secret_file)) if own.secret_file else ""
    relay = Relay(own.join, {k: v for k, v in texts.items() if k in settings.OWN}, known)
    bound = bind(own.host, own.port)
    await relay.join()
    _say(url_of(bound))
    await relay.serve(bound, keep_open=own.role == "queue")
    return 0


def _clock(scale: float) -> Callable[[], float]:
    start = time.time()
    return lambda: start + (time.time() - start) * scale


def _say(line: str) -> None:
    """Write one line, such as where the server answers, for a person or the program that started it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
