"""A package, so that `python -m tests.benchmarks` finds this folder before any other package named `tests`."""
