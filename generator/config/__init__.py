"""bundle.yaml: what an operator's installation looks like. Reads and checks it; decides nothing."""

from generator.config.reading import read
from generator.config.schema import SCHEMA, schema

__all__ = ["SCHEMA", "read", "schema"]
