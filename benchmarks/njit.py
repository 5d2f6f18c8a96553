"""A sigmoid in a loop under `@njit`: fastact's, the ufunc, and those of an exp.

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


@numba.njit(error_model="numpy")  # a check for division by 0 is a branch, and not vectorised
def sigmoid_of_elementary(x, out):
    one = x.dtype.type(1)
    for i in range(x.size):
        out[i] = one / (one + elementary.exp(-x[i]))


@numba.njit
def sigmoid_of_math(x, out):
    for i in range(x.size):
        out[i] = 1 / (1 + math.exp(-x[i]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--size", choices=SIZES, default="256 K")
    parser.add_argument("--seconds", type=float, default=5, help="(default: 5)")
    chosen = parser.parse_args()
    print(", ".join(f"{name}: {fact}" for name, fact in machine().items()))
    print(f"\n{chosen.size} {chosen.dtype}; ratio: how many times as long as sigmoid_loop")
    size = SIZES[chosen.size]
    x = normal(size, chosen.dtype, 0)
    out = np.zeros_like(x)
    functions = sigmoid_loop, fastact.sigmoid, sigmoid_of_elementary, sigmoid_of_math
    times = interleave({f: timer(f, x, out) for f in functions}, chosen.seconds, seed=0)
    for f in functions:
        name = "ufunc" if f is fastact.sigmoid else f.__name__
        median, ratio = np.median(times[f]) / size * 1e9, np.median(times[f] / times[sigmoid_loop])
        print(f"{name:24} {median:6.2f} ns  ratio {ratio:5.2f}")


if __name__ == "__main__":
    main()
