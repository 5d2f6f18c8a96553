"""Train a small network on handwritten digits, once with each activation.

Plain NumPy; fastact's kernels write into buffers made beforehand.
"""

import argparse
from time import perf_counter

import numpy as np

import fastact
from fastact.activations import ACTIVATIONS

try:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[examples]") from None

CLASSES, RATE, MOMENTUM = 10, 0.05, 0.9
#: Those that need no parameter from the caller.
CHOICES = [name for name, row in ACTIVATIONS.items() if not row.required]


class Network:
    """Two hidden layers of one activation, trained with SGD and momentum."""

    def __init__(self, activation, inputs, hidden, batch, rng):
        self.activation = activation
        self.seconds_in_f = 0.0

        # He's scale makes up for the half that a rectifier sets to zero; else Glorot's.
        row = activation.row
        rectifier = row.range[1] == "inf" and not row.zero_centred
        sizes = [inputs, hidden, hidden, CLASSES]
        self.weights, self.biases = [], []
        for n, m in zip(sizes, sizes[1:]):
            scale = np.sqrt(2 / n if rectifier else 2 / (n + m))
            self.weights.append((scale * rng.standard_normal((n, m))).astype(np.float32))
            self.biases.append(np.zeros(m, np.float32))
        self.parameters = self.weights + self.biases
        self.gradients = [np.zeros_like(p) for p in self.parameters]
        self.velocities = [np.zeros_like(p) for p in self.parameters]

        # A (batch, width) buffer a layer: before the activation, after it, the loss's gradient.
        self.z, self.h, self.grad = (
            [np.empty((batch, width), np.float32) for width in sizes] for _ in range(3)
        )
        self.saved = {"input": self.z, "output": self.h}[activation.saves]

    def timed(self, function, *inputs, out):
        start = perf_counter()
        function(*inputs, out=out)
        self.seconds_in_f += perf_counter() - start

    def forward(self, x):  # (batch, inputs)
        self.h[0] = x
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            z = np.matmul(self.h[i], w, out=self.z[i + 1])
            z += b
            if i < 2:
                # Not in place: the backward pass may need z, the next layer h.
                self.timed(self.activation.forward, z, out=self.h[i + 1])

    def backward(self, label):  # (batch,)
        # Softmax and cross-entropy together have the gradient (p - onehot) / batch.
        z, p = self.z[3], self.grad[3]
        np.exp(z - z.max(axis=1, keepdims=True), out=p)
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(label)), label] -= 1
        p /= len(label)
        for i in reversed(range(3)):
            np.matmul(self.h[i].T, self.grad[i + 1], out=self.gradients[i])
            np.sum(self.grad[i + 1], axis=0, out=self.gradients[3 + i])
            if i > 0:
                g = np.matmul(self.grad[i + 1], self.weights[i].T, out=self.grad[i])
                # In place: the gradient by h becomes the gradient by z.
                self.timed(self.activation.backward, g, self.saved[i], out=g)

    def step(self, rate):
        for p, g, v in zip(self.parameters, self.gradients, self.velocities):
            v *= MOMENTUM
            v -= rate * g
            p += v

    def accuracy(self, x, label):  # (n, inputs), (n,)
        for w, b in zip(self.weights[:-1], self.biases):
            x = self.activation.forward(x @ w + b)
        return np.mean((x @ self.weights[-1] + self.biases[-1]).argmax(axis=1) == label)


def digits(seed):
    """Standardised digits: x_train, x_test (n, 64) float32, label_train, label_test (n,)."""
    x, label = load_digits(return_X_y=True)
    x_train, x_test, *labels = train_test_split(
        x, label, test_size=0.25, random_state=seed, stratify=label
    )
    scaler = StandardScaler().fit(x_train)
    return *(scaler.transform(part).astype(np.float32) for part in (x_train, x_test)), *labels


def train(activation, data, options):
    """Train with one activation; return test accuracy, seconds, seconds in the activation."""
    x_train, x_test, label_train, label_test = data
    rng = np.random.default_rng(options.seed)
    batch = min(options.batch, len(x_train))
    network = Network(activation, x_train.shape[1], options.hidden, batch, rng)

    start = perf_counter()
    for epoch in tqdm(range(options.epochs), desc=f"{activation.row.name:10}", unit="epoch"):
        rate = RATE * (1 - epoch / options.epochs)  # falls to 0, so that the end is calm
        order = rng.permutation(len(x_train))
        for i in range(0, len(order) - batch + 1, batch):  # a last, shorter batch is left out
            chosen = order[i : i + batch]
            network.forward(x_train[chosen])
            network.backward(label_train[chosen])
            network.step(rate)
    seconds = perf_counter() - start
    return network.accuracy(x_test, label_test), seconds, network.seconds_in_f


def positive(text):
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def command_line(description):
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--epochs", type=positive, default=60)
    parser.add_argument("--batch", type=positive, default=64)
    parser.add_argument("--hidden", type=positive, default=128, help="units of a hidden layer")
    parser.add_argument("--activation", action="append", choices=CHOICES, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main():
    options = command_line(__doc__)

    data, names = digits(options.seed), options.activation or CHOICES
    # With one thread for the matrix products too, the shares compare like with like.
    with threadpool_limits(1):
        results = {name: train(fastact.get(name), data, options) for name in names}

    print(f"\nfastact {fastact.__version__}, backend {fastact.backend}")
    print(f"{'activation':<16}{'test accuracy':>13}{'seconds':>10}{'in activation':>16}")
    for name, (accuracy, seconds, seconds_in_f) in results.items():
        print(f"{name:<16}{accuracy:>13.1%}{seconds:>10.2f}{seconds_in_f / seconds:>16.1%}")


if __name__ == "__main__":
    main()
