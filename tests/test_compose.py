"""docker-compose.yml: pinned and locked down on paper, and true when Docker runs it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import version
from generator.bundle import build
from generator.config.site import Site
from generator.outputs import FORMATS
from reference_server.langsight.settings import TOKEN_FILE
from testbed.compose import (
    Engine,
    EngineError,
    Stack,
    compose_file,
    own_engine,
    profiles,
    running,
    running_engine,
    stand_ins,
)
from testbed.compose.engine import stored
from testbed.servers import wait_until
from testbed.servers.loopback import ServerError, ask, text_of

from .conftest import ROOT

SERVICES: dict[str, Any] = compose_file()["services"]
OWN = ROOT / "docker" / "generated"
SCRAPE = yaml.safe_load((OWN / "scrape" / "prometheus.yml").read_text(encoding="utf-8"))
#: The jobs of systems; the other two are Prometheus' own and Alertmanager's.
JOBS = [job for job in SCRAPE["scrape_configs"] if job["job_name"] not in ("prometheus", "alertmanager")]
GATEWAY = ROOT / "docker" / "agentgateway.compose.yml"
BOTH = (ROOT / "docker-compose.yml", ROOT / "testbed" / "compose" / "ci.yml", GATEWAY)

#: Workers of the scaled deployment; one more than the file says.
WORKERS = 3

#: Scrapes and evaluations are 30 s apart, discovery 15 s.
SEEN_SECONDS = 240


of_service = pytest.mark.parametrize("name", sorted(SERVICES))


@of_service
def test_every_image_is_pinned(name: str) -> None:
    """A name, a version, and for what others made the digest of what that version is."""
    image = SERVICES[name]["image"]
    digest = "" if image.startswith("agent-observability") else "@sha256:[0-9a-f]{64}"

    assert re.fullmatch(rf"[\w./-]+:v?\d+\.\d+\.\d+{digest}", image), image


def test_the_image_that_ours_is_made_of_is_pinned() -> None:
    """By version and digest, once for every stage."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.MULTILINE)
    assert {base for base, _ in stages} <= {"${PYTHON}", *(name for _, name in stages)}
    assert stages[-1] == ("bare", "")  # what `docker build .` makes
    assert re.search(r"^ARG PYTHON=python:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)


def test_simulators_monitoring_and_viewers_meet_only_where_they_must() -> None:
    """Prometheus scrapes the first, tells the second, and is asked by the third; `validate` asks all."""
    members = {
        network: {name for name, one in SERVICES.items() if network in one["networks"]}
        for network in compose_file()["networks"]
    }
    simulated = {
        name for name, one in SERVICES.items()
        if one["image"].startswith("agent-observability:") and name not in {"webhook", "validate"}
    }  # fmt: skip

    assert members == {
        "simulators": simulated | {"prometheus", "validate"},
        "monitoring": {"prometheus", "alertmanager", "webhook", "validate"},
        "viewers": {"prometheus", "grafana", "validate"},
        "readers": {"docs"},
    }


@of_service
def test_every_service_is_locked_down(name: str) -> None:
    """No root, no writing to the image, no capability, no new privilege, no mode that undoes them."""
    one = SERVICES[name]
    uid = re.fullmatch(r"(\d+):\d+", one["user"])

    assert uid
    assert int(uid[1]) > 0
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode"} & set(one)


@of_service
def test_every_service_has_limits(name: str) -> None:
    """Processor, memory, processes, and how much log is kept."""
    limits = SERVICES[name]["deploy"]["resources"]["limits"]

    assert set(limits) == {"cpus", "memory", "pids"}
    assert SERVICES[name]["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


@of_service
def test_every_service_that_stays_has_a_health_check_and_comes_back(name: str) -> None:
    """All but `validate`, which ends by itself."""
    one = SERVICES[name]

    if name == "validate":
        assert one["restart"] == "no"
    else:
        assert one["healthcheck"]["test"][0] == "CMD"
        assert one["restart"] == "unless-stopped"


@of_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    """Each can be moved by a variable of its own."""
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+", port), port


def test_every_published_port_has_a_variable_and_a_number_of_its_own() -> None:
    """Two services on one port do not start."""
    pairs = re.findall(r"127\.0\.0\.1:\$\{([A-Z_]+_PORT):-(\d+)\}:\d", BOTH[0].read_text(encoding="utf-8"))

    assert len(pairs) == len({name for name, _ in pairs}) == len({port for _, port in pairs}) > 0


def test_the_page_about_exposure_names_every_service_with_its_port_and_networks() -> None:
    """Anyone who reads it knows all that listens."""
    page = (ROOT / "docs" / "exposure.md").read_text(encoding="utf-8")
    rows = {m[1]: (m[2], m[3]) for m in re.finditer(r"^\| `([\w*-]+)` \| ([^|]+) \| ([\w, ]+) \|", page, re.MULTILINE)}
    for name, one in SERVICES.items():
        port, networks = rows[name] if name in rows else rows["langsmith-*"]
        published = [re.sub(r".*\$\{(\w+):-(\d+)\}.*", r"\2 (`\1`)", text) for text in one.get("ports", ())]
        assert (port, networks.split(", ")) == (" ".join(published) or "none", one["networks"]), name


@of_service
def test_what_is_mounted_from_here_exists_and_is_read_only(name: str) -> None:
    """Docker makes an empty folder of a file that is not there."""
    for mount in SERVICES[name].get("volumes", ()):
        source, *_, mode = mount.split(":")
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mode == "ro", mount
        else:
            assert source in compose_file()["volumes"]


@pytest.mark.parametrize("path", BOTH, ids=lambda p: p.name)
def test_no_file_has_a_password(path: Path) -> None:
    """Nobody logs in anywhere; Grafana has no user at all, and what stands for a token is empty or made at the start."""
    text = path.read_text(encoding="utf-8")

    content = re.sub(r"(?m)(^|\s)#.*$", "", text)
    given = re.findall(r"(?i)(?<![\w-])(\w*(?:password|token|secret)\w*)[ \t]*[:=][ \t]*(\S+)", content)
    assert [
        pair for pair in given if not (pair[0].endswith("_FILE") and pair[1][0] == "/") and pair[0] != "secrets"
    ] == []
    assert SERVICES["grafana"]["environment"]["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert SERVICES["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_whoever_waits_waits_for_a_service_that_exists() -> None:
    """And for its health, not for its start."""
    for one in SERVICES.values():
        for name, wanted in one.get("depends_on", {}).items():
            assert name in SERVICES
            assert wanted["condition"] == "service_healthy"


def test_validate_waits_for_all_the_others_and_is_told_where_they_are() -> None:
    """What it does not wait for could fail it by being slow."""
    one = SERVICES["validate"]
    addresses = [re.sub(r"^--\w+=http://([^:/]+).*", r"\1", word) for word in one["command"] if "http://" in word]

    assert set(one["depends_on"]) == set(SERVICES) - {"validate"}
    assert addresses == ["prometheus", "alertmanager", "grafana"]


def test_the_own_image_is_built_once_and_has_the_projects_version() -> None:
    """One service builds it; the others never look for it elsewhere."""
    mine = {name: one for name, one in SERVICES.items() if one["image"].startswith("agent-observability:")}

    assert {one["image"] for one in mine.values()} == {f"agent-observability:{version()}"}
    assert [name for name, one in mine.items() if "build" in one] == ["agent-api"]
    assert all(one["pull_policy"] == "never" for name, one in mine.items() if name != "agent-api")
    assert SERVICES["docs"]["image"] == f"agent-observability-docs:{version()}"


def system_of(job: dict[str, Any]) -> str:
    """The system that a scrape job is for."""
    return next(str(r["replacement"]) for r in job["relabel_configs"] if r.get("target_label") == "system")


def addresses(job: dict[str, Any]) -> set[tuple[str, int]]:
    """Host and port of each target, fixed or looked up in DNS."""
    static = [t.split(":") for g in job.get("static_configs", ()) for t in g["targets"]]
    looked_up = [(name, d["port"]) for d in job.get("dns_sd_configs", ()) for name in d["names"]]
    return {(host, int(port)) for host, port in (*static, *looked_up)}


def reachable() -> set[tuple[str, int]]:
    """Host and port of every service that runs and has a page."""
    services = {name: SERVICES[name].get("environment", {}) for name in running(profiles())}
    return {(name, int(environment["PORT"])) for name, environment in services.items() if "PORT" in environment}


def test_every_scraped_target_is_a_service_of_its_system_s_profile() -> None:
    """Static targets, names looked up in DNS, Alertmanager: prometheus.yml is used as it is generated."""
    alertmanagers = [t for a in SCRAPE["alerting"]["alertmanagers"] for g in a["static_configs"] for t in g["targets"]]
    scraped: dict[str, set[str]] = {}
    for job in JOBS:
        for host, port in addresses(job):
            environment = SERVICES[host]["environment"]
            assert int(environment["PORT"]) == port, host
            assert environment.get("AGENT_REFERENCE_SYSTEM", "agent_server") == system_of(job)
            scraped.setdefault(system_of(job), set()).add(host)

    assert {target.partition(":")[0] for target in alertmanagers} == {"alertmanager"}
    assert scraped.keys() == {"agent_server", "langsight", "agentgateway", "langsmith"}
    for system, hosts in scraped.items():
        expected = None if system == "agent_server" else [system, "all"]
        assert {str(SERVICES[host].get("profiles")) for host in hosts} == {str(expected)}
        assert hosts == {
            name for name, one in SERVICES.items()
            if one["image"].startswith("agent-observability:") and name not in ("webhook", "validate")
            and one["environment"].get("AGENT_REFERENCE_SYSTEM", "agent_server") == system
        }  # fmt: skip


def test_without_a_profile_nothing_of_the_other_systems_runs() -> None:
    """And no target of theirs is fixed, so that none is missed."""
    fixed = {system_of(job) for job in JOBS if "static_configs" in job}

    assert fixed == {"agent_server"}
    assert not any("AGENT_REFERENCE_SYSTEM" in SERVICES[name].get("environment", {}) for name in running(()))
    assert set(running(["all"])) == set(SERVICES)


def test_the_real_gateway_takes_the_place_of_the_simulated_one() -> None:
    """Pinned, on loopback, with the page where Prometheus looks, and nobody waits for a health that it cannot tell."""
    services = yaml.safe_load(GATEWAY.read_text(encoding="utf-8"))["services"]
    (mount,) = services["agentgateway"]["volumes"]
    (port,) = services["agentgateway"]["ports"]
    source, target, mode = mount.split(":")
    config = yaml.safe_load((ROOT / source).read_text(encoding="utf-8"))
    (route,) = config["binds"][0]["listeners"][0]["routes"]
    own = SERVICES["agentgateway"]

    assert re.fullmatch(r"\$\{AGENTGATEWAY_IMAGE:-agentgateway:v\d+\.\d+\.\d+\}", services["agentgateway"]["image"])
    assert services["agentgateway"]["pull_policy"] != own["pull_policy"]
    assert (services["agentgateway"]["command"][-1], mode) == (target, "ro")
    assert re.fullmatch(rf"127\.0\.0\.1:\$\{{\w+_PORT:-\d+\}}:{config['binds'][0]['port']}", port)
    assert config["config"]["statsAddr"] == f"0.0.0.0:{own['environment']['PORT']}"
    host, _, number = route["backends"][0]["host"].partition(":")
    assert SERVICES[host]["environment"]["PORT"] == number
    assert services["agentgateway"]["healthcheck"] == {"disable": True}
    assert services["validate"]["depends_on"]["agentgateway"] == {"condition": "service_started", "required": False}


def test_prometheus_keeps_samples_for_as_long_as_the_bundle_looks_back(demo: Site) -> None:
    """Budgets need their whole period."""
    assert f"--storage.tsdb.retention.time={demo.timing.retention}" in SERVICES["prometheus"]["command"]


def test_whoever_joins_over_the_network_shares_a_secret_with_the_first_process() -> None:
    """In a volume in memory that nobody else mounts."""
    holders = {
        name: mount.split(":")
        for name, one in SERVICES.items()
        for mount in one.get("volumes", ())
        if "join-secret" in mount
    }
    environments = {name: SERVICES[name]["environment"] for name in holders}

    assert set(holders) == {"agent-api", "agent-queue"}
    assert holders["agent-queue"][2:] == ["ro"]
    assert all(e["AGENT_REFERENCE_SECRET_FILE"].startswith(holders[name][1] + "/") for name, e in environments.items())
    assert "mode=0700" in compose_file()["volumes"]["join-secret"]["driver_opts"]["o"]


def test_the_token_of_langsight_is_where_prometheus_reads_it(demo: Site) -> None:
    """The file of the scrape job, in a volume that both mount and only one writes."""
    path = Path(demo.config.systems["langsight"].discovery.bearer_token_file)
    (writes,) = (m.split(":") for m in SERVICES["langsight-api"]["volumes"])

    assert f"{writes[0]}:{path.parent}:ro" in SERVICES["prometheus"]["volumes"]
    assert SERVICES["langsight-api"]["environment"][TOKEN_FILE] == f"{writes[1]}/{path.name}"
    assert [name for name, one in SERVICES.items() if any(writes[0] in m for m in one.get("volumes", ()))] == [
        "langsight-api", "prometheus"
    ]  # fmt: skip
    options = compose_file()["volumes"][writes[0]]["driver_opts"]
    assert (options["type"], options["o"].split(",")[1:]) == ("tmpfs", ["mode=2750", "uid=10001", "gid=65534"])
    assert SERVICES["prometheus"]["user"].endswith(":65534")


def test_every_receiver_of_alertmanager_is_a_service() -> None:
    """A notification that cannot be delivered is an alert nobody saw."""
    text = (OWN / "alerts" / "alertmanager.yml").read_text(encoding="utf-8")

    assert set(re.findall(r"- url: http://([\w-]+):(\d+)/", text)) == {
        ("webhook", SERVICES["webhook"]["environment"]["PORT"])
    }


def test_mounts_are_where_prometheus_and_grafana_look() -> None:
    """Rule files, boards and the scrape interval are those of the generated files."""
    (pattern,) = SCRAPE["rule_files"]
    provider = yaml.safe_load((ROOT / "dashboards" / "provider.yaml").read_text(encoding="utf-8"))
    source = yaml.safe_load((ROOT / "docker" / "datasource.yaml").read_text(encoding="utf-8"))["datasources"][0]

    assert f"./docker/generated/alerts:{Path(pattern).parent}:ro" in SERVICES["prometheus"]["volumes"]
    assert f"./dashboards:{provider['providers'][0]['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    assert source["jsonData"]["timeInterval"] == SCRAPE["global"]["scrape_interval"]
    assert f":v{source['jsonData']['prometheusVersion']}" in SERVICES["prometheus"]["image"]


def rules(folder: Path) -> tuple[list[dict[str, Any]], set[str]]:
    """The rules of a folder without the links of alerts, and those links."""
    groups = [g for p in sorted(folder.glob("*.rules.yaml")) for g in yaml.safe_load(p.read_text("utf-8"))["groups"]]
    found = [rule for group in groups for rule in group["rules"]]
    links = {rule["annotations"].pop(key) for rule in found if "alert" in rule for key in ("runbook_url", "dashboard")}
    return found, links


def test_rules_of_the_stack_are_those_of_the_defaults_but_for_their_links() -> None:
    """And each link is to a port that is published, of the service that answers there."""
    (made, links), (usual, _) = rules(OWN / "alerts"), rules(ROOT / "alerts")
    published = re.findall(
        r"127\.0\.0\.1:\$\{\w+:-(\d+)\}", str([SERVICES[name]["ports"] for name in ("grafana", "docs")])
    )

    assert made == usual
    assert {re.sub(r"(:\d+)/.*", r"\1", link) for link in links} == {f"http://127.0.0.1:{port}" for port in published}


@pytest.mark.parametrize(
    ("lock", "more"), [("requirements.txt", {"setuptools"}), ("requirements-docs.txt", {"mkdocs-material"})]
)
def test_every_package_of_the_images_is_pinned_with_its_hashes(lock: str, more: set[str]) -> None:
    """And the lock has every requirement of the project."""
    text = (ROOT / "docker" / lock).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *more]

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+(\s+--hash=sha256:[0-9a-f]{64})+", line)] == []
    assert {re.match(r"[\w-]+", name)[0] for name in wanted} <= {line.partition("==")[0] for line in lines}  # type: ignore[index]


def test_a_stand_in_never_hides_a_real_image() -> None:
    """In someone's own engine the names mean the real images."""
    with pytest.raises(ValueError, match="would hide the real images"):
        stand_ins.make(Engine({}, ours=False), {})


def test_images_are_kept_from_a_run_that_came_to_its_end_for_one_that_is_alone(tmp_path: Path) -> None:
    """Who comes second meanwhile has a folder of its own, which goes; what a broken run left is thrown away."""
    with stored(tmp_path) as first:
        (first / "image").touch()
        with stored(tmp_path) as second:
            assert second != first
    with stored(tmp_path) as again:
        assert ((again / "image").exists(), second.exists()) == (True, False)
    with pytest.raises(EngineError), stored(tmp_path):
        raise EngineError("a container is left")
    with stored(tmp_path) as anew:
        assert (anew, (anew / "image").exists()) == (first, False)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The engine that answers, where someone asked for it; in CI one of our own, with stand-ins."""
    if not os.environ.get("CI"):
        if not os.environ.get("AGENTOBS_COMPOSE"):
            pytest.skip("docker-compose.yml is run in CI, and here by `make compose`")
        answering = running_engine()
        if answering:
            yield answering
            return
    with own_engine() as engine:
        stand_ins.make(engine, {name: SERVICES[name]["image"] for name in ("prometheus", "alertmanager")})
        yield engine


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but `validate`, with three workers, up and healthy."""
    made = Stack(engine, tmp_path_factory.mktemp("secrets"))
    try:
        made.compose("build", "--quiet")
        others = [
            name for name in running(profiles()) if name != "validate" and not (engine.ours and name == "grafana")
        ]
        made.compose("up", "--detach", "--wait", f"--scale=agent-queue={WORKERS}", *others)
        yield made
    finally:
        made.down()


def active(stack: Stack, *systems: str) -> list[dict[str, Any]]:
    """The active targets of some systems, as Prometheus describes them; of all systems, when none is named."""
    listed = stack.get("PROMETHEUS_PORT", "/api/v1/targets?state=active")["data"]["activeTargets"]
    return [one for one in listed if one["labels"].get("system") in (systems or {system_of(job) for job in JOBS})]


@pytest.mark.real
def test_every_worker_is_found_by_dns(stack: Stack) -> None:
    """`--scale` is all that is needed: Prometheus finds and scrapes each worker, and both other processes."""
    expected = {("demo", "queue"): WORKERS, ("demo", "api"): 1, ("demo-combined", "combined"): 1}

    def up() -> dict[tuple[str, str], int]:
        count: dict[tuple[str, str], int] = {}
        for one in active(stack, "agent_server"):
            key = one["labels"]["deployment"], one["labels"]["role"]
            count[key] = count.get(key, 0) + (one["health"] == "up")
        return count

    wait_until(lambda: up() == expected, what=f"{expected}", limit_seconds=SEEN_SECONDS)


@pytest.mark.real
def test_what_a_profile_starts_is_found_by_dns_and_nothing_else_is(stack: Stack) -> None:
    """With the token where one is wanted; a system without its profile has no target, so none that is down."""
    jobs = [job for job in JOBS if addresses(job) & reachable()]
    expected = {(system_of(job), job["job_name"]): "up" for job in jobs}

    def found() -> dict[tuple[str, str], str]:
        return {(one["labels"]["system"], one["scrapePool"]): one["health"] for one in active(stack)}

    wait_until(lambda: found() == expected, what=f"{expected}", limit_seconds=SEEN_SECONDS)


@pytest.mark.real
def test_no_process_has_rights(stack: Stack) -> None:
    """What the file says is what the system does: ids, capabilities, file system, limits."""
    for container in stack.containers():
        name, host = container["Config"]["Labels"]["com.docker.compose.service"], container["HostConfig"]
        status = stack.engine.docker("exec", container["Id"], "cat", "/proc/self/status")
        status_lines = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))

        assert "0" not in status_lines["Uid"].split(), name
        assert (int(status_lines["CapEff"], 16), int(status_lines["CapBnd"], 16), status_lines["NoNewPrivs"]) == (
            0,
            0,
            "1",
        ), name
        assert host["Memory"] > 0, name
        assert host["NanoCpus"] > 0, name
        assert host["PidsLimit"] > 0, name
        with pytest.raises(EngineError, match=r"(?i)read-only file system"):
            stack.engine.docker("exec", container["Id"], "touch", "/written")


