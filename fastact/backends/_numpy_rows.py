"""The row functions in plain NumPy."""

import numpy as np

# Design: formulas on blocks of rows, float32 computed in float64 and rounded once.

#: Elements in a block: its temporaries, of float64, stay in the second-level cache.
BLOCK = 16384


def exponentials(x):
    """exp(x - max(x)) row by row, and the maxima."""
    top = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
    difference = x - top
    # What rounding took from the difference: at -700 it is 500 ulp of the exponential.
    part = difference - x
    error = (x - (difference - part)) - (top + part)
    e = np.exp(difference)
    return e + e * np.where(np.isfinite(error), error, 0), top


def softmax_of(x):
    e, _ = exponentials(x)
    return e / e.sum(axis=-1, keepdims=True)


def log_sum(x):
    """The maxima, and log(sum(exp(x))) less them, exact near 0 too."""
    e, top = exponentials(x)
    largest = x == top
    others = np.where(largest, 0, e).sum(axis=-1, keepdims=True)
    others += np.maximum(largest.sum(axis=-1, keepdims=True), 1) - 1
    return top, np.log1p(others) + 0 * e.sum(axis=-1, keepdims=True)


def total(x):
    return x.sum(axis=-1, keepdims=True)


def softmax(x):
    return softmax_of(x)


def softmax_backward(grad, x):
    return softmax_backward_from_output(grad, softmax_of(x))


def softmax_backward_from_output(grad, y):
    return y * (grad - total(grad * y))


def log_softmax(x):
    top, rest = log_sum(x)
    return (x - top) - rest


def log_softmax_backward(grad, x):
    return grad - softmax_of(x) * total(grad)


def log_softmax_backward_from_output(grad, y):
    return grad - np.exp(y) * total(grad)


def logsumexp(x):
    top, rest = log_sum(x)
    top = np.where(np.isnan(x).any(axis=-1, keepdims=True), np.nan, top)
    return np.where(np.isfinite(top), top + rest, top)[:, 0]


def logsumexp_backward(grad, x):
    return grad[:, None] * softmax_of(x)


def label_entropy(x, label):
    top, rest = log_sum(x)
    return (rest + (top - np.take_along_axis(x, label[:, None], -1)))[:, 0]


def label_entropy_with_derivative(grad, x, label):
    y, label = softmax_of(x), label[:, None]
    np.put_along_axis(y, label, 0, -1)
    # What softmax lacks to 1 at the label is the sum of all others.
    np.put_along_axis(y, label, -total(y), -1)
    return label_entropy(x, label[:, 0]), grad[:, None] * y


def entropy(x, p):
    top, rest = log_sum(x)
    with np.errstate(invalid="ignore"):
        terms = p * (x - top)
    return (rest * total(p) - total(np.where(p == 0, 0, terms)))[:, 0]


def entropy_with_derivative(grad, x, p):
    return entropy(x, p), grad[:, None] * (total(p) * softmax_of(x) - p)


def make_loop(name):
    """The loop of a `Rowwise`."""
    formula = globals()[name]

    def loop(*operands):
        dtype, rows = operands[-1].dtype, len(operands[-1])
        nout = 2 if name.endswith("_with_derivative") else 1
        inputs, outputs = operands[:-nout], operands[-nout:]
        n = max([x.shape[1] for x in inputs if x.ndim == 2])
        step = max(1, BLOCK // max(n, 1))
        for start in range(0, rows, step):
            block = slice(start, start + step)
            wide = [
                x[block].astype(np.float64, copy=False) if x.dtype == dtype else x[block]
                for x in inputs
            ]
            results = formula(*wide)
            for output, result in zip(outputs, results if nout > 1 else (results,)):
                output[block] = result

    return loop
