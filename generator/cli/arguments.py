"""The options of `agentobs validate`: what they are called, and what they mean together with the environment."""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from generator.cli import terminal
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator import validate
    from generator.bundle import Bundle


class Parser(argparse.ArgumentParser):
    """A parser whose complaints repeat no value that may be a secret; a part of an option's name is no option.

    `--bearer-token TOKEN` would be taken for `--bearer-token-file`, and the token for the name of a file.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **more})

    def error(self, message: str) -> NoReturn:
        """End with the exit code 2, and say what is wrong."""
        what, found, words = message.partition("unrecognized arguments: ")
        if found:
            # The value of a mistyped option, or what stands behind it, may be a token or a password.
            words = " ".join(
                re.sub("=.*", "=...", w, flags=re.DOTALL) if w.startswith("-") else "..." for w in words.split(" ")
            )
        super().error(terminal.plain(re.sub(r"(?<=://)[^/\s]*@", "...@", what + found + words)))


def declare(validate: argparse.ArgumentParser) -> None:
    """Add the options to the parser of the command."""
    add = validate.add_argument
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
    for prefix, whom in (("", "Prometheus, ruler and Alertmanager"), ("grafana-", "Grafana")):
        add(f"--{prefix}bearer-token-file", type=Path, metavar="FILE", help=f"token for {whom}")
        add(f"--{prefix}basic-auth-file", type=Path, metavar="FILE", help=f"user:password for {whom}")
        add(f"--{prefix}ca-file", type=Path, metavar="FILE", help=f"certificates to trust for {whom}")
        add(
            f"--{prefix}header",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"for {whom}; NAME=@FILE reads the value",
        )
    add("--tenant", default="", metavar="ID", help="X-Scope-OrgID for Prometheus, ruler and Alertmanager")
    add("--timeout", type=_positive, default=10.0, metavar="SECONDS", help="for one request; default: 10")
    add(
        "--wait",
        type=_positive,
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


def time_scale(text: str) -> float:
    """Read how many virtual seconds one second has."""
    value = float(text)
    if not 1 <= value < math.inf:
        raise ValueError(text)
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:  # noqa: PLR2004 - thirty years
        raise ValueError(text)
    return value


def systems(args: argparse.Namespace, bundle: Bundle) -> tuple[str, ...]:
    """Return the systems that are to be judged; none where nobody chose.

    Raises:
        GeneratorError: A name is no system, or one that is off.

    """
    from generator.validate.systems import chosen

    if args.systems:
        return chosen(args.systems, bundle.site.config, "--systems")
    return chosen([os.environ.get("AGENTOBS_SYSTEMS", "")], bundle.site.config, "AGENTOBS_SYSTEMS")


def options(args: argparse.Namespace) -> validate.Options:
    """Read the options and the secrets; `AGENTOBS_*` variables stand in for files that are not given."""
    from generator import validate
    from generator.validate.access import access, address, secret

    def secrets(path: Path | None, flag: str, *variables: str) -> str:
        given = next((os.environ[name] for name in variables if os.environ.get(name)), "")
        return secret(path, flag) if path else given.strip()

    if args.scenario and not (args.reference and args.alertmanager):
        raise _usage(
            "--scenario",
            "plays on a reference server and waits for an Alertmanager",
            "name both: --reference URL --alertmanager URL",
        )
    host, _, port = args.webhook.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 65_536):  # noqa: PLR2004 - ports end there
        raise _usage("--webhook", f"{args.webhook.rpartition('@')[2]!r} is not HOST:PORT", "write 127.0.0.1:9095")
    plain = not (args.bearer_token_file or args.basic_auth_file)
    grafana_plain = not (args.grafana_bearer_token_file or args.grafana_basic_auth_file)
    urls = {flag: address(url, f"--{flag}") if url else "" for flag, url in (
        ("prometheus", args.prometheus), ("rules-url", args.rules_url), ("alertmanager", args.alertmanager),
        ("grafana", args.grafana),
    )}  # fmt: skip
    return validate.Options(
        prometheus=urls["prometheus"], rules=urls["rules-url"], alertmanager=urls["alertmanager"], grafana=urls["grafana"],
        access=access(
            bearer=secrets(args.bearer_token_file, "--bearer-token-file", *(["AGENTOBS_PROMETHEUS_TOKEN"] if plain else [])),
            basic=secrets(args.basic_auth_file, "--basic-auth-file", *(["AGENTOBS_PROMETHEUS_BASIC"] if plain else [])),
            ca_file=args.ca_file, tenant=args.tenant, headers=args.header,
        ),
        grafana_access=access(
            bearer=secrets(args.grafana_bearer_token_file, "--grafana-bearer-token-file", *(["AGENTOBS_GRAFANA_TOKEN"] if grafana_plain else [])),
            basic=secrets(args.grafana_basic_auth_file, "--grafana-basic-auth-file", *(["AGENTOBS_GRAFANA_BASIC"] if grafana_plain else [])),
            ca_file=args.grafana_ca_file, headers=args.grafana_header,
            token_flag="--grafana-bearer-token-file or --grafana-basic-auth-file",  # noqa: S106 - the name of an option
        ),
        timeout=args.timeout or 10.0, wait=args.wait, scale=args.time_scale,
        references=tuple(address(url, "--reference") for url in args.reference), scenarios=tuple(args.scenario), webhook=(host.strip("[]"), int(port)),
    )  # fmt: skip


def deliver(text: str, path: Path | None) -> None:
    """Write a report to its file, or to standard output.

    Raises:
        GeneratorError: The file cannot be written.

    """
    if path is None:
        terminal.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _usage(str(path), f"cannot be written: {error.strerror}", "name a writable file with --output") from error


def _usage(flag: str, what: str, fix: str) -> GeneratorError:
    return GeneratorError([Problem(flag, 1, what, fix)])
