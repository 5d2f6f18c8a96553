"""Calls every function on hostile arrays (tests/hostile.py) for so many seconds of a core.

    python tests/fuzz_ufuncs.py --seconds 600 --backend cython-avx2

The numbers come from atheris where it is installed, which looks for new branches in the Python
code, and where its bytes end, or without it, from Python's `random`.
"""

import argparse
import itertools
import os
import random
import sys
import time
from collections import Counter
from contextlib import nullcontext

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["hostile", "fastact"]) if atheris else nullcontext():
    import hostile
    from conftest import IMPLEMENTATIONS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--backend", choices=IMPLEMENTATIONS, nargs="+", default=[*IMPLEMENTATIONS])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    targets = [
        (label, name, target)
        for label in options.backend
        for name, target in hostile.targets(IMPLEMENTATIONS[label]).items()
    ]
    tried, started = Counter(), time.process_time()

    def one(choose):
        label, name, target = targets[choose(len(targets))]
        try:
            tried[label, target.func.__name__] += target(hostile.Case(choose))
        except BaseException:
            print(f"{name} on {label}", file=sys.stderr)
            raise
        if time.process_time() > started + options.seconds:
            report(tried, time.process_time() - started)
            os._exit(0)  # an exception would count as a finding

    def of_bytes(data):
        provider, rng = atheris.FuzzedDataProvider(data), random.Random(data)

        def choose(n):
            left = provider.remaining_bytes()
            return provider.ConsumeIntInRange(0, n - 1) if left else rng.randrange(n)

        one(choose)

    if atheris:
        flags = ["-max_len=256", "-rss_limit_mb=0", f"-seed={options.seed + 1}"]
        atheris.Setup([sys.argv[0], *flags], of_bytes)
        atheris.Fuzz()
    for seed in itertools.count(options.seed):
        try:
            one(random.Random(seed).randrange)
        except BaseException:
            print(f"with --seed {seed}", file=sys.stderr)
            raise


def report(tried, seconds):
    print(f"{sum(tried.values())} cases in {seconds:.0f} s")
    for (label, kind), count in sorted(tried.items()):
        print(f"{label:16} {kind:14} {count:9}", flush=True)


if __name__ == "__main__":
    main()
