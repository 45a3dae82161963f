"""Build the schemas of boards from the types that Grafana publishes: the classic one, and that of its API.

`generator/lint/dashboard.schema.json` and `tests/dashboard.v2beta1.schema.json`. A maintainers' tool: run it after a change of `types.ts`, of `grafana_registry.json` or of a
version in `package.json`. It needs node and npm; the tests and the users need neither. Files and
commands only: what a dashboard may contain is said in `types.ts`, how that becomes a schema in
`tighten.py`. The second schema is the published type as it is, with no key beside its own.
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
SECOND = ROOT / "tests" / "dashboard.v2beta1.schema.json"

#: TypeScript's name of each of the registry's lists.
LISTS = {
    "Calc": "calcs",
    "ColorMode": "colorModes",
    "FieldMatcherId": "fieldMatchers",
    "TransformationId": "transformations",
    "UnitId": "units",
}


def main() -> None:
    """Rebuild both schemas and say whether they changed."""
    versions = read(HERE / "package.json")["dependencies"]
    install(versions)
    (HERE / "registry.ts").write_text(literal_types(read(REGISTRY)), encoding="utf-8")
    run(str(HERE / "node_modules" / ".bin" / "tsc"), "--project", "tsconfig.json")
    for target, schema in ((TARGET, tighten(generate("Board"))), (SECOND, opened(generate("Manifest")))):
        write(target, versions["@grafana/schema"], schema)


def write(target: Path, version: str, schema: dict[str, Any]) -> None:
    """Write a schema, and say whether it changed."""
    comment = f"Generated from @grafana/schema {version} (Grafana Labs, Apache-2.0) by python tools/grafana_schema/build.py. Do not edit."
    text = json.dumps({"$comment": comment, **schema}, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    old = target.read_text(encoding="utf-8") if target.exists() else ""
    target.write_text(text, encoding="utf-8")
    state = "unchanged" if text == old else "changed"
    sys.stdout.write(f"{target.relative_to(ROOT)}: {state}, {len(text.encode())} bytes\n")


def read(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def install(versions: dict[str, str]) -> None:
    """Make `node_modules` hold exactly `versions`, by package name."""
    files = {name: HERE / "node_modules" / name / "package.json" for name in versions}
    if any(not f.exists() or read(f)["version"] != versions[name] for name, f in files.items()):
        run("npm", "install")


def generate(name: str) -> dict[str, Any]:
    """Return the schema that the type generator makes of one of our types."""
    tool = HERE / "node_modules" / ".bin" / "typescript-json-schema"
    options = ("--required", "--noExtraProps", "--strictNullChecks")
    schema: dict[str, Any] = json.loads(run(str(tool), "tsconfig.json", name, *options))
    return schema


def opened(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose records take any key: the generator forgets what the values of a `Record` are."""
    known = schema["definitions"]
    plain: dict[str, Any] = {"any": {}, "string": {"type": "string"}}
    for name, one in known.items():
        value = name.removeprefix("Record<string,").removesuffix(">")
        if name != value and (value in plain or value in known):
            one["additionalProperties"] = plain.get(value, {"$ref": f"#/definitions/{value}"})
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
