"""Compare the digests of docker-compose.yml and the Dockerfile with what their registry says; `--write` puts in its answers.

Asks through `docker buildx imagetools`, whose configuration says where images come from. Exit code 0 when all agree.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = ("docker-compose.yml", "Dockerfile")

#: An image that others made: name and version, and the digest of its index.
PINNED = re.compile(r"(?P<image>[\w./-]+:[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})")

LIMIT_SECONDS = 60


def asked(image: str) -> str:
    """Return the digest that the registry has for a name and version.

    Raises:
        subprocess.SubprocessError: It has none, or cannot be reached; or there is no Docker.

    """
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS)
    return done.stdout.strip()


def differing(folder: Path, ask: Callable[[str], str]) -> Iterator[tuple[Path, str, str, str]]:
    """Yield file, image, digest in the file and digest of the registry where these are not the same."""
    for path in (folder / name for name in FILES):
        for image, digest in dict.fromkeys(
            m.group("image", "digest") for m in PINNED.finditer(path.read_text("utf-8"))
        ):
            if (now := ask(image)) != digest:
                yield path, image, digest, now


def main(arguments: Sequence[str], folder: Path = ROOT, ask: Callable[[str], str] = asked) -> int:
    """Compare, or write; return the exit code."""
    write, wrong = "--write" in arguments, False
    try:
        for path, image, digest, now in list(differing(folder, ask)):
            wrong = True
            sys.stdout.write(f"{path.name}: {image} is {now}, not {digest}\n")
            if write:
                path.write_text(path.read_text("utf-8").replace(f"{image}@{digest}", f"{image}@{now}"), "utf-8")
    except (OSError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip()
        sys.stderr.write(f"no registry could be asked: {detail}\n")
        return 2
    return int(wrong and not write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
