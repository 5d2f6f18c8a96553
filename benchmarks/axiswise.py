"""Softmax, its logarithm and its loss against SciPy, PyTorch on one thread and NumPy's idiom.

Every contender runs once a round in an order shuffled each round; what is printed are medians of
the times and of the ratios to fastact within a round. SciPy and PyTorch take part where they
are installed.
"""

import argparse

import numpy as np
from _measure import interleave, machine, timer

import fastact

SHAPES = {"1024 x 1024": (1024, 1024), "65536 x 10": (65536, 10)}
OURS = "fastact"


def idiom_softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def idiom_log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def contenders(shape, dtype):
    """The timers by function and library."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    labels = rng.integers(0, shape[1], shape[0])
    out, losses = np.zeros_like(x), np.zeros(len(x), dtype)
    timers = {
        ("softmax", OURS): timer(fastact.softmax, x, out=out),
        ("log_softmax", OURS): timer(fastact.log_softmax, x, out=out),
        ("logsumexp", OURS): timer(fastact.logsumexp, x, out=losses),
        ("loss", OURS): timer(fastact.softmax_cross_entropy, x, labels, out=losses),
        ("loss, gradient", OURS): timer(
            fastact.softmax_cross_entropy_with_derivative, x, labels, out=(losses, out)
        ),
        ("softmax", "NumPy"): timer(idiom_softmax, x),
        ("log_softmax", "NumPy"): timer(idiom_log_softmax, x),
    }
    try:
        from scipy import special
    except ImportError:
        pass
    else:
        for name in "softmax", "log_softmax", "logsumexp":
            timers[name, "SciPy"] = timer(getattr(special, name), x, axis=-1)
    try:
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(1)
        tensor, index = torch.from_numpy(x), torch.from_numpy(labels)
        for name in "softmax", "log_softmax", "logsumexp":
            timers[name, "PyTorch"] = timer(getattr(torch, name), tensor, dim=-1)
        loss = torch.nn.functional.cross_entropy
        timers["loss", "PyTorch"] = timer(loss, tensor, index)
        leaf = tensor.clone().requires_grad_()
        timers["loss, gradient", "PyTorch"] = timer(
            lambda: torch.autograd.grad(loss(leaf, index), leaf)
        )
    return timers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--seconds", type=float, default=5, help="for each shape (default: 5)")
    chosen = parser.parse_args()
    print(", ".join(f"{name}: {fact}" for name, fact in machine().items()))
    for label, shape in SHAPES.items():
        times = interleave(contenders(shape, chosen.dtype), chosen.seconds, seed=0)
        elements = shape[0] * shape[1]
        print(f"\n{label} {chosen.dtype}: ns an element, and how many times as long as fastact")
        for function, library in times:
            time = times[function, library]
            ratio = np.median(time / times[function, OURS])
            print(f"{function:15} {library:8} {np.median(time) / elements * 1e9:7.2f} {ratio:6.2f}")
        for function in "loss", "loss, gradient":
            ratio = np.median(times[function, OURS] / times["softmax", OURS])
            print(f"{function} takes {ratio:.2f} times as long as softmax")


if __name__ == "__main__":
    main()
