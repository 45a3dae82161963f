"""bundle.yaml: what an operator's installation looks like. Reads and checks it; decides nothing."""

from generator.config.reading import SCHEMA, read

__all__ = ["SCHEMA", "read"]
