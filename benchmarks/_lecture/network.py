"""The network that the experiments train: fastact's kernels, three optimizers, digits."""

from functools import cache
from itertools import pairwise

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import fastact
from fastact.activations import ACTIVATIONS
from fastact.diagnostics import LayerStatistics, flat_regions

INPUTS, CLASSES, BATCH = 64, 10, 64
#: An activation is flat where its slope is at most this share of its steepest; relu's is 0.
FLATNESS = 0.01


@cache
def digits(seed=0):
    """Standardised digits: x_train, x_test (n, 64) float32, label_train, label_test (n,)."""
    x, label = load_digits(return_X_y=True)
    x_train, x_test, *labels = train_test_split(
        x, label, test_size=0.25, random_state=seed, stratify=label
    )
    scaler = StandardScaler().fit(x_train)
    return *(scaler.transform(part).astype(np.float32) for part in (x_train, x_test)), *labels


def initial_std(activation, fan_in, fan_out):
    """He's deviation for rectifiers, Glorot's for the others."""
    row = ACTIVATIONS[activation]
    rectifier = row.range[1] == "inf" and not row.zero_centred
    return np.sqrt(2 / fan_in if rectifier else 2 / (fan_in + fan_out))


class Network:
    """Hidden layers of one activation and a softmax, for one seed.

    `scale` multiplies the initial weights; `offset` is subtracted from each activation's output
    (0.5 centres sigmoid and changes nothing else); `dropout` is the share of hidden units that a
    training step sets to 0, drawn once for the whole batch.
    """

    def __init__(
        self, activation, hidden, seed, scale=1.0, offset=0.0, dropout=0.0, dtype=np.float32
    ):
        self.activation, self.offset, self.dropout = activation, offset, dropout
        selected = fastact.get(activation)
        self.f, self.f_backward = selected.forward, selected.backward_from_input
        self.rng = np.random.default_rng(seed)
        sizes = [INPUTS, *hidden, CLASSES]
        self.weights = [
            (scale * initial_std(activation, n, m) * self.rng.standard_normal((n, m))).astype(dtype)
            for n, m in pairwise(sizes)
        ]
        self.biases = [np.zeros(m, dtype) for m in sizes[1:]]
        self.masks = []

    @property
    def parameters(self):
        return self.weights + self.biases

    def forward(self, x, training=False):
        """Keep the inputs `z` and the outputs `h` of each layer; return the logits.

        Networks that diverge are part of the experiments: they give NaN without a warning.
        """
        with np.errstate(all="ignore"):
            return self._forward(x, training)

    def _forward(self, x, training):
        self.z, self.h, self.masks = [], [x], []
        for w, b in zip(self.weights[:-1], self.biases):
            self.z.append(self.h[-1] @ w + b)
            h = self.f(self.z[-1]) - self.offset
            if training and self.dropout:
                mask = self.rng.random(h.shape[1], dtype=np.float32) >= self.dropout
                self.masks.append(mask)
                h = h * (mask / h.dtype.type(1 - self.dropout))
            self.h.append(h)
        return self.h[-1] @ self.weights[-1] + self.biases[-1]

    def backward(self, logits, label):
        """The loss and its gradients by the parameters; keeps `delta`, those by each layer's z."""
        logits = logits - logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        rows = np.arange(len(label))
        loss = -np.mean(np.log(np.maximum(p[rows, label], 1e-30)))
        p[rows, label] -= 1
        grad = p / len(label)
        by_weights, by_biases, self.delta = [], [], []
        for i in reversed(range(len(self.weights))):
            by_weights.append(self.h[i].T @ grad)
            by_biases.append(grad.sum(axis=0))
            if i:
                grad = grad @ self.weights[i].T
                if self.masks:
                    grad = grad * (self.masks[i - 1] / grad.dtype.type(1 - self.dropout))
                grad = self.f_backward(grad, self.z[i - 1])
                self.delta.insert(0, grad)
        return float(loss), by_weights[::-1] + by_biases[::-1]

    def loss(self, x, label):
        return self.backward(self.forward(x), label)[0]

    def accuracy(self, x, label):
        return float(np.mean(self.forward(x).argmax(axis=1) == label))

    def statistics(self, x):
        """Each hidden layer's `LayerStatistics` over the data."""
        self.forward(x)
        found = []
        for z, h in zip(self.z, self.h[1:]):
            layer = LayerStatistics(z.shape[1], *flat_regions(self.activation, FLATNESS))
            layer.update(z, h)
            found.append(layer)
        return found

    def dead(self, x):
        """Which units of each hidden layer are flat on all the data; none where it is NaN."""
        return [(layer.active == 0) & (layer.nonfinite == 0) for layer in self.statistics(x)]


def sgd(parameters):
    return lambda gradients, rate: [-rate * g for g in gradients]


def momentum(parameters, decay=0.9):
    velocities = [np.zeros_like(p) for p in parameters]

    def updates(gradients, rate):
        for v, g in zip(velocities, gradients):
            v *= decay
            v -= rate * g
        return velocities

    return updates


def adam(parameters, decays=(0.9, 0.999), epsilon=1e-8):
    means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    step = 0

    def updates(gradients, rate):
        nonlocal step
        step += 1
        corrections = [1 - decay**step for decay in decays]
        for m, s, g in zip(means, squares, gradients):
            m += (1 - decays[0]) * (g - m)
            s += (1 - decays[1]) * (g * g - s)
        return [
            -rate * (m / corrections[0]) / (np.sqrt(s / corrections[1]) + epsilon)
            for m, s in zip(means, squares)
        ]

    return updates


OPTIMIZERS = {"SGD": sgd, "momentum": momentum, "Adam": adam}


def train(network, data, rate, epochs, seed=0, optimizer=sgd, watch=None, batch=BATCH):
    """Train in place; `watch(network)` is called after each step and may end it by True."""
    x, _, label, _ = data
    order_of = np.random.default_rng(seed)
    step = optimizer(network.parameters)
    with np.errstate(all="ignore"):
        for _ in range(epochs):
            order = order_of.permutation(len(x))
            for i in range(0, len(order) - batch + 1, batch):
                chosen = order[i : i + batch]
                _, gradients = network.backward(
                    network.forward(x[chosen], training=True), label[chosen]
                )
                updates = step(gradients, rate)
                for p, u in zip(network.parameters, updates):
                    p += u
                if watch is not None and watch(network):
                    return network
    return network