@pytest.mark.real
def test_the_image_can_install_and_build_nothing(stack: Stack) -> None:
    """No pip, no setuptools, no compiler; the project's own code is all that was added."""
    (container,) = stack.containers("agent-combined")
    look = "import importlib.util as u, shutil as s; print([n for n in ('pip', 'setuptools', 'ensurepip') if u.find_spec(n)], [c for c in ('gcc', 'cc', 'make', 'git') if s.which(c)])"

    assert stack.engine.docker("exec", container["Id"], "python", "-c", look).strip() == "[] []"


#: Writes formats where a container may write, and tells the hash of each file.
GENERATES = """
import hashlib, json, pathlib, subprocess, sys
out = pathlib.Path("/tmp/bundle")
words = [word for name in sys.argv[1:] for word in ("--format", name)]
subprocess.run(["agentobs", "generate", "--out", out, *words], check=True, stdout=subprocess.DEVNULL)
files = [path for path in out.rglob("*") if path.is_file()]
print(json.dumps({str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}))
"""


@pytest.mark.real
def test_the_image_does_what_the_checkout_does(stack: Stack, site: Site) -> None:
    """Every format byte for byte, the version, a runbook, and what a page is; with no right, and no network."""
    locked = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")

    def said(*words: str) -> str:
        image = SERVICES["agent-api"]["image"]
        return stack.engine.docker("run", "--rm", *locked, "--tmpfs=/tmp:size=64m,mode=1777", image, *words)

    bundle = build(site)
    wanted = {
        str(path): hashlib.sha256(text.encode()).hexdigest()
        for one in FORMATS.values()
        for path, text in one.render(bundle).items()
    }
    assert json.loads(said("python", "-c", GENERATES, *FORMATS)) == wanted
    assert said("agentobs", "--version").split() == ["agentobs", version()]
    runbook = ROOT / "docs" / "runbooks" / "LangSightNotReady.md"
    assert said("agentobs", "runbook", "LangSightNotReady").strip() == runbook.read_text(encoding="utf-8").strip()
    (combined,) = stack.containers("agent-combined")
    diagnosis = stack.engine.docker(
        "exec", combined["Id"], "agentobs", "doctor", "http://127.0.0.1:8000/metrics", "--format=json"
    )
    assert [(page["system"], page["prefix"]) for page in json.loads(diagnosis)["pages"]] == [
        ("agent_server", "lg_api_")
    ]


