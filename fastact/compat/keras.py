"""keras.activations on NumPy arrays: Keras 3's names, arguments and defaults.

With each elementwise ``f`` come ``f_derivative``, ``f_with_derivative``, ``f_backward`` and mostly
``f_backward_from_output``, with the arguments of ``f``. At kinks the derivatives are fastact's, for
Keras leaves them to its backend: 0 at the bounds of what is flat, `negative_slope` at the
threshold of `relu` and at 0 of `leaky_relu`.

`leaky_relu` has the slope 0.2, `gelu` is exact unless ``approximate=True``, `hard_sigmoid` is
relu6(x + 3) / 6. `relu` with a threshold or a maximum, `sparse_plus` and `sparse_sigmoid` are some
NumPy operations over fastact's kernels, and `exponential` is `numpy.exp`, all within 3 ulp.

Dtypes are fastact's: float64, which Keras rounds to float32, stays; integers become floats. Keras
is not imported and need not be installed. Not here are `sparsemax`, `serialize` and `deserialize`.
"""

import difflib

import numpy as np

import fastact
from fastact.activations import OPERATIONS
from fastact.compat._names import Like, offer, over_axes, put_composed, put_sparse

__all__ = ["get", "glu", "log_softmax", "softmax"]

_SAME = (
    "celu elu hard_sigmoid hard_silu hard_swish linear log_sigmoid mish relu6 selu sigmoid silu "
    "softsign squareplus tanh tanh_shrink"
)
_NAMES = {name: Like(name) for name in _SAME.split()} | {
    "gelu": Like({False: "gelu", True: "gelu_tanh"}),
    "hard_shrink": Like("hard_shrink", renamed={"lambd": "threshold"}),
    "hard_tanh": Like("hard_tanh", parameters=False),
    "leaky_relu": Like("leaky_relu", defaults={"negative_slope": 0.2}),
    "soft_shrink": Like("soft_shrink", renamed={"lambd": "threshold"}),
    "softplus": Like("softplus", parameters=False),
    "swish": Like("silu"),
    "threshold": Like("threshold", renamed={"value": "default_value"}),
}
offer(globals(), "keras.activations", _NAMES)
put_sparse(globals(), at_bounds=0)


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """keras.activations.relu: x above the threshold, else negative_slope * (x - threshold).

    With a `max_value`, which must be above 0, x is no less than 0 and no more than that.
    """
    if max_value is None and threshold == 0:
        return fastact.leaky_relu(x, negative_slope)
    above = x if max_value is None else fastact.hard_tanh(x, 0.0, _positive(max_value))
    below = fastact.leaky_relu(np.subtract(x, threshold), negative_slope)
    return np.where(np.greater(x, threshold), above, below)[()]


def relu_derivative(x, negative_slope=0.0, max_value=None, threshold=0.0):
    slopes = fastact.leaky_relu_derivative(np.subtract(x, threshold), negative_slope)
    if max_value is None:
        return slopes
    above = fastact.hard_tanh_derivative(x, 0.0, _positive(max_value))
    return np.where(np.greater(x, threshold), above, slopes)[()]


def exponential(x):
    """keras.activations.exponential: exp(x)."""
    return np.exp(x)


def exponential_derivative(x):
    return np.exp(x)


put_composed(globals(), relu, relu_derivative)
put_composed(globals(), exponential, exponential_derivative)


def _positive(max_value):
    if not max_value > 0:
        raise ValueError(f"relu: max_value is {max_value}, but must be above 0")
    return max_value


def glu(x, axis=-1):
    """keras.activations.glu: the first half of an axis times the sigmoid of the second."""
    return fastact.glu(x, axis)


def softmax(x, axis=-1):
    """keras.activations.softmax: `fastact.softmax` over an axis, or several (a tuple)."""
    return over_axes(fastact.softmax, x, axis)


def log_softmax(x, axis=-1):
    """keras.activations.log_softmax: the logarithm of `softmax`, exact where that is 0 or 1."""
    return over_axes(fastact.log_softmax, x, axis)


def get(identifier):
    """keras.activations.get: the activation of a name, `linear` for None; a function is itself."""
    if callable(identifier):
        return identifier
    identifier = "linear" if identifier is None else identifier
    others = ("get", *(operation.suffix for operation in OPERATIONS[1:]))
    known = [name for name in __all__ if not name.endswith(others)]
    if identifier in known:
        return globals()[identifier]
    near = difflib.get_close_matches(str(identifier), known) or known
    raise ValueError(
        f"get: there is no activation {identifier!r}; perhaps {' or '.join(map(repr, near))}"
    )
