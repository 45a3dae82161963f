"""The simulated Agent Server: its API, its runs and queue, and the processes of its deployment."""

#: Its id in the catalogue.
AGENT_SERVER = "agent_server"
