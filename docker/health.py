"""Asks the server in this container whether it answers: `health.py [path]`. Exit code 0 or 1.

Runs every ten seconds for as long as the container does, so it imports little: no site packages, no HTTP library.
"""

import os
import socket
import sys

#: Where each system says that it is ready; the Agent Server and the webhook at /ok.
PATHS = {"langsight": "/api/readiness", "agentgateway": "/healthz/ready", "langsmith": "/targets"}

port = os.environ.get("PORT") or "8000"
path = sys.argv[1] if sys.argv[1:] else PATHS.get(os.environ.get("AGENT_REFERENCE_SYSTEM", ""), "/ok")
try:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=3) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        line = connection.makefile("rb").readline(1000).decode("latin-1").rstrip()
except OSError as error:
    sys.exit(f"{path} on port {port}: {error}")
if line.split()[1:2] != ["200"]:
    sys.exit(f"{path} on port {port}: {line or 'no answer'}")