@pytest.mark.real
def test_secrets_are_files_that_only_their_readers_can_read(stack: Stack) -> None:
    """Made at the start; nobody else mounts them, and their modes let nobody else read."""
    places = {
        "agent-api": ("/join/secret", "400 10001 10001"),
        "langsight-api": ("/secrets/langsight-token", "440 10001 65534"),
    }
    for service, (path, wanted) in places.items():
        for container in stack.containers(service):
            look = "import os, sys; s = os.stat(sys.argv[1]); print(f'{s.st_mode & 0o777:o}', s.st_uid, s.st_gid)"
            assert stack.engine.docker("exec", container["Id"], "python", "-c", look, path).strip() == wanted
            assert not [e for e in container["Config"]["Env"] if "TOKEN=" in e or "SECRET=" in e]


@pytest.mark.real
def test_a_container_neither_switches_nor_joins_nor_meets_another_network(stack: Stack) -> None:
    """What a simulator that was taken over could do to its neighbours."""
    (combined,) = stack.containers("agent-combined")
    ask = (
        "import urllib.error as e, urllib.request as r\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def ask(url, body=None):\n"
        "    try:\n"
        "        return r.urlopen(r.Request(url, body, {'Content-Type': 'application/json'}), timeout=5).status\n"
        "    except e.HTTPError as error:\n"
        "        return error.code\n"
        "    except OSError as error:\n"
        "        return type(error).__name__\n"
        "with ThreadPoolExecutor() as pool:  # a name that is not known takes ten seconds\n"
        "    print(*pool.map(ask,\n"
        "        ('http://agent-api:8000/metrics', 'http://agent-api:8000/scenario', 'http://agent-api:8000/scenarios/f11',\n"
        "         'http://agent-api:8000/deployment/processes', 'http://webhook:9095/', 'http://alertmanager:9093/-/healthy',\n"
        "         'http://grafana:3000/'),\n"
        '        (None, b\'{"scenario": "f11"}\', None, b\'{"role": "queue"}\', None, None, None)))\n'
    )
    answers = stack.engine.docker("exec", combined["Id"], "python", "-c", ask).split()

    assert answers == ["200", "403", "403", "403", "URLError", "URLError", "URLError"]


