"""What a default costs: a call that leaves the parameters out against one of the bare ufunc.

Both on 64 elements and once a round, 40 thousand calls in all, the bare ufunc with its parameters
as arrays of the right dtype. What counts is the difference within a round; on a busy machine the
least of a round's calls says more than the median.
"""

import argparse

import numpy as np
from _measure import OPERANDS, buffers, interleave, machine, normal, timer

import fastact
from fastact.activations import functions

ELEMENTS = 64
#: Nanoseconds that a default may add to a call.
TARGET = 150


def contenders(name, row, operation, dtype):
    """The timers of one function, by whether it is the public one and by how it has its output."""
    x, grad = (normal(ELEMENTS, dtype, seed) for seed in (0, 1))
    inputs = OPERANDS[operation.suffix](row.name, x, grad)
    parameters = [np.array(parameter.default, dtype) for parameter in row.parameters]
    out = buffers(x, len(operation.outputs))
    function = getattr(fastact, name)
    timers = {}
    for key, keywords in (("", {}), ("out", {"out": out})):
        timers["public", key] = timer(function, *inputs, **keywords)
        timers["bare", key] = timer(function.ufunc, *inputs, *parameters, **keywords)
    return timers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    chosen = parser.parse_args()
    print(", ".join(f"{name}: {fact}" for name, fact in machine().items()))
    print(f"\nns a call on {ELEMENTS} elements, {chosen.dtype}: medians, and what a default adds")
    worst = 0
    for name, row, operation in functions():
        if not row.parameters or row.required:
            continue
        times = interleave(contenders(name, row, operation, chosen.dtype), 1, seed=0)
        for key in "", "out":
            public, bare = (times[kind, key] * 1e9 for kind in ("public", "bare"))
            least = public.min() - bare.min()
            worst = max(worst, least)
            print(
                f"{name:29} {key:3}  public {np.median(public):5.0f}  bare {np.median(bare):5.0f}  "
                f"adds {np.median(public - bare):4.0f}, the least calls {least:4.0f}"
            )
    print(f"\nThe most that a default adds to the least call is {worst:.0f} ns; target: {TARGET}.")


if __name__ == "__main__":
    main()
