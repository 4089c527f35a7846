"""`python -m hub.embedded supervise FOLDER`, started by the first process that uses the servers."""

import sys
from pathlib import Path

from hub.embedded.supervisor import supervise

if len(sys.argv) != 3 or sys.argv[1] != "supervise":
    sys.exit("usage: python -m hub.embedded supervise FOLDER")
supervise(Path(sys.argv[2]))