@pytest.mark.real
def test_an_alert_goes_all_the_way_to_the_webhook(stack: Stack) -> None:
    """Rule, Alertmanager, route, delivery; and the log has a line for it."""

    def notified() -> list[str]:
        return [a["labels"]["alertname"] for n in stack.get("WEBHOOK_PORT", "/") for a in n["alerts"]]

    wait_until(lambda: "ObservabilityWatchdog" in notified(), what="the watchdog", limit_seconds=SEEN_SECONDS)
    assert "watchdog: firing " in stack.compose("logs", "webhook")


@pytest.mark.real
def test_an_alert_leads_to_its_runbook(stack: Stack) -> None:
    """The link that Alertmanager shows, at the port of this run, is the page of the alert, with the rule that is loaded."""
    wait_until(lambda: stack.get("ALERTMANAGER_PORT", "/api/v2/alerts"), what="an alert", limit_seconds=SEEN_SECONDS)
    for alert in stack.get("ALERTMANAGER_PORT", "/api/v2/alerts"):
        name = alert["labels"]["alertname"]
        path = alert["annotations"]["runbook_url"].partition(":8088")[2]
        page = text_of(*ask(stack.ports["DOCS_PORT"], "GET", path))
        assert f'<h1 id="{name.lower()}">' in page, path
        assert 'class="language-promql highlight"' in page


