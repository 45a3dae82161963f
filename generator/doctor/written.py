"""bundle.yaml as a diagnosis suggests it: what fits the pages, and where those are that were named by their address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from generator.doctor.diagnosis import Diagnosis
from generator.doctor.fit import Fit
from generator.doctor.profile import Profile
from generator.outputs.text import plain

_HEAD = "# Written by `agentobs doctor` from what it was shown. Everything that is not here is the default.\n"


def written(diagnosis: Diagnosis, deployment: str) -> str:
    """Return the text of bundle.yaml.

    Args:
        diagnosis: What the pages tell; some page is one of a system.
        deployment: What the deployment is called whose addresses were named.

    """
    systems = dict(diagnosis.document["systems"])
    unsaid = []
    for fit in diagnosis.fits:
        name = fit.system.name
        scrape = _scrape(fit, deployment)
        if scrape and "scrape" not in systems[name]:
            systems[name] = {**systems[name], "scrape": scrape}
        elif "scrape" not in systems[name] and not all(profile.page.scraped for profile in fit.pages):
            unsaid.append(f"# Where its processes are, nobody has said: name them below systems: {name}: scrape\n")
    return _HEAD + "".join(unsaid) + plain({**diagnosis.document, "systems": systems})


def _scrape(fit: Fit, deployment: str) -> dict[str, Any]:
    """Return how Prometheus finds the pages of a system that were named by their address; nothing where none can be."""
    found = [
        (profile, urlsplit(profile.page.source))
        for profile in fit.pages
        if profile.page.source.startswith(("http://", "https://"))
    ]
    groups: dict[str, list[str]] = {}
    schemes = set()
    for profile, url in found:
        role = _role(profile)
        if url.path.rstrip("/") != fit.system.endpoint.path_of(role).rstrip("/") or url.query:
            continue
        schemes.add(url.scheme)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        groups.setdefault(role, []).append(f"{host}:{port}")
    if not groups or len(schemes) > 1:
        return {}
    static = [dict(_group(role, deployment, targets)) for role, targets in groups.items()]
    return {"static": static, **({"https": True} if schemes == {"https"} else {})}


def _group(role: str, deployment: str, targets: list[str]) -> Iterator[tuple[str, Any]]:
    if role:
        yield "role", role
    yield "deployment", deployment
    yield "targets", list(dict.fromkeys(targets))


def _role(profile: Profile) -> str:
    """Return the role that a process most simply has."""
    trait = profile.trait("role")
    return trait.values[0] if trait else ""
