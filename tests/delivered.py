"""What a configuration becomes, made once in a process: several tests look at the same files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.outputs import FORMATS


@cache
def bundle(text: str = "") -> Bundle:
    """Return the bundle of a bundle.yaml with this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.yaml"
        path.write_text(text, encoding="utf-8")
        return build(installation(load(), path))


@cache
def files(name: str, text: str = "") -> Mapping[PurePosixPath, str]:
    """Return the files of a format for such a configuration."""
    return FORMATS[name].render(bundle(text))


def parsed(text: str) -> Any:
    """Return a document of YAML; libyaml's reader, where it is there, takes half the time."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe, either way
