"""Output formats. A format turns the bundle into file texts; it never writes and never computes."""

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from generator.bundle import Bundle
from generator.outputs import files

#: A new format is a module here and a line here.
FORMATS: Mapping[str, Callable[[Bundle], Mapping[PurePosixPath, str]]] = {"files": files.render}
