"""ONNX's operators that are activation functions, on NumPy arrays.

Inputs are given by position and attributes by keyword, ``LeakyRelu(x, alpha=0.1)``, with the
defaults of operator set 28. ONNX keeps a default as a float32 number; here it is the decimal that
was meant, which for float32 input is the same. Where formulas change, ONNX says what the value
is, and so it is here; of derivatives it says nothing, and there are none here.

The terms of `HardSigmoid`, `Selu` and `Shrink` are rounded one by one, to some ulp; `HardSigmoid`
near its zero to an ulp of `beta`. Dtypes are fastact's: integers become floats. The package onnx is
not imported and need not be installed.
"""

import numpy as np

import fastact
from fastact.compat import scipy
from fastact.compat._names import Like, offer, put

__all__ = []

_NAMES = {
    "Celu": Like("celu"),
    "Elu": Like("elu"),
    "Gelu": Like({"none": "gelu", "tanh": "gelu_tanh"}),
    "HardSwish": Like("hard_swish"),
    "Identity": Like("identity"),
    "LeakyRelu": Like("leaky_relu", renamed={"negative_slope": "alpha"}),
    "Mish": Like("mish"),
    "Relu": Like("relu"),
    "Sigmoid": Like("sigmoid"),
    "Softplus": Like("softplus", parameters=False),
    "Softsign": Like("softsign"),
    "Swish": Like("swish", renamed={"beta": "alpha"}),
    "Tanh": Like("tanh"),
}
offer(globals(), "onnx", _NAMES, derivatives=False)


def _operator(function):
    put(globals(), function.__name__, np.errstate(all="ignore")(function))
    return globals()[function.__name__]


@_operator
def Erf(x, /):
    """onnx.Erf: `fastact.compat.scipy.erf`."""
    return scipy.erf(x)


@_operator
def HardSigmoid(x, /, *, alpha=0.2, beta=0.5):
    """onnx.HardSigmoid: alpha x + beta, no less than 0 and no more than 1."""
    return fastact.hard_tanh(np.multiply(x, alpha) + beta, 0.0, 1.0)


@_operator
def LogSoftmax(x, /, *, axis=-1):
    """onnx.LogSoftmax: the logarithm of `Softmax`, exact where that is 0 or 1."""
    return fastact.log_softmax(x, axis)


@_operator
def PRelu(x, slope, /):
    """onnx.PRelu: x where it is above 0, else slope x; `slope` broadcasts to x."""
    return fastact.prelu(x, slope)


@_operator
def Selu(x, /, *, alpha=1.6732632423543772, gamma=1.0507009873554805):
    """onnx.Selu: gamma x above 0, else gamma alpha (exp(x) - 1)."""
    return gamma * fastact.elu(x, alpha)


@_operator
def Shrink(x, /, *, bias=0.0, lambd=0.5):
    """onnx.Shrink: x + bias below -lambd, x - bias above lambd, 0 between and there."""
    y = fastact.hard_shrink(x, lambd)
    return y - bias * np.sign(y)


@_operator
def Softmax(x, /, *, axis=-1):
    """onnx.Softmax: `fastact.softmax`."""
    return fastact.softmax(x, axis)


@_operator
def ThresholdedRelu(x, /, *, alpha=1.0):
    """onnx.ThresholdedRelu: x where it is above alpha, else 0."""
    return fastact.threshold(x, alpha, 0.0)
