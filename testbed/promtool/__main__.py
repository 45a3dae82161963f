"""`make promtool-tests DIR=…`: write the cases of tests/rules as promtool's unit tests, with the rules beside them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from testbed.cases.proving import BROKEN, CASES
from testbed.promtool.export import annotations_of, export, rule_files, rules_of
from testbed.promtool.outcome import Outcomes
from testbed.servers import Prometheus, find


def main() -> int:
    """Write the files; return the exit code: 1 without a Prometheus to ask what fires, or when a case file is wrong."""
    parser = argparse.ArgumentParser(prog="make promtool-tests", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go; it is made where it is not there")
    folder: Path = parser.parse_args().folder
    found = find("prometheus", "newest")
    if BROKEN or not found.path:
        sys.stderr.write(f"{BROKEN or found.reason}\n")
        return 1
    files = rule_files()
    with Prometheus(found.path, history=True) as server:
        made = export(CASES, Outcomes(server, rules_of(files), annotations_of(files)).of, files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(made)} files in {folder}; README.md there says how to run them\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
