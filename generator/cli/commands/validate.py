"""`agentobs validate`: its options, what they mean together with the environment, and the run."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli import terminal
from generator.cli.command import Command, bundle
from generator.cli.delivery import deliver
from generator.cli.login import declare, login
from generator.cli.parser import seconds, time_scale
from generator.cli.progress import Progress
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator import validate
    from generator.config.site import Site


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="default: http://127.0.0.1:9090")
    add(
        "--rules-url",
        default="",
        metavar="URL",
        help="who evaluates the rules, where it is another server: vmalert, a ruler",
    )
    add("--alertmanager", default="", metavar="URL")
    add("--grafana", default="", metavar="URL")
    add("--format", choices=("text", "json", "junit"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add(
        "--systems",
        action="append",
        default=[],
        metavar="NAME,...",
        help="judge only these, which then have to be there; `all` that are enabled; or AGENTOBS_SYSTEMS",
    )
    declare(parser, "Prometheus, ruler and Alertmanager")
    declare(parser, "Grafana", "grafana-")
    add("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="for one request; default: 10")
    add(
        "--wait",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="first wait so long at most until all is scraped and evaluated twice (what has its turn once a minute)",
    )
    add(
        "--fail-on-pending",
        action="store_true",
        help="end with 1 also when something is pending: it shows nothing yet, as right after a start",
    )
    add(
        "--time-scale",
        type=time_scale,
        default=1.0,
        metavar="N",
        help="the loaded rules were generated with the same --time-scale",
    )
    add(
        "--reference",
        action="append",
        default=[],
        metavar="URL",
        help="a reference server that --scenario drives; may be repeated, one for each system",
    )
    add(
        "--scenario",
        action="append",
        default=[],
        metavar="ID",
        help="play it there, and wait for its alerts; may be repeated",
    )
    add(
        "--webhook",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where to listen for Alertmanager; port 0 takes a free one",
    )


def _systems(args: argparse.Namespace, site: Site) -> tuple[str, ...]:
    """Return the systems that are to be judged; none where nobody chose.

    Raises:
        GeneratorError: A name is no system, or one that is off.

    """
    from generator.validate.systems import chosen

    if args.systems:
        return chosen(args.systems, site.config, "--systems")
    return chosen([os.environ.get("AGENTOBS_SYSTEMS", "")], site.config, "AGENTOBS_SYSTEMS")


def _options(args: argparse.Namespace) -> validate.Options:
    """Read the options and the secrets; `AGENTOBS_*` variables stand in for files that are not given."""
    from generator import validate
    from generator.validate.access import address

    if args.scenario and not (args.reference and args.alertmanager):
        raise _usage(
            "--scenario",
            "plays on a reference server and waits for an Alertmanager",
            "name both: --reference URL --alertmanager URL",
        )
    host, _, port = args.webhook.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 65_536):  # noqa: PLR2004 - ports end there
        raise _usage("--webhook", f"{args.webhook.rpartition('@')[2]!r} is not HOST:PORT", "write 127.0.0.1:9095")
    urls = {flag: address(url, f"--{flag}") if url else "" for flag, url in (
        ("prometheus", args.prometheus), ("rules-url", args.rules_url), ("alertmanager", args.alertmanager),
        ("grafana", args.grafana),
    )}  # fmt: skip
    return validate.Options(
        prometheus=urls["prometheus"], rules=urls["rules-url"], alertmanager=urls["alertmanager"], grafana=urls["grafana"],
        access=login(args), grafana_access=login(args, "AGENTOBS_GRAFANA", "grafana-"),
        timeout=args.timeout or 10.0, wait=args.wait, scale=args.time_scale,
        references=tuple(address(url, "--reference") for url in args.reference), scenarios=tuple(args.scenario), webhook=(host.strip("[]"), int(port)),
    )  # fmt: skip


def _usage(flag: str, what: str, fix: str) -> GeneratorError:
    return GeneratorError([Problem(flag, 1, what, fix)])


def _run(args: argparse.Namespace) -> int:
    from generator import validate

    options = _options(args)
    scaled = replace(bundle(args), time_scale=args.time_scale)
    options = replace(options, systems=_systems(args, scaled.site))
    verdicts: list[validate.Verdict] = []
    begin, broken, code = time.monotonic(), "", 0
    progress = Progress()

    def report(line: str) -> None:
        progress.show(options.clean(line))

    try:
        with validate.prepared(scaled, options, report) as context:
            for verdict in validate.run(context):
                verdicts.append(verdict)
                report(f"{verdict.category}: {len(verdicts)} judged")
    except validate.ProbeError as error:
        broken, code = options.clean(str(error)), 1
    except KeyboardInterrupt:
        broken, code = "interrupted", 130
    progress.end()
    outcome = validate.Outcome(tuple(verdicts), options.prometheus, time.monotonic() - begin, broken)
    if verdicts or args.format != "text":
        deliver(validate.FORMATS[args.format](outcome), args.output)
    if broken:
        terminal.say(broken)
    return code or int(validate.failed(verdicts, pending=args.fail_on_pending))


COMMAND = Command("validate", "Judge running servers by everything that the bundle promises.", _declare, _run)
