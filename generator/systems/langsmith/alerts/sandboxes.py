"""LangSmith's sandboxes, where they are installed: does each host hold its lease, and is there room for another sandbox?

A part that is off by default (`systems: langsmith: parts: [sandboxes]`), and what the vendor's board draws orange or red.
Nobody here has seen its pages.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import peak, total
from generator.promql.query import Query
from generator.rules.rule import Alert, Because


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, labels = site.system("langsmith", on="langsmith"), site.labels
    stale = peak(ls["langsmith_sandbox_host_lease_stale_seconds"], by=(*site.identity, labels.instance))
    host = f"{{{{ $labels.{labels.deployment} }}}}: the sandbox host {{{{ $labels.{labels.instance} }}}}"
    pool = f"{{{{ $labels.{labels.deployment} }}}}: the sandboxes"
    return [
        Alert(
            name="LangSmithSandboxLeaseLost",
            query=stale.at_least(site.limit("sandbox_lease_lost")),
            hold="0s",
            severity="critical",
            summary=f"{host} has not renewed its lease for {{{{ $value | humanizeDuration }}}}.",
            description="It fences itself off: its sandboxes end, and with them what agents are doing there.",
            action="can the node reach the API? Drain it if it cannot, so that another host takes its place.",
            board="langsmith_sandboxes",
        ),
        Alert(
            name="LangSmithSandboxLeaseStale",
            query=stale.at_least(site.limit("sandbox_lease_stale")),
            hold="1m",
            severity="warning",
            summary=f"{host} has not renewed its lease for {{{{ $value | humanizeDuration }}}}.",
            description="Four renewals in a row are missing; a host that goes on like this fences itself off.",
            action="read the host's log: does the API refuse the renewal, or can it not be reached?",
            board="langsmith_sandboxes",
            explained_by=(Because(("LangSmithSandboxLeaseLost",), agree=(labels.instance,)),),
        ),
        Alert(
            name="LangSmithSandboxCpuCommitted",
            query=cpu(site, site.identity).at_least(site.limit("sandbox_cpu_commitment")),
            hold="10m",
            severity="warning",
            summary=f"{pool} were promised {{{{ $value | humanizePercentage }}}} of the pool's CPU.",
            description="No host has room for another sandbox: those that agents ask for wait or are refused.",
            action="are as many hosts ready as are desired? If so, raise the most that the autoscaler may have.",
            board="langsmith_sandboxes",
        ),
        Alert(
            name="LangSmithSandboxMemoryCommitted",
            query=memory(site, site.identity).at_least(site.limit("sandbox_memory_commitment")),
            hold="10m",
            severity="warning",
            summary=f"{pool} were promised {{{{ $value | humanizePercentage }}}} of the hosts' memory.",
            description="Another sandbox fits nowhere, and one that uses all it was promised takes memory from its neighbours.",
            action="which host is fullest? Add hosts, or have idle sandboxes stopped sooner.",
            board="langsmith_sandboxes",
        ),
    ]


def cpu(site: Site, by: tuple[str, ...] = ()) -> Query:
    """Return the share of the pool's CPU that sandboxes were promised."""
    ls = site.system("langsmith", on="langsmith")
    assigned = total(ls["langsmith_sandbox_host_pool_assigned_cpu_millicores"], by=by)
    return assigned / total(ls["langsmith_sandbox_host_pool_capacity_cpu_millicores"], by=by).above(0)


def memory(site: Site, by: tuple[str, ...] = ()) -> Query:
    """Return the share of the hosts' memory that sandboxes were promised."""
    ls = site.system("langsmith", on="langsmith")
    assigned = total(ls["langsmith_sandbox_host_assigned_memory_mib"], by=by)
    return assigned / total(ls["langsmith_sandbox_host_capacity_memory_mib"], by=by).above(0)
