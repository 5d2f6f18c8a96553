"""Train a network on handwritten digits with loops in Cython that inline fastact's formulas.

The first run compiles layers.pyx, which takes a C compiler and some ten seconds.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

import fastact

try:
    import pyximport
    from sklearn.datasets import load_digits
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[examples]") from None

HIDDEN, BATCH, RATE = 128, 64, 0.2


def compiled():
    """The module layers.pyx, built into build/."""
    sys.path.append(fastact.get_include())  # Cython looks there; an editable install is elsewhere
    importers = pyximport.install(build_dir=Path(__file__).parent / "build")
    try:
        import layers
    finally:
        pyximport.uninstall(*importers)
    return layers


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    layers = compiled()

    x, label = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    test, train = order[:400], order[400:]
    w1 = (rng.standard_normal((64, HIDDEN)) / 8).astype(np.float32)
    w2 = (rng.standard_normal((HIDDEN, 10)) / HIDDEN**0.5).astype(np.float32)
    b1, b2 = np.zeros(HIDDEN, np.float32), np.zeros(10, np.float32)
    h, slope = np.empty((2, BATCH, HIDDEN), np.float32)
    grad_b1 = np.empty_like(b1)

    seconds = []
    for epoch in range(epochs):
        rng.shuffle(train)
        losses = []
        for i in range(0, len(train) - BATCH + 1, BATCH):
            rows = train[i : i + BATCH]
            z = x[rows] @ w1
            start = perf_counter()
            layers.forward(z, b1, h, slope)
            there = perf_counter() - start

            logits = h @ w2 + b2
            loss, grad = fastact.softmax_cross_entropy_with_derivative(logits, label[rows])
            losses.append(loss.mean())
            grad /= BATCH
            grad_h = grad @ w2.T
            start = perf_counter()
            layers.backward(grad_h, slope, grad_b1)
            seconds.append(there + perf_counter() - start)

            w1 -= RATE * (x[rows].T @ grad_h)
            b1 -= RATE * grad_b1
            w2 -= RATE * (h.T @ grad)
            b2 -= RATE * grad.sum(axis=0)
        if epoch % 10 == 9 or epoch == epochs - 1:
            found = (fastact.gelu(x[test] @ w1 + b1) @ w2 + b2).argmax(axis=1)
            print(
                f"epoch {epoch + 1:3}: loss {np.mean(losses):.3f}, "
                f"test accuracy {np.mean(found == label[test]):.1%}"
            )
    print(
        f"the hidden layer's loops, forward and back: {np.median(seconds) / h.size * 1e9:.2f} ns an element"
    )


if __name__ == "__main__":
    main()
