"""Many servers in one process, for a Prometheus under load."""
