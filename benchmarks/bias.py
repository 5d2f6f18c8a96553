"""A fused bias against separate calls, after a matrix product: what one pass saves.

Every contender runs once a round in an order shuffled each round; what is printed are medians of
the times and of the ratios within a round. One thread, ``out=`` given everywhere.
"""

import argparse

import numpy as np
from _measure import interleave, machine, normal, timer

import fastact
from fastact.activations import ACTIVATIONS

SHAPES = [(128, 1024), (4096, 1024)]


def separate_forward(f, x, b, out):
    np.add(x, b, out=out)
    f(out, out=out)


def separate_backward(f_backward, grad, x, b, out, out_b):
    np.add(x, b, out=out)
    f_backward(grad, out, out=out)
    np.add.reduce(out, 0, out=out_b)


def contenders(name, shape, dtype):
    """The timers of one activation, by direction and by whether it is fused."""
    size = shape[0] * shape[1]
    x, grad = (normal(size, dtype, seed).reshape(shape) for seed in (0, 1))
    b, out, out_b = normal(shape[1], dtype, 2), np.zeros_like(x), np.zeros(shape[1], dtype)
    fused, fused_backward = (
        getattr(fastact, f"bias_{name}{suffix}") for suffix in ("", "_backward")
    )
    f, f_backward = getattr(fastact, name), getattr(fastact, name + "_backward")
    return {
        ("forward", "fused"): timer(fused, x, b, out=out),
        ("forward", "separate"): timer(separate_forward, f, x, b, out),
        ("backward", "fused"): timer(fused_backward, grad, x, b, out=(out, out_b)),
        ("backward", "separate"): timer(separate_backward, f_backward, grad, x, b, out, out_b),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--seconds", type=float, default=2, help="for each case (default: 2)")
    chosen = parser.parse_args()
    print(", ".join(f"{name}: {fact}" for name, fact in machine().items()))
    print(f"\nns an element, {chosen.dtype}; ratio: how many times as long the separate calls take")
    for shape in SHAPES:
        for name in (row.name for row in ACTIVATIONS.values() if row.fused_bias):
            times = interleave(contenders(name, shape, chosen.dtype), chosen.seconds, seed=0)
            for direction in "forward", "backward":
                fused, separate = (times[direction, kind] for kind in ("fused", "separate"))
                scale = 1e9 / (shape[0] * shape[1])
                print(
                    f"{shape!s:13} {name:11} {direction:9} fused {np.median(fused) * scale:5.2f}  "
                    f"separate {np.median(separate) * scale:5.2f}  "
                    f"ratio {np.median(separate / fused):5.2f}"
                )


if __name__ == "__main__":
    main()
