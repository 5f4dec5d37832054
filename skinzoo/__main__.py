"""`python -m skinzoo` is the command `skinzoo`."""

import sys

from skinzoo.cli import main

if __name__ == "__main__":
    sys.exit(main())
