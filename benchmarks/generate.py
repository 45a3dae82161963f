"""How long `agentobs generate` takes as a whole process, how much memory, and how it grows with the catalogue.

Prints the median of some runs, its ratio to a process that imports the same libraries and does nothing, the ratio for a
catalogue of ten times the size, and the peak resident memory; exits with 1 when a bound does not hold. The large catalogue
has nine renamed copies of every system beside the real ones; loading and checking it is what grows.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from generator.catalogue.load import SHARED
from generator.systems import FOLDER, SHIPPED

RUNS = 7
COPIES = 9

#: Bounds: seconds of one core, times the import of its libraries, times the ordinary catalogue's, peak resident memory.
MOST_SECONDS, MOST_IMPORTS, MOST_TIMES, MOST_MIB = 1.5, 3.0, 12.0, 150
#: What `generate` imports that is not Python's own.
LIBRARIES = "import attr, grafanalib.core, jsonschema_rs, yaml"
LARGE = """
import sys
from pathlib import Path
import generator.catalogue as catalogue
from generator.cli import main
load, folder = catalogue.load, Path(sys.argv.pop(1))
catalogue.load = lambda: load(folder)
sys.exit(main.main(sys.argv[1:]))
"""


def main() -> int:
    """Measure and print; 1 when a bound does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        once, imports = _seconds(
            [sys.executable, "-m", "generator", "generate", "--out", folder], [sys.executable, "-c", LIBRARIES]
        )
        small, large = _copied(Path(folder) / "small", 0), _copied(Path(folder) / "large", COPIES)
        wrapped = [sys.executable, "-c", LARGE]
        same, tenfold = _seconds(*([*wrapped, str(c), "generate", "--out", folder] for c in (small, large)))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"generate, whole process: {once:.2f} s of one core (bound {MOST_SECONDS} s)")
    print(
        f"its libraries alone: {imports:.2f} s, so {once / imports:.1f} times as long (bound {MOST_IMPORTS:.0f} times)"
    )
    print(
        f"catalogue x {COPIES + 1}: {tenfold:.2f} s, {tenfold / same:.1f} times as long (bound {MOST_TIMES:.0f} times)"
    )
    print(f"peak memory of either: {peak:.0f} MiB (bound {MOST_MIB} MiB)")
    slow = once > MOST_SECONDS or once > MOST_IMPORTS * imports or tenfold > MOST_TIMES * same
    return int(slow or peak > MOST_MIB)


def _copied(folder: Path, copies: int) -> Path:
    folder.mkdir()
    paths = {path.stem: path for path in SHARED.glob("*.yaml")} | {s: FOLDER / s / "catalogue.yaml" for s in SHIPPED}
    for stem, path in paths.items():
        text = path.read_text(encoding="utf-8")
        (folder / f"{stem}.yaml").write_text(text, encoding="utf-8")
        for number in range(copies):
            name = f"{stem}_copy{number}"
            copy = text.replace(f"\nsystem: {stem}\n", f"\nsystem: {name}\n", 1)
            (folder / f"{name}.yaml").write_text(copy, encoding="utf-8")
    return folder


def _seconds(*commands: list[str]) -> list[float]:
    """Return the median of the processor time that each command takes, in turns: what else the machine does is left out."""
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(RUNS):
        for command, times in zip(commands, taken, strict=True):
            before = _spent()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(_spent() - before)
    return [statistics.median(times) for times in taken]


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
