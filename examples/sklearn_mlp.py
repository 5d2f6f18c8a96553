"""scikit-learn's MLPClassifier on fastact's kernels, with activations that it does not have."""

import argparse
import warnings
from time import perf_counter

import numpy as np

import fastact

try:
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    from fastact.compat.sklearn import accelerate
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[examples]") from None


def fit(activation, epochs, data):
    """Test accuracy, and the seconds that the fit took."""
    x_train, x_test, label_train, label_test = data
    model = MLPClassifier((128, 128), activation, max_iter=epochs, random_state=0)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after a given number of epochs
        model.fit(x_train, label_train)
    return model.score(x_test, label_test), perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    x, label = load_digits(return_X_y=True)
    data = train_test_split((x / 16).astype(np.float32), label, random_state=0, stratify=label)

    print(f"fastact {fastact.__version__}, backend {fastact.backend}; {epochs} epochs")
    print(f"{'':12}{'test accuracy':>15}{'seconds':>10}{'without fastact':>17}{'seconds':>10}")
    with threadpool_limits(1):
        for activation in "relu", "logistic", "tanh", "leaky_relu", "elu", "gelu", "silu", "mish":
            with accelerate():
                accuracy, seconds = fit(activation, epochs, data)
            print(f"{activation:12}{accuracy:>15.1%}{seconds:>10.2f}", end="")
            if activation in ("relu", "logistic", "tanh"):
                accuracy, seconds = fit(activation, epochs, data)
                print(f"{accuracy:>17.1%}{seconds:>10.2f}")
            else:
                print(f"{'unknown':>17}")


if __name__ == "__main__":
    main()
