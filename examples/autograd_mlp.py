"""Train a network that autograd differentiates, with fastact's activation and loss.

Written once with autograd's own NumPy and once with fastact, from the same weights.
"""

import argparse
from time import perf_counter

import numpy as np

import fastact

try:
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import erf, logsumexp
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    # From here on autograd knows the gradient of fastact.gelu. The loss is no ufunc, which autograd
    # would see, so it is taken from here.
    from fastact.compat.autograd import softmax_cross_entropy
except ImportError as error:
    raise SystemExit(f"{error}\npip install 'fastact[autograd,examples]'") from None


def gelu_of_autograd(z):
    return z * 0.5 * (1 + erf(z / np.sqrt(2)))


def loss_of_autograd(logits, label, reduction):
    return anp.mean(logsumexp(logits, axis=1) - logits[anp.arange(len(label)), label])


def network(weights, x, activation):
    for w, b in weights[:-1]:
        x = activation(anp.dot(x, w) + b)
    w, b = weights[-1]
    return anp.dot(x, w) + b


def train(activation, cross_entropy, data, options):
    """Train with one activation and loss; return last loss, test accuracy, seconds."""
    x_train, x_test, label_train, label_test = data
    rng = np.random.default_rng(options.seed)
    sizes = [x_train.shape[1], options.hidden, options.hidden, 10]
    weights = [
        (rng.normal(0, np.sqrt(2 / n), (n, m)).astype(np.float32), np.zeros(m, np.float32))
        for n, m in zip(sizes, sizes[1:])
    ]

    @value_and_grad
    def loss_and_gradients(weights, x, label):
        return cross_entropy(network(weights, x, activation), label, reduction="mean")

    start = perf_counter()
    for _ in range(options.epochs):
        order = rng.permutation(len(x_train))
        for chosen in np.array_split(order, len(order) // 128):
            loss, gradients = loss_and_gradients(weights, x_train[chosen], label_train[chosen])
            weights = [
                (w - options.rate * gw, b - options.rate * gb)
                for (w, b), (gw, gb) in zip(weights, gradients)
            ]
    seconds = perf_counter() - start
    predicted = network(weights, x_test, activation).argmax(axis=1)
    return loss, np.mean(predicted == label_test), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=256, help="units of a hidden layer")
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    x, label = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    data = train_test_split(x, label, test_size=0.25, random_state=options.seed, stratify=label)
    print(f"{'gradients':<22}{'loss':>9}{'test accuracy':>15}{'seconds':>9}")
    for name, activation, cross_entropy in (
        ("autograd's formulas", gelu_of_autograd, loss_of_autograd),
        ("fastact", fastact.gelu, softmax_cross_entropy),
    ):
        loss, accuracy, seconds = train(activation, cross_entropy, data, options)
        print(f"{name:<22}{loss:>9.4f}{accuracy:>15.1%}{seconds:>9.2f}")


if __name__ == "__main__":
    main()
