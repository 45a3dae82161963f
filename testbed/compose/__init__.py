"""docker-compose.yml for real: an engine, stand-ins for images that cannot be pulled, and the stack itself."""

from testbed.compose.engine import Engine, EngineError, own_engine, running_engine
from testbed.compose.stack import PROJECT, Stack, compose_command, compose_file, profiles, running

__all__ = [
    "PROJECT",
    "Engine",
    "EngineError",
    "Stack",
    "compose_command",
    "compose_file",
    "own_engine",
    "profiles",
    "running",
    "running_engine",
]
