"""The real Agent Server of several versions: installed, started, driven, read."""

from tests.agent_server.environments import ERAS, install
from tests.agent_server.server import AgentServer
from tests.agent_server.traffic import drive, ordinary

__all__ = ["ERAS", "AgentServer", "drive", "install", "ordinary"]
