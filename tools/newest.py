"""Name the newest servers of the tests anew: what Debian's unstable suite has, and the newest Agent Server of the index.

Run it (`make newest`), then `make matrix`; the diff of the names, and of what differs between engines, is the review.
With versions (`make newest VERSIONS=0.15.9`) it pins those of the Agent Server instead, for the list of `tests/agent_server`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from lock import resolve

from testbed.agent_server.environments import requirements
from testbed.servers import pins
from testbed.servers.apt import machine_archives, updated
from testbed.servers.debian import AGES

#: The Agent Server with its in-memory runtime, which needs no database.
AGENT_SERVER = ["langgraph-api", "langgraph-cli[inmem]"]


def debian() -> None:
    """Write the versions that Debian has."""
    before = pins.named()
    with tempfile.TemporaryDirectory() as folder:
        options = updated(AGES["newest"], machine_archives()[0], Path(folder))
        shown = subprocess.run(
            ["apt-cache", *options, "show", "--no-all-versions", *before], capture_output=True, text=True, check=True
        ).stdout
    found: dict[str, str] = {}
    for line in shown.splitlines():
        name, _, value = line.partition(": ")
        if name == "Package":
            package = value
        elif name == "Version":
            found |= pins.packaged([Path(f"{package}_{value}_all.deb")])
    pins.FILE.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for package, version in found.items():
        print(f"{package}: {before[package]}" + (f" -> {version}" if version != before[package] else ""))


def agent_server(version: str = "") -> None:
    """Write every package of an Agent Server's environment: of a version, or of the newest."""
    path = requirements(version or "new")
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    wanted = [f"{AGENT_SERVER[0]}=={version}", *AGENT_SERVER[1:]] if version else AGENT_SERVER
    found = {one.name: one.version for one in resolve(wanted)}
    path.write_text("".join(f"{name}=={found[name]}\n" for name in sorted(found)), encoding="utf-8")
    print(f"{path.name}: {'changed' if path.read_text(encoding='utf-8') != before else 'as it was'}")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        agent_server(given)
    if not sys.argv[1:]:
        debian()
        agent_server()
