"""What `fastact.threaded` gains: one thread against several, beside a copy shared likewise.

Every contender runs once a round in an order shuffled each round; what is printed are medians of
the times and of the ratios within a round. Arrays beyond the caches, ``out=`` given everywhere.
A function that memory bounds can gain what a copy gains, one that arithmetic bounds more.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from _measure import OPERANDS, SIZES, buffers, interleave, machine, normal, timer

import fastact
from fastact.activations import ACTIVATIONS, OPERATIONS


def contenders(names, suffix, outputs, dtype, size, pool, threads):
    """The timers of one dtype and size, by function and by whether it is shared."""
    x, grad = (normal(SIZES[size], dtype, seed) for seed in (0, 1))
    target, out = buffers(x, 1), buffers(x, outputs)
    parts = [np.array_split(a, threads) for a in (target, x)]

    def shared_copy():
        list(pool.map(np.copyto, *parts))

    timers = {("copy", "one"): timer(np.copyto, target, x), ("copy", "shared"): timer(shared_copy)}
    for name in names:
        function = getattr(fastact, name + suffix)
        inputs = OPERANDS[suffix](name, x, grad)
        shared = fastact.threaded(function, threads)
        timers[name, "one"] = timer(function, *inputs, out=out)
        timers[name, "shared"] = timer(shared, *inputs, out=out)
    return timers


def main():
    optional = [name for name, row in ACTIVATIONS.items() if not row.required]
    operations = {operation.suffix: len(operation.outputs) for operation in OPERATIONS}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="default: 2")
    parser.add_argument("--functions", nargs="+", choices=optional, metavar="NAME")
    parser.add_argument("--operation", choices=operations, default="", metavar="SUFFIX")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["4 M", "16 M"])
    parser.add_argument("--seconds", type=float, default=10, help="for each size (default: 10)")
    chosen = parser.parse_args()
    names = chosen.functions or ["relu", "leaky_relu", "sigmoid", "tanh", "gelu", "mish"]

    print(", ".join(f"{k}: {v}" for k, v in (machine() | {"threads": chosen.threads}).items()))
    print("\nns an element on one thread and on several; x: how many times as fast")
    with ThreadPoolExecutor(chosen.threads) as pool:
        for dtype in "float32", "float64":
            for size in chosen.sizes:
                outputs = operations[chosen.operation]
                timers = contenders(
                    names, chosen.operation, outputs, dtype, size, pool, chosen.threads
                )
                times = interleave(timers, chosen.seconds, seed=0)
                for name in dict.fromkeys(name for name, _ in timers):
                    one, shared = times[name, "one"], times[name, "shared"]
                    scale = 1e9 / SIZES[size]
                    print(
                        f"{dtype} {size:>5} {name:11} one {np.median(one) * scale:6.2f}  "
                        f"{chosen.threads} threads {np.median(shared) * scale:6.2f}  "
                        f"x {np.median(one / shared):5.2f}"
                    )


if __name__ == "__main__":
    main()
