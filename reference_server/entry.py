"""Where the command begins: what it needs is there, or one line says how to get it."""

from __future__ import annotations

import sys

FAILED = 1


def main() -> int:
    """Run the command; return its exit code."""
    try:
        from reference_server import cli

        return cli.main()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"generator", "reference_server"}:
            raise
        fix = "python -m pip install agent-observability-bundle"
        sys.stderr.write(f"agent-reference-server needs the package {package}, which is not installed: {fix}\n")
        return FAILED
