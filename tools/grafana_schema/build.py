"""Build `generator/lint/dashboard.schema.json` from the types that Grafana publishes.

A maintainers' tool: run it after a change of `types.ts`, of `grafana_registry.json` or of a
version in `package.json`. It needs node and npm; the tests and the users need neither. Files and
commands only: what a dashboard may contain is said in `types.ts`, how that becomes a schema in
`tighten.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tighten import tighten

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REGISTRY = ROOT / "generator" / "lint" / "grafana_registry.json"
TARGET = ROOT / "generator" / "lint" / "dashboard.schema.json"

#: TypeScript's name of each of the registry's lists.
LISTS = {
    "Calc": "calcs",
    "ColorMode": "colorModes",
    "FieldMatcherId": "fieldMatchers",
    "TransformationId": "transformations",
    "UnitId": "units",
}


def main() -> None:
    """Rebuild the schema and say whether it changed."""
    versions = read(HERE / "package.json")["dependencies"]
    install(versions)
    (HERE / "registry.ts").write_text(literal_types(read(REGISTRY)), encoding="utf-8")
    schema = {
        "$comment": f"Generated from @grafana/schema {versions['@grafana/schema']} "
        "(Grafana Labs, Apache-2.0) by python tools/grafana_schema/build.py. Do not edit.",
        **tighten(generate()),
    }
    text = json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    old = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    TARGET.write_text(text, encoding="utf-8")
    state = "unchanged" if text == old else "changed"
    sys.stdout.write(f"{TARGET.relative_to(ROOT)}: {state}, {len(text.encode())} bytes\n")


def read(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def install(versions: dict[str, str]) -> None:
    """Make `node_modules` hold exactly `versions`, by package name."""
    files = {name: HERE / "node_modules" / name / "package.json" for name in versions}
    if any(not f.exists() or read(f)["version"] != versions[name] for name, f in files.items()):
        run("npm", "install")


def generate() -> dict[str, Any]:
    """Type-check `types.ts` and return the schema that the type generator makes of it."""
    tools = HERE / "node_modules" / ".bin"
    run(str(tools / "tsc"), "--project", "tsconfig.json")
    options = ("--required", "--noExtraProps", "--strictNullChecks")
    text = run(str(tools / "typescript-json-schema"), "tsconfig.json", "Board", *options)
    schema: dict[str, Any] = json.loads(text)
    return schema


def run(*command: str) -> str:
    """Return the output of a command run in this folder; its complaints go to the terminal.

    Raises:
        CalledProcessError: The command failed.
    """
    return subprocess.run(  # our own words, no shell
        command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def literal_types(registry: dict[str, list[str]]) -> str:
    """Return TypeScript with one union of literals for each list of the registry."""
    return "".join(
        f"export type {name} = {' | '.join(json.dumps(word) for word in registry[key])};\n"
        for name, key in LISTS.items()
    )


if __name__ == "__main__":
    main()
