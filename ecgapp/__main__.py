"""Run the command line with ``python -m ecgapp``."""

import sys

from ecgapp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
