"""Cases of the alert tests: samples in, alerts out. One YAML file per topic of alerts."""
