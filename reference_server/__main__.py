"""`python -m reference_server`, the same as the command `agent-reference-server`."""

import sys

from reference_server.entry import main

sys.exit(main())
