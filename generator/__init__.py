"""Make Grafana dashboards, Prometheus rules and scrape configurations from the metric catalogue."""

__version__ = "0.1.0"  # here alone: pyproject.toml reads it from this line


def version() -> str:
    """Return the version of the bundle: of the package, the image, and every file that is generated."""
    return __version__