@pytest.mark.real
def test_grafana_shows_the_boards_to_anybody_and_lets_nobody_in(stack: Stack) -> None:
    """Only where its image can be had."""
    if stack.engine.ours:
        pytest.skip("Grafana's image cannot be had here")
    boards = {json.loads(p.read_text(encoding="utf-8"))["uid"] for p in (ROOT / "dashboards").glob("*.json")}

    assert {one["uid"] for one in stack.get("GRAFANA_PORT", "/api/search?type=dash-db&limit=5000")} == boards
    with pytest.raises(ServerError):
        stack.get("GRAFANA_PORT", "/api/admin/settings")


@pytest.mark.real
def test_the_file_for_the_real_gateway_fits_the_other(stack: Stack) -> None:
    """Compose merges both; its image cannot be had everywhere."""
    code, output = stack.exit_code("config", "--format=json", besides=[GATEWAY])

    assert code == 0, output
    merged = json.loads(output)["services"]
    assert merged["validate"]["depends_on"]["prometheus"]["condition"] == "service_healthy"
    if "agentgateway" in running(profiles()):
        assert merged["agentgateway"]["image"].startswith("agentgateway:")
        assert (merged["agentgateway"]["read_only"], merged["agentgateway"]["cap_drop"]) == (True, ["ALL"])
        assert merged["validate"]["depends_on"]["agentgateway"]["condition"] == "service_started"


