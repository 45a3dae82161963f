"""Flags and environment of the reference server mean what they mean to the real one, and bad values are told at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from reference_server.agent_server import settings
from reference_server.agent_server.settings import Settings
from reference_server.cli import main
from reference_server.core.settings import SettingsError
from reference_server.scenarios import live

from .conftest import ROOT

PROJECT = "6f1f1f0e-4a5b-4c3d-9e8f-0123456789ab"


def read(environment: Mapping[str, str] | None = None, **flags: str) -> Settings:
    return settings.read(flags, environment or {})


def problems(environment: Mapping[str, str] | None = None, **flags: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(environment, **flags)
    return caught.value.problems


def test_defaults_are_the_real_servers() -> None:
    """Nothing said: UI metrics, tier 2, ten slots, a minute, loopback."""
    assert read() == Settings()
    assert (read().metric_prefix, read().expose_internal, read().max_tier) == ("lg_api_", False, 2)
    assert (read().slots, read().stats_interval_seconds, read().buffer_events) == (10, 60, 10_000)
    assert (read().host, read().port, read(role="queue").port) == ("127.0.0.1", 8000, 8080)


@pytest.mark.parametrize(("kind", "tier"), [("dev", 1), ("dev_free", 1), ("prod", 2), ("", 2)])
def test_development_deployments_have_a_lower_ceiling_unless_told_otherwise(kind: str, tier: int) -> None:
    """The default tier is 1 on dev and dev_free; a value that is given wins."""
    assert read({"LSD_DEPLOYMENT_TYPE": kind}).max_tier == tier
    assert read({"LSD_DEPLOYMENT_TYPE": kind, "METRIC_MAX_EMITTING_TIER": "3"}).max_tier == 3


@pytest.mark.parametrize(("text", "tier"), [("-7", 1), ("0", 1), ("1", 1), ("4", 4), ("99", 4)])
def test_the_tier_is_clamped(text: str, tier: int) -> None:
    """A tier outside 1 to 4 is moved to the nearest one, as the real server does."""
    assert read({"METRIC_MAX_EMITTING_TIER": text}).max_tier == tier


@pytest.mark.parametrize(("text", "on"), [("true", True), ("TRUE", True), ("1", True), ("False", False), ("0", False)])
def test_switches_take_the_real_servers_words(text: str, *, on: bool) -> None:
    """true, 1, false and 0 in any case; nothing else."""
    assert read({"FF_ASYNC_PUBLISH_QUEUE": text}).async_publish_queue is on
    assert problems({"FF_ASYNC_PUBLISH_QUEUE": "yes"}) == [
        "FF_ASYNC_PUBLISH_QUEUE is 'yes'; wanted: true, 1, false or 0"
    ]


def test_a_flag_beats_the_environment_and_the_environment_the_default() -> None:
    """Flag, then environment, then default."""
    assert read({"PORT": "81"}, port="82").port == 82
    assert read({"PORT": "81"}).port == 81
    assert read({"AGENT_REFERENCE_ROLE": "queue", "PORT": "81"}).port == 81


def test_custom_variables_of_the_push_win_and_empty_ones_do_not_count() -> None:
    """CUSTOM_ before the plain name, an empty text is no key, and the host has the real default."""
    both = {"LSD_DD_API_KEY": "plain", "CUSTOM_LSD_DD_API_KEY": "custom"}
    assert read(both).datadog_key == "custom"
    assert read({**both, "CUSTOM_LSD_DD_API_KEY": ""}).datadog_key == "plain"
    assert read({"LSD_DD_ENDPOINT": ""}).datadog_host == "otlp.us5.datadoghq.com"


def test_an_empty_prefix_is_a_prefix() -> None:
    """METRIC_PREFIX is used verbatim, also when it is empty."""
    assert read({"METRIC_PREFIX": ""}).metric_prefix == ""


def test_no_slots_make_an_api_process() -> None:
    """N_JOBS_PER_WORKER=0 is what makes a process of the real server an API process."""
    assert read({"N_JOBS_PER_WORKER": "0"}).role == "api"
    assert read(role="api").slots == 0


def test_every_bad_value_is_told_at_once_with_what_was_wanted() -> None:
    """Each sentence has the name under which the value was given, the value, and what is wanted."""
    found = problems(
        {
            "METRIC_MAX_EMITTING_TIER": "two",
            "LANGSMITH_HOST_PROJECT_ID": "demo",
            "METRIC_PREFIX": "9-lives",
            "STATS_INTERVAL_SECS": "0",
            "MOUNT_PREFIX": "api",
            "N_JOBS_PER_WORKER": "many",
        },
        role="worker",
        time_scale="-1",
    )

    assert found == [
        "--role is 'worker'; wanted: combined, api or queue",
        "--time-scale is '-1'; wanted: a number above 0",
        "METRIC_PREFIX is '9-lives'; wanted: what a metric name may start with, such as lg_api_",
        "METRIC_MAX_EMITTING_TIER is 'two'; wanted: a whole number; it is clamped to 1..4",
        "LANGSMITH_HOST_PROJECT_ID is 'demo'; wanted: a UUID, or nothing",
        "N_JOBS_PER_WORKER is 'many'; wanted: a whole number, 0 on an api process",
        "STATS_INTERVAL_SECS is '0'; wanted: a whole number, at least 1 (seconds)",
        "MOUNT_PREFIX is 'api'; wanted: a path that starts with / and is not below /noauth",
    ]


def test_values_that_contradict_each_other_are_told() -> None:
    """An API process with slots, a queue without, the in-memory runtime in two parts."""
    assert problems({"N_JOBS_PER_WORKER": "3"}, role="api") == [
        "N_JOBS_PER_WORKER is '3'; wanted: 0 with the role api, which executes no runs"
    ]
    assert problems({"N_JOBS_PER_WORKER": "0"}, role="queue") == [
        "N_JOBS_PER_WORKER is '0'; wanted: at least 1 with the role queue, which executes runs"
    ]
    assert problems(role="queue", runtime="inmem") == [
        "--role is 'queue'; wanted: combined, the only role of the runtime inmem"
    ]
    assert problems(fleet="3", join="http://127.0.0.1:1") == [
        "--fleet and --join contradict each other; wanted: one of them"
    ]


def test_a_bad_value_ends_the_command_with_2_before_it_listens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Problems go to stderr, nothing to stdout, and no address is printed."""
    monkeypatch.setenv("METRIC_MAX_EMITTING_TIER", "high")

    assert main(["--port", "99999"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "--port is '99999'; wanted: a port, 0 to 65535",
        "METRIC_MAX_EMITTING_TIER is 'high'; wanted: a whole number; it is clamped to 1..4",
    ]


def test_an_unknown_scenario_ends_the_command_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest name is offered."""
    assert main(["--scenario", "calmm", "--port", "0"]) == 2
    assert "calmm:1: no such scenario, and no such file" in capsys.readouterr().err


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, with its title."""
    assert main(["scenarios"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("calm ") for line in lines)


def test_what_is_given_survives_as_text() -> None:
    """A process that joins sends its settings as text; reading them again gives the same."""
    environment = {"LANGSMITH_HOST_PROJECT_ID": PROJECT, "N_JOBS_PER_WORKER": "4", "LSD_DD_API_KEY": "k"}
    flags = {"role": "queue", "seed": "7"}

    assert settings.read(settings.texts(flags, environment), {}) == settings.read(flags, environment)


def test_what_is_said_wins_over_the_scenario_and_the_scenario_over_the_default() -> None:
    """A scenario may change a setting, but not one that someone gave."""
    dev = live.agent_server(read(scenario="b16"))
    assert dev.nodes[0].process.settings.deployment_type.startswith("dev")
    given = live.agent_server(read({"LSD_DEPLOYMENT_TYPE": "prod"}, scenario="b16"))
    assert given.nodes[0].process.settings.deployment_type == "prod"
    assert not live.agent_server(read(scenario="calm")).nodes[0].process.settings.expose_internal


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in this environment."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("package", ["uvicorn", "starlette", "h11", "jsonschema_rs"])
def test_a_package_that_is_not_there_is_told_in_one_line(package: str) -> None:
    """With what to type; no traceback."""
    done = run_python(
        f"import sys; sys.modules[{package!r}] = None; from reference_server.entry import main; sys.exit(main())"
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"agent-reference-server needs the package {package}, which is not installed: python -m pip install [\w-]+\n",
        done.stderr,
    )


def test_the_generator_loads_nothing_of_the_reference_server() -> None:
    """Its packages are installed with it, and cost it no time."""
    heavy = {"uvicorn", "starlette", "websockets", "opentelemetry", "reference_server", "google"}
    done = run_python(
        f"import generator.cli.main, sys; print(sorted({heavy} & {{name.partition('.')[0] for name in sys.modules}}))"
    )

    assert done.stdout == "[]\n", done.stderr


def test_the_push_is_loaded_where_there_is_one_only() -> None:
    """It has the largest packages."""
    done = run_python("import reference_server.cli, sys; print('opentelemetry' in sys.modules)")

    assert done.stdout == "False\n", done.stderr
