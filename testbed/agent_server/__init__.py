"""The real Agent Server of several versions: installed, started, driven, read."""

from testbed.agent_server.environments import ERAS, install
from testbed.agent_server.server import AgentServer
from testbed.agent_server.traffic import drive, ordinary

__all__ = ["ERAS", "AgentServer", "drive", "install", "ordinary"]