@pytest.mark.real
def test_a_validator_that_finds_something_wrong_fails_the_command(stack: Stack) -> None:
    """It is told of a Prometheus that is none; it alone, so that the others stay as they are."""
    wrong = ROOT / "testbed" / "compose" / "wrong.yml"
    code, output = stack.exit_code(
        "up", "--no-build", "--no-deps", "--exit-code-from=validate", "validate", besides=[wrong]
    )

    assert code == 1, output[-4000:]
    assert {one["State"]["Running"] for one in stack.containers("prometheus", "agent-queue")} == {True}


@pytest.mark.real
def test_validate_decides_the_exit_code(stack: Stack) -> None:
    """The documented command, on the running stack: it ends with 0 and stops everything."""
    code, output = stack.exit_code("up", "--no-build", f"--scale=agent-queue={WORKERS}", "--exit-code-from=validate")

    verdicts = re.sub(r"^\S*validate-1\s+\| ", "", output, flags=re.MULTILINE)
    assert code == 0, "\n".join(line for line in verdicts.splitlines() if not re.match(r"\s+(ok|empty|pending) ", line))
    judged = {line.split()[1] for line in verdicts.splitlines() if re.match(r"\s+\w+\s+\w+ http://", line)}
    assert judged == {system_of(job) for job in JOBS if addresses(job) & reachable()}
    assert {one["State"]["Running"] for one in stack.containers()} == {False}
