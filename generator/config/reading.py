"""From the file to the configuration, or to all its problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from generator.catalogue import Catalogue
from generator.config.checks import CHECKS
from generator.config.own import extended
from generator.config.plain import unplain
from generator.config.schema import Json, schema
from generator.config.settings import Config
from generator.config.values import config
from generator.errors import ConfigError, Problem
from generator.source import Document, Place, parse, shown, violations

#: Bytes of a configuration at most: a large one has ten thousand.
LARGEST = 1_000_000

#: Problems of one run at most: nobody reads more.
MOST = 200

#: How often what lacks something wrong is taken out: groups are not so deep, and each time some twenty places go.
ROUNDS = 12


def read(catalogue: Catalogue, path: Path | None = None) -> Config:
    """Read `path`, or return the defaults.

    Returns:
        The configuration; a key that the file leaves out has its default.

    Raises:
        ConfigError: The file cannot be read or is wrong; carries every problem, and what is left of the configuration
            without what is wrong, for those who look further.

    """
    if path is None:
        return config({}, catalogue, None)
    problems: list[Problem] = []
    document = parse(shown(path), _text(path), problems)
    if problems and document.data is None:
        raise ConfigError(problems)
    document = replace(document, data={} if document.data is None else document.data)

    def mended(found: Iterable[tuple[Place, Problem]]) -> Document:
        several = list(islice(found, MOST))
        problems.extend(problem for _, problem in several)
        return replace(document, data=without(document.data, [place for place, _ in several]))

    document = mended(unplain(document))
    catalogue, own, found = extended(document, catalogue, path.parent)
    document = mended(found)
    known = schema(catalogue, own)
    document = mended(_against_schema(document, known))
    if problems:
        document = replace(document, data=_fitting(document, known))
    if isinstance(document.data, dict):
        problems += islice((p for check in CHECKS for p in check(document, catalogue)), MOST)
    if problems:
        left = config(document.data, catalogue, document) if isinstance(document.data, dict) else None
        raise ConfigError(_first(problems), left)
    return config(document.data, catalogue, document)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), 1, f"cannot be read: {error}", "name a readable UTF-8 file")]) from error
    if len(raw) > LARGEST:
        what = f"has more than {LARGEST:,} bytes"
        raise ConfigError([Problem(shown(path), 1, what, "name the bundle.yaml of one installation")])
    return text


def _against_schema(document: Document, known: Json) -> Iterator[tuple[Place, Problem]]:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # The standard takes 8000.0 for an integer; what is written from it would be a float, which no server takes for a port.
    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    strict = extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]
    return violations(document, strict(known))


def _fitting(document: Document, known: Json) -> Any:
    """Return what is left of a document once what lacks something that was wrong is taken out, too: a group without its name."""
    for _ in range(ROUNDS):
        places = [place for place, _ in _against_schema(document, known)] if isinstance(document.data, dict) else []
        left = without(document.data, places)
        if not places or left == document.data:
            return None if places else document.data
        document = replace(document, data=left)
    return None


def without(data: Any, places: Iterable[Place]) -> Any:
    """Return `data` without what stands at `places`, and None where it stands itself.

    What stands in a list takes the outermost list around it with it: the places of the other items would change.
    """
    for place in places:
        inner = next((n for n, step in enumerate(place) if isinstance(step, int)), len(place))
        data = _without(data, place[:inner])
    return data


def _without(data: Any, place: Place) -> Any:
    if not place:
        return None
    first, *rest = place
    if not isinstance(data, dict) or first not in data:
        return data
    others = {key: value for key, value in data.items() if key != first}
    return others if not rest else {**data, first: _without(data[first], tuple(rest))}


def _first(problems: list[Problem]) -> list[Problem]:
    """Return as many problems as a person reads, and how many more there are."""
    found = sorted(set(problems))
    if len(found) <= MOST:
        return found
    last = found[MOST]
    return [*found[:MOST], Problem(last.path, last.line, f"{len(found) - MOST} problems more", "mend these first")]
