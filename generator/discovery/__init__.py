"""How targets are found: Prometheus, Kubernetes, the OpenTelemetry Collector, JSON pages."""
