"""A draft as the text of a catalogue file: its unknowns first, one entry a metric, labels in one line each."""

from __future__ import annotations

from typing import Any

import yaml

from generator.infer.draft import Draft

_HEAD = """\
# Drafted by `agentobs infer`. Read it once: what a page cannot say is named here, and everything else was seen on one page.
"""


class _Flow(dict[str, Any]):
    """A mapping that is written in one line."""


class _Line(list[Any]):
    """A list that is written in one line."""


_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]  # libyaml's dumper where it is there
    """Writes labels and lists of values in one line each."""


def _mapping(dumper: Any, value: _Flow) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


def _sequence(dumper: Any, value: _Line) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(_Flow, _mapping)
_Dumper.add_representer(_Line, _sequence)


def text(draft: Draft) -> str:
    """Return the YAML text of a draft, which `systems: {NAME: {catalogue: FILE}}` in bundle.yaml takes."""
    head = _HEAD + "".join(f"# - {line}\n" for line in draft.unknown)
    document = dict(draft.catalogue)
    metrics = document.pop("metrics")
    document = {key: _inner(value) for key, value in document.items()}
    body = _dump(document) + "\nmetrics:\n"
    entries = [_dump([{key: _inner(value) for key, value in entry.items()}]) for entry in metrics]
    return head + "\n" + body + "\n".join("".join(f"  {line}\n" for line in entry.splitlines()) for entry in entries)


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _Flow(one) if isinstance(one, dict) else _several(one) for key, one in value.items()}
    return _several(value)


def _several(value: Any) -> Any:
    if isinstance(value, list):
        return _Line(_Flow(one) if isinstance(one, dict) else one for one in value)
    return value


def _dump(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100_000, allow_unicode=True)
