"""`python -m tests.benchmarks` from the root of the repository."""

import sys

from tests.benchmarks.cli import main

if __name__ == "__main__":
    sys.exit(main())
