"""`make compose`: run docker-compose.yml for real and check it, in a project of its own that is removed afterwards.

With an engine that answers, it runs there, with the real images. Without one, root on Debian gets an engine of its own,
stand-ins for the images, and no Grafana: that is what CI does. All profiles are on; `AGENTOBS_PROFILES=` turns them off.
"""

import os
import sys

import pytest

from testbed.compose.engine import obstacle, running_engine

sys.stdout.write("`make up` starts the stack to look at, `make down` ends it. This checks it.\n")
if os.environ.get("CI") or not running_engine():
    reason = obstacle()
    sys.stdout.write(f"{reason or 'an engine of our own, stand-ins for the images, no Grafana'}\n")
    if reason:
        sys.exit(1)
else:
    sys.stdout.write("the Docker engine that answers, the real images\n")
sys.stdout.flush()
os.environ["AGENTOBS_COMPOSE"] = "1"
sys.exit(pytest.main(["tests/test_compose.py", "--durations=0", "--verbose", *sys.argv[1:]]))
