"""What the monitor costs: steps of a 4-layer MLP of width 1024 at batch 128, with it and without.

Steps with and without the monitor alternate in random order on one network. Reported are the median
ratio within a pair, which counts what the monitor does to the caches too but also what the
machine's other work does to either step, and the time in the monitor's calls over the rest of the
same step. The matrix products run on as many threads as they like, or on ``--threads``.
"""

import argparse
import contextlib
from time import perf_counter

import numpy as np
from _measure import machine

import fastact
from fastact.diagnostics import Monitor

LAYERS, WIDTH, BATCH, RATE = 4, 1024, 128, 1e-3


class Network:
    """Layers of relu, trained with plain SGD towards a random target."""

    def __init__(self, rng):
        shape = LAYERS, WIDTH, WIDTH
        self.weights = (np.sqrt(2 / WIDTH) * rng.standard_normal(shape)).astype(np.float32)
        self.biases = np.zeros((LAYERS, WIDTH), np.float32)
        self.x, self.target = rng.standard_normal((2, BATCH, WIDTH)).astype(np.float32)

    def step(self, monitor=None):
        """One step; the seconds spent in the monitor."""
        y, zs, ys, spent = self.x, [], [self.x], 0.0
        for w, b in zip(self.weights, self.biases):
            z = y @ w
            z += b
            y = fastact.relu(z)
            zs.append(z)
            ys.append(y)
        grad = (y - self.target) / BATCH
        for i in reversed(range(LAYERS)):
            fastact.relu_backward(grad, zs[i], out=grad)
            if monitor is not None:
                begin = perf_counter()  # the arrays are still in the caches
                monitor.layer(f"h{i + 1}", zs[i], ys[i + 1], grad)
                spent += perf_counter() - begin
            update = ys[i].T @ grad
            update *= -RATE
            if monitor is not None:
                begin = perf_counter()
                monitor.update(f"h{i + 1}", self.weights[i], update)
                spent += perf_counter() - begin
            self.biases[i] -= RATE * grad.sum(axis=0)
            grad = grad @ self.weights[i].T if i else None
            self.weights[i] += update
        return spent


def measure(rounds, seed=0):
    """Seconds of a step without the monitor, with it, and in it: one row a round."""
    rng = np.random.default_rng(seed)
    network = Network(rng)
    monitor = Monitor({f"h{i + 1}": "relu" for i in range(LAYERS)})
    seconds = np.empty((rounds, 3))
    for i in range(-3, rounds):  # the first three warm up
        for with_monitor in rng.permutation(2):
            start = perf_counter()
            spent = network.step(monitor if with_monitor else None)
            if i >= 0:
                seconds[i, with_monitor] = perf_counter() - start
                if with_monitor:
                    seconds[i, 2] = spent
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, help="of the matrix products")
    options = parser.parse_args()
    limit = contextlib.nullcontext()
    if options.threads:
        from threadpoolctl import threadpool_limits

        limit = threadpool_limits(options.threads)
    facts = machine()
    print(
        f"{facts['cpu']}, {facts['cpus']} CPUs, NumPy {facts['numpy']}, backend {fastact.backend}"
    )
    with limit:
        plain, watched, spent = measure(options.rounds).T
    without, with_monitor = 1e3 * np.median(plain), 1e3 * np.median(watched)
    print(f"a step: {without:.2f} ms, with the monitor {with_monitor:.2f} ms")
    shares = {
        "ratio of a pair, less 1": watched / plain - 1,
        "monitor / rest": spent / (watched - spent),
    }
    for name, share in shares.items():
        low, middle, high = np.quantile(share, [0.25, 0.5, 0.75])
        print(f"{name:<24} {middle:6.1%}    (quartiles {low:.1%}, {high:.1%})")


if __name__ == "__main__":
    main()
