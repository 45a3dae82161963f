"""Images that cannot be pulled, made from Debian's packages under the very names that the project's files use.

For an engine of our own only: in anybody else's, these names mean the real images.
"""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from testbed.compose.engine import Engine, EngineError, run
from testbed.servers.apt import unpack
from testbed.servers.cache import REPOSITORY, cache_root, locked
from testbed.servers.debian import TEMPLATES, Program, find

#: Suite of the base image, in whose name it stands.
SUITE = "trixie"

#: What the real image has, as far as a build or a test asks for it: Python with venv, certificates, the library of C++ (re2
#: wants it), a shell and its commands.
#: busybox is for the images of Prometheus, which are made of it with `ldd`, a script of bash.
INCLUDE = (
    *("base-files", "python3-venv", "ca-certificates", "libstdc++6", "dash", "coreutils"),
    *("busybox-static", "libc-bin", "bash", "grep"),
)

#: Parts of a Debian that no image needs.
SPARE = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists", "var/log")

FOLDER = Path(__file__).parent

#: What stand-ins are made of, besides the base.
PROGRAMS: tuple[Program, ...] = ("prometheus", "alertmanager")


def python_tag() -> str:
    """Name and version of the Dockerfile's base image; every stage has the same one."""
    (tag,) = re.findall(r"^ARG PYTHON=(python:[^@\s]+)", (REPOSITORY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return str(tag)


def undigested(image: str) -> str:
    """Name and version of an image without its digest, which no stand-in can have."""
    return image.partition("@")[0]


#: A label of what is made here: a digest of all that it is made of.
MADE_OF = "agentobs.made-of"


def make(engine: Engine, images: dict[str, str]) -> None:
    """Make the base image, and those of `images`: program (`prometheus`, `alertmanager`) to name and version.

    What the engine has from an earlier run stays as it is.

    Raises:
        ValueError: The engine is not ours.
        EngineError: Something could not be made.

    """
    if not engine.ours:
        message = "stand-ins would hide the real images of someone's engine"
        raise ValueError(message)
    base, archive = python_tag(), _base_archive()
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    if not _has(engine, base, digest.hexdigest()):
        label = f"LABEL {MADE_OF}={digest.hexdigest()}"
        engine.docker("import", "--change", 'CMD ["python"]', "--change", label, archive, base)
    programs = {program: find(program, "newest").path for program in PROGRAMS}
    recipe = FOLDER / "stand-ins.Dockerfile"
    for path in (recipe, *programs.values(), *sorted(TEMPLATES.parent.glob("*.tmpl"))):
        assert path
        digest.update(path.read_bytes())
    missing = {program: tag for program, tag in images.items() if not _has(engine, undigested(tag), digest.hexdigest())}
    if not missing:
        return
    with tempfile.TemporaryDirectory(dir=cache_root() / "compose") as temporary:
        context = Path(temporary)
        for name, path in programs.items():
            assert path
            shutil.copy(path, context / name)
        (context / "templates").mkdir()
        for template in TEMPLATES.parent.glob("*.tmpl"):
            shutil.copy(template, context / "templates")
        words = ("build", "--quiet", "--network=none", f"--build-arg=BASE={base}", f"--file={recipe}")
        environment = {**engine.environment, "DOCKER_BUILDKIT": "0"}  # the client may lack its plugin
        for program, tag in missing.items():
            label = f"--label={MADE_OF}={digest.hexdigest()}"
            command = ["docker", *words, label, f"--target={program}", f"--tag={undigested(tag)}", str(context)]
            run(command, environment, limit_seconds=300)


def _has(engine: Engine, tag: str, digest: str) -> bool:
    """Say whether the engine has an image of that name, made of what has this digest."""
    try:
        found = engine.docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{MADE_OF}"}}}}', tag)
    except EngineError:
        return False
    return found.strip() == digest


def _base_archive() -> Path:
    """A tar file of the base image's files; made once."""
    path = cache_root() / "compose" / f"python-{SUITE}.tar"
    with locked(path):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
                _make_base(Path(temporary), path)
    return path


def _make_base(work: Path, path: Path) -> None:
    """Unpack Debian's packages, which is all that is needed of them: their scripts would take ten times as long."""
    root = work / "root"
    unpack(SUITE, INCLUDE, root, work)
    (python,) = (p.name for p in (root / "usr/bin").glob("python3.*") if re.fullmatch(r"python3\.\d+", p.name))
    if not python_tag().startswith(f"{python.replace('python', 'python:')}."):
        message = f"Debian {SUITE} has {python}, the Dockerfile's base is {python_tag()}: not the same language"
        raise RuntimeError(message)
    (root / "usr/local/bin").mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(f"/usr/bin/{python}")
    trusted = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(b"".join(path.read_bytes() for path in trusted))
    for name in SPARE:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir(parents=True)
    made = work / "complete.tar"
    owner = ("--numeric-owner", "--owner=0", "--group=0")
    subprocess.run(["tar", "--create", *owner, f"--file={made}", f"--directory={root}", "."], check=True)
    made.rename(path)
