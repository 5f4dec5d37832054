"""How long does an audit take, and how much memory? Run as `python tests/benchmarks/bench_audit.py`.

Audits the real HAM10000 and nine ISIC classes from `$SKINZOO_DATA` (default `~/.cache/skinzoo/data`), decoding all.
"""

import resource
import time
import warnings

from skinzoo.datasets import load_dataset
from skinzoo.datasets.auditing import audit
from skinzoo.datasets.catalogue import data_root


def main() -> None:
    warnings.simplefilter("ignore")
    ham = load_dataset("ham10000", check="none", masks=False)
    nine = load_dataset("folder", data_root() / "isic9", check="none", conflicts="keep", duplicates="keep")
    for near in (False, True):
        wall, cpu = time.perf_counter(), time.process_time()
        result = audit(ham, nine, near=near, progress=False, cache=False)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{result.num_images} images, near={near}: {wall:.1f} s, {cpu:.1f} s of CPU, peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
