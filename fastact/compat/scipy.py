"""scipy.special's activation functions, and what belongs to them, with SciPy's signatures.

`expit`, `log_expit`, `logit` and `erf` take a ufunc's arguments (``out`` by position too), as does
`softplus`; `softmax`, `log_softmax` and `logsumexp` work over an axis, several (a tuple), or all,
which is the default. The first two are `fastact.sigmoid` and `fastact.log_sigmoid`, whose names
with `_derivative` and so on are fastact's.

`logit` and `erf` are no rows of fastact's table: they are NumPy formulas, `erf` over the kernel of
`fastact.gelu`, within 2 ulp. Dtypes are fastact's: float16 stays float16 and small
integers give what `numpy.tanh` gives; longdouble and complex numbers are a TypeError. SciPy is not
imported and need not be installed.
"""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

import fastact
from fastact._rowwise import float_dtype
from fastact.backends._blockwise import Blockwise
from fastact.backends._numpy_elementary import polynomial
from fastact.compat._names import over_axes

__all__ = ["erf", "expit", "log_expit", "log_softmax", "logit", "logsumexp", "softmax", "softplus"]

#: Elements in a block: its temporaries, of float64, stay in the second-level cache.
BLOCK = 16384

expit, log_expit = fastact.sigmoid, fastact.log_sigmoid


def _ufunc(formula):
    """What behaves as a ufunc over a formula of arrays, which takes its name and docstring."""

    def loop(x, out):
        with np.errstate(all="ignore"):
            for start in range(0, x.size, BLOCK):
                block = slice(start, start + BLOCK)
                out[block] = formula(x[block])

    ufunc = Blockwise(formula.__name__, formula.__doc__, 1, 1, loop)
    ufunc.__module__ = __name__
    return ufunc


@_ufunc
def logit(p):
    """logit: log(p / (1 - p)), the inverse of expit; NaN outside [0, 1].

    Maximal error: 2 ulp. Keywords as in every NumPy ufunc.
    """
    p = p.astype(np.float64, copy=False)
    # Of the larger and the smaller of p and 1 - p the quotient is 1 + t, and t is good to 0.
    smaller = np.minimum(p, 1 - p)
    t = np.abs(2 * p - 1) / smaller
    quotient = 1 + t
    y = np.log(quotient) + (t - (quotient - 1)) / quotient
    huge = ~(smaller > 1e-300)  # ... the quotient; at 0 infinite, outside [0, 1] NaN
    y[huge] = -np.log(smaller[huge])
    return np.copysign(y, p - 0.5)


#: See src/coefficients.py, "erf to 1 double"; highest degree first.
_ERF = (
    -7.77946600012511385822e-10,
    1.37109790097102005686e-8,
    -1.62063134234312808743e-7,
    1.64471315254968770407e-6,
    -1.49247122981220113820e-5,
    1.20552935766889487195e-4,
    -8.54832592930715314892e-4,
    5.22397760611831838505e-3,
    -2.68661706431114488825e-2,
    0.112837916709441846164,
    -0.376126389031835195368,
    0.128379167095512565655,
)


@_ufunc
def erf(x):
    """erf: the error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Maximal error: 2 ulp. Keywords as in every NumPy ufunc.
    """
    a = np.abs(x)
    near = np.minimum(a, 1)
    near = near + near * polynomial(near * near, _ERF)
    # Beyond 1 it is 1 - 2 Q(z), Q the normal distribution's upper tail, and gelu(-z) is -z Q(z).
    z = math.sqrt(2) * a
    return np.copysign(np.where(a < 1, near, 1 + 2 * fastact.gelu(-z) / z), x)


def softplus(x, **kwargs):
    """scipy.special.softplus: log(1 + exp(x)); kwargs are a ufunc's."""
    return fastact.softplus.ufunc(x, 1.0, **kwargs)


def softmax(x, axis=None):
    """scipy.special.softmax: `fastact.softmax` over an axis, several (a tuple) or all (None)."""
    return over_axes(fastact.softmax, x, axis)


def log_softmax(x, axis=None):
    """scipy.special.log_softmax: the logarithm of `softmax`, exact where that is 0 or 1."""
    return over_axes(fastact.log_softmax, x, axis)


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    """scipy.special.logsumexp: log(sum(b * exp(a))) over an axis, several (a tuple) or all (None).

    `b`, 1 if not given, broadcasts with `a` and may be negative; where it is 0, `a` is not looked
    at. Where the sum is negative the result is NaN; with `return_sign` it is the logarithm of
    the sum's magnitude, and the sign (1, 0, -1) is returned beside it. With `b` the error
    is some ulp of the largest `a`, but for what terms of opposite signs cancel.
    """
    a = np.asarray(a)
    axes = normalize_axis_tuple(range(a.ndim) if axis is None else axis, a.ndim)
    if b is None:
        out = over_axes(fastact.logsumexp, a, axis, keepdims=False)
        sign = np.where(np.isnan(out), out, out > -np.inf)
        out, sign = (np.expand_dims(x, axes) if keepdims else x for x in (out, sign))
        return (out, sign[()]) if return_sign else out

    dtype = float_dtype("logsumexp", a)
    if type(b) not in (int, float):  # which take the dtype of a
        b = np.asarray(b)
        dtype = np.result_type(dtype, float_dtype("logsumexp", b))
    a = np.where(b == 0, -np.inf, a).astype(np.float64)

    def total(terms):
        return np.sum(terms, axes, keepdims=True)

    with np.errstate(all="ignore"):
        top = np.max(a, axes, keepdims=True, initial=-np.inf)
        shift = np.where(np.isfinite(top), top, 0)
        terms = b * np.exp(a - shift)
        # The largest apart from the others, for the logarithm of a sum near 1.
        large = total(np.where(a == top, terms, 0))
        small = total(np.where(a == top, 0, terms))
        logarithm = np.where(
            np.abs(small) < np.abs(large) / 2,
            np.log(np.abs(large)) + np.log1p(small / large),
            np.log(np.abs(large + small)),
        )
        out, sign = logarithm + shift, np.sign(large + small)
        if not return_sign:
            out[sign < 0] = np.nan
        out, sign = ((x if keepdims else x.squeeze(axes)).astype(dtype)[()] for x in (out, sign))
    return (out, sign) if return_sign else out
