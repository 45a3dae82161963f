"""The series that prometheus_client puts on any page by itself: what the Python process uses."""

from __future__ import annotations

from reference_server.core.python import MAX_FDS, PYTHON
from reference_server.core.rates.model import ServiceProcess

#: Address space beyond the resident memory. Read off a process of Python 3.11.
_VIRTUAL_BYTES = 655_000_000.0

#: Runs of the garbage collector per second of processor time, by generation, and objects freed by one run.
_COLLECTIONS = ((40.0, 8), (4.0, 20), (0.05, 20))


def started(process: ServiceProcess) -> None:
    """Put on the page what does not change while the process lives."""
    own = process.instruments
    if _is_python(process):
        own.set("python_info", 1, **PYTHON)
    own.set("process_start_time_seconds", round(process.wall(process.started), 2))
    own.set("process_max_fds", MAX_FDS)
    worked(process, 0.0, 0.0, 0)


def worked(process: ServiceProcess, cpu_seconds: float, resident_bytes: float, descriptors: int) -> None:
    """Note processor time that was spent since the last call, and what memory and descriptors are now."""
    own = process.instruments
    total = process.state["cpu"] = process.state.get("cpu", 0.0) + cpu_seconds
    own.add("process_cpu_seconds_total", max(0.0, round(total, 2) - own.value("process_cpu_seconds_total")))
    own.set("process_resident_memory_bytes", resident_bytes)
    own.set("process_virtual_memory_bytes", _VIRTUAL_BYTES + resident_bytes)
    own.set("process_open_fds", min(descriptors, MAX_FDS))
    for generation, (rate, objects) in enumerate(_COLLECTIONS if _is_python(process) else ()):
        before = own.value("python_gc_collections_total", generation=str(generation))
        runs = int(own.value("process_cpu_seconds_total") * rate) - before
        own.add("python_gc_collections_total", runs, generation=str(generation))
        own.add("python_gc_objects_collected_total", runs * objects, generation=str(generation))
        own.add("python_gc_objects_uncollectable_total", 0, generation=str(generation))


def _is_python(process: ServiceProcess) -> bool:
    """Whether the page has the series of Python too, beside those that every language's client library has."""
    return any(metric.name == "python_info" for metric in process.instruments.metrics)
