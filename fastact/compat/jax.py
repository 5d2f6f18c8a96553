"""jax.nn's activation functions on NumPy arrays: its names, arguments, defaults and kinks.

With each elementwise ``f`` come ``f_derivative``, ``f_with_derivative``, ``f_backward`` and mostly
``f_backward_from_output``, with the arguments of ``f``. The derivatives are `jax.grad`'s, at kinks
too: 1 for `leaky_relu` at 0 and `hard_tanh` at -1 and 1, 1/4 for `sparse_sigmoid` at -1 and 1.
`gelu` is the approximation by tanh unless ``approximate=False``.

Dtypes are fastact's: float64 stays float64, integers become floats. JAX is not imported and need
not be installed. Not here are attention, scaled products, `one_hot`, `standardize`, `log1mexp`
and `logmeanexp`, which are no activations.
"""

import numpy as np

import fastact
from fastact.compat import scipy
from fastact.compat._names import Like, offer, over_axes, put_sparse

__all__ = ["glu", "log_softmax", "logsumexp", "softmax"]

_SAME = (
    "celu elu hard_sigmoid hard_silu hard_swish identity log_sigmoid mish relu relu6 selu sigmoid "
    "silu soft_sign squareplus tanh"
)
_NAMES = {name: Like(name) for name in _SAME.split()} | {
    "gelu": Like({True: "gelu_tanh", False: "gelu"}),
    "hard_tanh": Like("hard_tanh", parameters=False, kinks={-1: 1, 1: 1}),
    "leaky_relu": Like("leaky_relu", kinks={0: 1}),
    "softplus": Like("softplus", parameters=False),
    "swish": Like("silu"),
}
offer(globals(), "jax.nn", _NAMES)
put_sparse(globals(), at_bounds=1 / 4)


def glu(x, axis=-1):
    """jax.nn.glu: the first half of an axis times the sigmoid of the second."""
    return fastact.glu(x, axis)


def softmax(x, axis=-1, where=None):
    """jax.nn.softmax: over an axis, several (a tuple) or all (None), and 0 where not `where`."""
    return _masked(fastact.softmax, x, axis, where, 0)


def log_softmax(x, axis=-1, where=None):
    """jax.nn.log_softmax: over one or more axes as in `softmax`, and -inf where not `where`."""
    return _masked(fastact.log_softmax, x, axis, where, -np.inf)


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False, where=None):
    """jax.nn.logsumexp: `fastact.compat.scipy.logsumexp` of the elements where `where` is true."""
    if where is not None:
        a = np.where(where, a, -np.inf)
    return scipy.logsumexp(a, axis, b, keepdims, return_sign)


def _masked(function, x, axis, where, masked):
    if where is None:
        return over_axes(function, x, axis)
    return np.where(where, over_axes(function, np.where(where, x, -np.inf), axis), masked)[()]
