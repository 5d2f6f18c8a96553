"""SciPy's special functions, and the textbook's forms over them."""

import numpy as np
from scipy.special import erf, expit, log_expit

from . import Call, Peer


def silu(x, out):
    return np.multiply(x, expit(x, out=out), out=out)


def gelu(x, out):
    np.multiply(x, 0.5**0.5, out=out)
    erf(out, out=out)
    np.add(out, 1, out=out)
    np.multiply(out, x, out=out)
    return np.multiply(out, 0.5, out=out)


def sigmoid_slope(x, y, out):
    np.subtract(1, y, out=out)
    return np.multiply(out, y, out=out)


def log_sigmoid_slope(x, y, out):
    return expit(np.negative(x, out=out), out=out)


def silu_slope(x, y, out):
    np.subtract(1, y, out=out)
    np.multiply(out, expit(x), out=out)
    return np.add(out, y, out=out)


def gelu_slope(x, y, out):
    np.multiply(x, x, out=out)
    np.multiply(out, -0.5, out=out)
    np.exp(out, out=out)
    np.multiply(out, x, out=out)
    np.multiply(out, (2 * np.pi) ** -0.5, out=out)
    return np.add(out, (1 + erf(x * 0.5**0.5)) / 2, out=out)


#: Value, into ``out``, and derivative by x and the value.
FUNCTIONS = {
    "sigmoid": (expit, sigmoid_slope),
    "log_sigmoid": (log_expit, log_sigmoid_slope),
    "silu": (silu, silu_slope),
    "swish": (silu, silu_slope),
    "gelu": (gelu, gelu_slope),
}


class SciPy(Peer):
    def call(self, row, suffix, operands):
        if suffix == "_backward_from_output" or row.name not in FUNCTIONS:
            return None
        value, slope = FUNCTIONS[row.name]
        x, grad, out = operands.x, operands.grad, operands.out
        if suffix == "":
            return Call(value, (x,), {"out": out[0]})
        y = out[0] if suffix == "_with_derivative" else np.empty_like(x)

        def run():
            slope(x, value(x, out=y), out[-1])
            if suffix == "_backward":
                np.multiply(grad, out[-1], out=out[-1])

        return Call(run, ())


PEER = SciPy
