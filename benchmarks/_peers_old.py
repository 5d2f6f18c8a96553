"""What users would otherwise take: the textbook's formulas in NumPy, SciPy and PyTorch.

Each peer maps an activation's name to its value and its derivative, functions of x and the row's
parameters.
"""

from functools import partial
from importlib.util import find_spec

import numpy as np
from _idioms import NumPyIdioms

SQRT_2, SQRT_2_PI = 2**0.5, (2 / np.pi) ** 0.5
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def peers():
    """The peers that are installed: ``{peer: {activation: (value, derivative)}}``."""
    found = {"NumPy idiom": numpy_idioms()}
    if find_spec("scipy"):
        found["SciPy"] = scipy_functions()
    if find_spec("torch"):
        found["PyTorch"] = torch_functions()
    return found


def logistic(x):
    return 1 / (1 + np.exp(-x))


def of_output(value, slope):
    """A pair whose derivative is the textbook's function of x and the output."""
    return value, lambda x, *parameters: slope(x, value(x, *parameters), *parameters)


def numpy_idioms():
    """The textbook's forms, where they lose digits too."""

    def lecture(name):
        def call(name, x, *_):
            return getattr(NumPyIdioms(x), name)(x, np.empty_like(x))

        return partial(call, name), partial(call, name + "_derivative")

    def elu(x, alpha):
        return np.where(x > 0, x, alpha * (np.exp(x) - 1))

    def silu(x, beta=1):
        return x / (1 + np.exp(-beta * x))

    def silu_slope(x, y, beta=1):
        return beta * y + logistic(beta * x) * (1 - beta * y)

    def selu_slope(x, y):
        return np.where(x > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)

    def gelu_tanh(x):
        return x / 2 * (1 + np.tanh(SQRT_2_PI * (x + 0.044715 * x**3)))

    def gelu_tanh_slope(x):
        t = np.tanh(SQRT_2_PI * (x + 0.044715 * x**3))
        return (1 + t) / 2 + x / 2 * (1 - t * t) * SQRT_2_PI * (1 + 3 * 0.044715 * x**2)

    def mish_slope(x):
        t = np.tanh(np.log(1 + np.exp(x)))
        return t + x * logistic(x) * (1 - t * t)

    quick = partial(silu, beta=1.702)
    found = {name: lecture(name) for name in ("relu", "leaky_relu", "sigmoid", "tanh")}
    return found | {
        "elu": of_output(elu, lambda x, y, alpha: np.where(x > 0, 1, y + alpha).astype(x.dtype)),
        "selu": of_output(lambda x: SELU_SCALE * elu(x, SELU_ALPHA), selu_slope),
        "log_sigmoid": (lambda x: -np.log(1 + np.exp(-x)), lambda x: 1 - logistic(x)),
        "softplus": (
            lambda x, beta=1: np.log(1 + np.exp(beta * x)) / beta,
            lambda x, beta=1: logistic(beta * x),
        ),
        "lecun_tanh": of_output(
            lambda x: 1.7159 * np.tanh(2 / 3 * x),
            lambda x, y: 2 / 3 * (1.7159 - y * y / 1.7159),
        ),
        "tanh_shrink": (lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
        "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
        "squareplus": (
            lambda x, b: (x + np.sqrt(x * x + b)) / 2,
            lambda x, b: (1 + x / np.sqrt(x * x + b)) / 2,
        ),
        "silu": of_output(silu, silu_slope),
        "swish": of_output(silu, silu_slope),
        "quick_gelu": of_output(quick, partial(silu_slope, beta=1.702)),
        "gelu_tanh": (gelu_tanh, gelu_tanh_slope),
        "mish": (lambda x: x * np.tanh(np.log(1 + np.exp(x))), mish_slope),
    }


def scipy_functions():
    """The special functions of SciPy, and the textbook's forms over them."""
    from scipy.special import erf, expit, log_expit

    def gelu_slope(x):
        return (1 + erf(x / SQRT_2)) / 2 + x * np.exp(-x * x / 2) / (2 * np.pi) ** 0.5

    return {
        "sigmoid": of_output(expit, lambda x, y: y * (1 - y)),
        "log_sigmoid": (log_expit, lambda x: expit(-x)),
        "silu": of_output(lambda x: x * expit(x), lambda x, y: y + expit(x) * (1 - y)),
        "gelu": (lambda x: x / 2 * (1 + erf(x / SQRT_2)), gelu_slope),
    }


def torch_functions():
    """PyTorch's functions, and their derivatives by autograd."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)

    def pair(function):
        def value(x, *parameters):
            return function(torch.from_numpy(x), *parameters).numpy()

        def derivative(x, *parameters):
            x = torch.from_numpy(x).requires_grad_()
            y = function(x, *parameters)
            return torch.autograd.grad(y, x, torch.ones_like(y))[0].numpy()

        return value, derivative

    functions = {
        "relu": torch.relu,
        "relu6": F.relu6,
        "leaky_relu": F.leaky_relu,
        "prelu": F.leaky_relu,
        "threshold": F.threshold,
        "elu": F.elu,
        "selu": F.selu,
        "celu": F.celu,
        "sigmoid": torch.sigmoid,
        "log_sigmoid": F.logsigmoid,
        "hard_sigmoid": F.hardsigmoid,
        "tanh": torch.tanh,
        "hard_tanh": F.hardtanh,
        "tanh_shrink": F.tanhshrink,
        "softsign": F.softsign,
        "softplus": F.softplus,
        "gelu": F.gelu,
        "gelu_tanh": partial(F.gelu, approximate="tanh"),
        "silu": F.silu,
        "mish": F.mish,
        "hard_swish": F.hardswish,
        "soft_shrink": F.softshrink,
        "hard_shrink": F.hardshrink,
    }
    return {name: pair(function) for name, function in functions.items()}
