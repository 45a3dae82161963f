"""Scenarios: what happens to a deployment, and which alerts must fire. One YAML file each, and what plays them."""
