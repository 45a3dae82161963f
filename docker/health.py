"""Asks the reference server in this container whether it answers. Exit code 0 or 1; runs without site packages, in 50 ms."""

import os
import sys
import urllib.request

#: Where each system says that it is ready; the Agent Server and the webhook at /ok.
PATHS = {"langsight": "/api/readiness", "agentgateway": "/healthz/ready", "langsmith": "/metrics"}

port = os.environ.get("PORT") or "8000"
path = PATHS.get(os.environ.get("AGENT_REFERENCE_SYSTEM", ""), "/ok")
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=3).close()
except OSError as error:
    sys.exit(f"{path} on port {port}: {error}")
