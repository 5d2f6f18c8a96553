"""Loops under `@njit` with fastact's functions against the ufunc and against Numba's `math`.

Every contender runs once a round in an order shuffled each round; what is printed are medians of
the times and of the ratios within a round. One thread, outputs made beforehand.
"""

import argparse
import math

import numba
import numpy as np
from _measure import SIZES, interleave, machine, normal, timer

import fastact
from fastact import elementary


@numba.njit
def sigmoid_loop(x, out):
    for i in range(x.size):
        out[i] = fastact.sigmoid(x[i])


@numba.njit
def sigmoid_of_elementary(x, out):
    one = x.dtype.type(1)
    for i in range(x.size):
        out[i] = one / (one + elementary.exp(-x[i]))


@numba.njit
def sigmoid_of_math(x, out):
    for i in range(x.size):
        out[i] = 1 / (1 + math.exp(-x[i]))


@numba.njit
def gelu_loop(x, out):
    for i in range(x.size):
        out[i] = fastact.gelu(x[i])


@numba.njit
def gelu_of_math(x, out):
    for i in range(x.size):
        out[i] = x[i] * 0.5 * math.erfc(-x[i] * 0.7071067811865476)


CONTENDERS = {
    "sigmoid": (sigmoid_loop, fastact.sigmoid, sigmoid_of_elementary, sigmoid_of_math),
    "gelu": (gelu_loop, fastact.gelu, gelu_of_math),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--size", choices=SIZES, default="256 K")
    parser.add_argument("--seconds", type=float, default=5, help="for each function (default: 5)")
    chosen = parser.parse_args()
    print(", ".join(f"{name}: {fact}" for name, fact in machine().items()))
    print(
        f"\n{chosen.size} {chosen.dtype}; ratio: how many times as long as {sigmoid_loop.__name__}"
    )
    size = SIZES[chosen.size]
    x = normal(size, chosen.dtype, 0)
    out = np.zeros_like(x)
    for name, functions in CONTENDERS.items():
        timers = {f: timer(f, x, out) for f in functions}
        times = interleave(timers, chosen.seconds, seed=0)
        for f in functions:
            kind = "ufunc " if f is getattr(fastact, name) else ""
            print(
                f"{kind + f.__name__:24} {np.median(times[f]) / size * 1e9:6.2f} ns  "
                f"ratio {np.median(times[f] / times[functions[0]]):5.2f}"
            )


if __name__ == "__main__":
    main()
