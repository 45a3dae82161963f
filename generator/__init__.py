"""Make Grafana dashboards, Prometheus rules and scrape configurations from the metric catalogue."""
