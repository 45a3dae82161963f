"""An exchange of files that is ended, killed or refused at every one of its moments.

`python -m tests.moments FOLDER` prints what was seen, as JSON: one row per signal and moment. A moment is a call that the
exchange makes of the system on a path below its folder; Python's audit events tell of each just before it happens. Every
exchange runs in a process of its own, forked here, where there is one thread.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from generator import writing
from generator.cli import interruption
from generator.errors import GeneratorError

Texts = Mapping[PurePosixPath, str]

OLD = {
    PurePosixPath("alerts/a.rules.yaml"): "old a\n",
    PurePosixPath("alerts/b.rules.yaml"): "the same\n",
    PurePosixPath("dashboards/c.json"): "old c\n",
}
NEW = {
    PurePosixPath("alerts/a.rules.yaml"): "new a\n",
    PurePosixPath("alerts/b.rules.yaml"): "the same\n",
    PurePosixPath("dashboards/c.json"): "new c\n",
    PurePosixPath("dashboards/d.json"): "new d\n",
    PurePosixPath("scrape/e.yml"): "new e\n",
}
EVENTS = {"open", "os.mkdir", "os.link", "os.chmod", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir"}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)


class Moments:
    """Counts the moments below a folder, and does something at one of them."""

    def __init__(self, root: Path, moment: int, act: Callable[[], None], events: set[str]) -> None:
        self._root, self._moment, self._act, self._events = str(root), moment, act, events
        self.count = 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event in self._events and self._root in str(args[0]):
            self.count += 1
            if self.count == self._moment:
                self._act()


def forked(work: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """Do it in a process of its own: its exit code, negative for a signal, and what it says."""
    reading, saying = os.pipe()
    child = os.fork()
    if not child:
        code, said = 99, "a traceback"
        try:
            code, said = work()
        finally:
            os.write(saying, said.encode())
            os._exit(code)
    os.close(saying)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def exchange(root: Path, texts: Texts, moments: Callable[[], Moments]) -> tuple[int, str]:
    """Mend and exchange as the command does; says its state, and whether the moment was reached."""
    made = writing.Exchange(texts, root)
    messages: list[str] = []
    counted = moments()
    code, state = 0, ""
    try:
        with interruption.ending() as ending:
            writing.mend(root, messages.append)
            made.run(ending.check)
    except interruption.Ended as end:
        code = end.code
    except GeneratorError as error:
        code, state = 1, str(error)
    return code, json.dumps({"state": state or made.state, "count": counted.count, "told": messages})


def visible(root: Path) -> dict[str, str]:
    """Every file that Prometheus and Grafana could read."""
    return {
        str(p.relative_to(root)): p.read_text(encoding="utf-8")
        for p in root.rglob("*")
        if p.is_file() and not p.name.startswith(".")
    }


def which(root: Path) -> str:
    """Of which set the visible files are."""
    found = visible(root)
    sets = {"old": OLD, "new": NEW, "nothing": {}}
    return next((n for n, texts in sets.items() if found == {str(k): v for k, v in texts.items()}), "torn")


def leftovers(root: Path) -> list[str]:
    """Files of the exchange's own use."""
    return sorted(str(p.relative_to(root)) for p in root.rglob(".*"))


def begin_with(root: Path, texts: Texts) -> None:
    """Make the folder anew, with these files."""
    shutil.rmtree(root, ignore_errors=True)
    if texts:
        writing.Exchange(texts, root).run()


def interrupted(root: Path, number: int, moment: int) -> tuple[int, dict[str, Any]]:
    """Strike an exchange at a moment."""
    code, said = forked(
        lambda: exchange(root, NEW, lambda: Moments(root, moment, lambda: os.kill(os.getpid(), number), EVENTS))
    )
    return code, json.loads(said) if said else {"state": "", "count": moment, "told": []}


def aftermath(root: Path, number: int, moment: int, code: int, said: dict[str, Any]) -> dict[str, Any]:
    """What stands there after it, what `check` says, and what the next run makes of it."""
    row = {
        "signal": signal.Signals(number).name,
        "moment": moment,
        "code": code,
        "state": said["state"],
        "files": which(root),
        "left": len(leftovers(root)),
        "check": sorted({problem.what for problem in writing.differences(NEW, root)}),
    }
    code, said = interrupted(root, signal.SIGKILL, 0)
    return row | {"next": code, "told": said["told"], "then": which(root), "then_left": leftovers(root)}


def signalled(root: Path, begin: Texts) -> Iterator[dict[str, Any]]:
    """Every signal at every moment, until none is left."""
    for number in SIGNALS:
        moment = 0
        while True:
            moment += 1
            begin_with(root, begin)
            code, said = interrupted(root, number, moment)
            if said["count"] < moment:
                break
            yield aftermath(root, number, moment, code, said)


def twice(root: Path) -> Iterator[dict[str, Any]]:
    """Killed between two files, and the run that mends is killed as well, at each of its moments."""
    first = next(row["moment"] for row in signalled(root, OLD) if row["files"] == "torn")
    moment = 0
    while True:
        moment += 1
        begin_with(root, OLD)
        interrupted(root, signal.SIGKILL, first)
        code, said = interrupted(root, signal.SIGKILL, moment)
        if said["count"] < moment:
            break
        yield aftermath(root, signal.SIGKILL, moment, code, said)


def deny() -> None:
    """Refuse a call."""
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def denied(root: Path) -> Iterator[dict[str, Any]]:
    """The system refuses one rename after another."""
    for moment in range(1, 1 + len(NEW) - 1):  # one file is the same
        begin_with(root, OLD)
        code, text = forked(partial(exchange, root, NEW, partial(Moments, root, moment, deny, {"os.rename"})))
        yield {
            "moment": moment,
            "code": code,
            "state": json.loads(text)["state"].replace(str(root), "OUT"),
            "files": which(root),
            "left": leftovers(root),
        }


def denied_and_killed(root: Path) -> Iterator[dict[str, Any]]:
    """The last rename is refused, and the run is killed at every moment, while it brings the old files back as well."""

    def both(moment: int) -> Moments:
        Moments(root, len(NEW) - 1, deny, {"os.rename"})
        return Moments(root, moment, lambda: os.kill(os.getpid(), signal.SIGKILL), EVENTS)

    moment = 0
    while True:
        moment += 1
        begin_with(root, OLD)
        code, said = forked(partial(exchange, root, NEW, partial(both, moment)))
        if said:
            break
        yield aftermath(root, signal.SIGKILL, moment, code, {"state": ""})


def main() -> None:
    """Print all of it."""
    root = Path(sys.argv[1]) / "out"
    print(
        json.dumps(
            {
                "over old files": list(signalled(root, OLD)),
                "into an empty folder": list(signalled(root, {})),
                "killed twice": list(twice(root)),
                "denied": list(denied(root)),
                "denied and killed": list(denied_and_killed(root)),
            }
        )
    )


if __name__ == "__main__":
    main()
