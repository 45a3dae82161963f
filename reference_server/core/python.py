"""The Python that the simulated servers run on."""

from __future__ import annotations

#: Descriptors that one process may have.
MAX_FDS = 20_000

#: Labels of `python_info`.
PYTHON = {"implementation": "CPython", "major": "3", "minor": "11", "patchlevel": "7", "version": "3.11.7"}
