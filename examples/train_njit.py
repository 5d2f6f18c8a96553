"""Train the network of train_mlp.py in a loop that Numba compiles whole.

fastact's functions are called there on single numbers, beside the bias or its gradient, and the
compiler vectorises the loop. Nothing but `import fastact` is needed.
"""

from time import perf_counter

import numpy as np
from train_mlp import CLASSES, MOMENTUM, RATE, Network, command_line, digits, threadpool_limits
from train_mlp import train as train_in_numpy

import fastact
from fastact import elementary

try:
    from numba import njit
except ImportError:
    raise SystemExit("numba is missing: pip install fastact[numba]") from None


@njit
def loss_gradient(z, label):  # (batch, classes), (batch,)
    """The gradient by z of the mean cross-entropy of softmax(z), in place."""
    for i in range(len(z)):
        z[i] -= z[i].max()
        for j in range(CLASSES):
            z[i, j] = elementary.exp(z[i, j])
        z[i] /= z[i].sum()
        z[i, label[i]] -= 1
        z[i] /= len(z)


@njit
def step(parameter, gradient, velocity, rate):
    velocity *= MOMENTUM
    velocity -= rate * gradient
    parameter += velocity


def compile_epoch(name):
    """The compiled pass over the data for an activation."""
    f, f_backward = getattr(fastact, name), getattr(fastact, f"{name}_backward")

    @njit
    def activate(z, b):
        """z + b, in place, and its activation."""
        h = np.empty_like(z)
        for i in range(len(z)):
            for j in range(len(b)):
                z[i, j] += b[j]
                h[i, j] = f(z[i, j])
        return h

    @njit
    def backward(grad, z):
        """From the gradient by the activation, in place, to that by z; and its sum, that by b."""
        total = np.zeros_like(z[0])
        for i in range(len(z)):
            for j in range(len(total)):
                grad[i, j] = f_backward(grad[i, j], z[i, j])
                total[j] += grad[i, j]
        return total

    @njit
    def epoch(x, label, order, batch, rate, weights, biases, velocities):
        """SGD with momentum, in place."""
        (w1, w2, w3), (b1, b2, b3), v = weights, biases, velocities
        for k in range(len(order) // batch):  # a last, shorter batch is left out
            chosen = order[k * batch : (k + 1) * batch]
            h0 = x[chosen]
            z1 = h0 @ w1
            h1 = activate(z1, b1)
            z2 = h1 @ w2
            h2 = activate(z2, b2)
            g3 = h2 @ w3 + b3
            loss_gradient(g3, label[chosen])
            g2 = g3 @ w3.T
            sum2 = backward(g2, z2)
            g1 = g2 @ w2.T
            sum1 = backward(g1, z1)
            step(w1, h0.T @ g1, v[0], rate)
            step(w2, h1.T @ g2, v[1], rate)
            step(w3, h2.T @ g3, v[2], rate)
            step(b1, sum1, v[3], rate)
            step(b2, sum2, v[4], rate)
            step(b3, g3.sum(axis=0), v[5], rate)

    return epoch


def train(activation, data, options):
    """Train with one activation; return test accuracy, seconds, seconds to compile."""
    x_train, x_test, label_train, label_test = data
    rng = np.random.default_rng(options.seed)
    batch = min(options.batch, len(x_train))
    network = Network(activation, x_train.shape[1], options.hidden, batch, rng)
    weights, biases = tuple(network.weights), tuple(network.biases)
    epoch = compile_epoch(activation.row.name)

    def run(order, rate):
        state = weights, biases, tuple(network.velocities)
        epoch(x_train, label_train, order, batch, np.float32(rate), *state)

    start = perf_counter()
    run(np.arange(0), 0.0)  # no batch: compiles
    compiled = perf_counter()
    for k in range(options.epochs):
        run(rng.permutation(len(x_train)), RATE * (1 - k / options.epochs))
    seconds = perf_counter() - compiled
    return network.accuracy(x_test, label_test), seconds, compiled - start


def main():
    options = command_line(__doc__)

    data = digits(options.seed)
    print(f"fastact {fastact.__version__}: the same network, trained from the same weights")
    print(f"{'activation':<16}{'loop':<8}{'test accuracy':>13}{'seconds':>10}{'to compile':>12}")
    with threadpool_limits(1):
        for name in options.activation or ["relu", "gelu"]:
            activation = fastact.get(name)
            accuracy, seconds, compiling = train(activation, data, options)
            print(f"{name:<16}{'@njit':<8}{accuracy:>13.1%}{seconds:>10.2f}{compiling:>12.1f}")
            accuracy, seconds, _ = train_in_numpy(activation, data, options)
            print(f"{name:<16}{'NumPy':<8}{accuracy:>13.1%}{seconds:>10.2f}")


if __name__ == "__main__":
    main()
