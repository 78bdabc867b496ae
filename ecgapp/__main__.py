"""Run the command line with ``python -m ecgapp``."""

import sys

from ecgapp.cli.main import main

sys.exit(main())
