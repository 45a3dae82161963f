"""How long `agentobs generate` takes as a whole process, how much memory, and how it grows with the catalogue.

Prints the median of some runs, the peak resident memory, and the ratio for a catalogue of ten times the size; exits with 1
when a bound does not hold. The large
one has nine renamed copies of every system beside the real ones; loading and checking it is what grows.
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

#: Bounds: seconds of one core, times the ordinary catalogue's, peak resident memory.
MOST_SECONDS, MOST_TIMES, MOST_MIB = 1.5, 12.0, 150
LARGE = """
import sys
from pathlib import Path
import generator.catalogue as catalogue
from generator import cli
load, folder = catalogue.load, Path(sys.argv.pop(1))
catalogue.load = lambda: load(folder)
sys.exit(cli.main(sys.argv[1:]))
"""


def main() -> int:
    """Measure and print; 1 when a bound does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        once = _seconds([sys.executable, "-m", "generator", "generate", "--out", folder])
        small, large = _copied(Path(folder) / "small", 0), _copied(Path(folder) / "large", COPIES)
        wrapped = [sys.executable, "-c", LARGE]
        same = _seconds([*wrapped, str(small), "generate", "--out", folder])
        tenfold = _seconds([*wrapped, str(large), "generate", "--out", folder])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"generate, whole process: {once:.2f} s of one core (bound {MOST_SECONDS} s)")
    print(
        f"catalogue x {COPIES + 1}: {tenfold:.2f} s, {tenfold / same:.1f} times as long (bound {MOST_TIMES:.0f} times)"
    )
    print(f"peak memory of either: {peak:.0f} MiB (bound {MOST_MIB} MiB)")
    return int(once > MOST_SECONDS or tenfold > MOST_TIMES * same or peak > MOST_MIB)


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


def _seconds(command: list[str]) -> float:
    """Return the median of the processor time that a command takes: what else the machine does is left out."""
    taken = []
    for _ in range(RUNS):
        before = _spent()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(_spent() - before)
    return statistics.median(taken)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
