"""The activations in plain NumPy: the fallback where no extension could be built."""

from typing import TYPE_CHECKING

import numpy as np

from fastact import channels
from fastact.backends import _numpy_rows
from fastact.backends._blockwise import public_functions
from fastact.backends._numpy_elementary import (
    LARGEST,
    TANH_TAIL,
    bell,
    exp_minus,
    log1p_tail,
    mills_ratio,
    polynomial,
    product,
    scaled,
    third,
    where,
)
from fastact.backends._rowwise import row_functions

if TYPE_CHECKING:
    from fastact import *

# Design: a formula computes what the value and the derivative share and returns two
# functions, one for the rest of each; an operation calls those that it needs. float32 is
# computed in float64 and rounded once, except by the activations that do not round at all.

#: Elements in a block: its temporaries, of float64, stay in the second-level cache.
BLOCK = 16384

#: Of selu: the slope above 0 and that at 0 from below, with what a double drops of it.
SELU_SCALE, SELU_SLOPE, SELU_SLOPE_LOW = (
    1.0507009873554805,
    1.7580993408473766,
    5.75014648756476e-17,
)
#: Of lecun_tanh: the bound, four times the slope at 0, and what turns (1 - y^2) into the slope.
LECUN_HEIGHT, LECUN_FACTOR = 1.7159, 0.3885230297025856
LECUN_SLOPE, LECUN_SLOPE_LOW = 4.575733333333333, 2.9605947323337508e-16  # its rounding error
#: log(2), of softplus, with its rounding error, like those below.
LOG2, LOG2_LOW = 0.6931471805599453, 2.3190468138462996e-17
#: 1 / sqrt(2 pi), of gelu.
DENSITY, DENSITY_LOW = 0.3989422804014327, -2.4923272022777433e-17
#: 2 sqrt(2 / pi), of gelu_tanh, and 0.044715 times that.
GELU_TANH_A, GELU_TANH_A_LOW = 1.5957691216057308, -9.9693088091109203e-17
GELU_TANH_B, GELU_TANH_B_LOW = 0.07135481627260025, -4.1218577217431828e-18

FORMULAS = {}


def formula(function):
    """Keep `function` as a formula: its name is to become the public function's."""
    FORMULAS[function.__name__] = function
    return function


def step(x):
    """1 above 0 and 0 elsewhere; NaN at NaN."""
    return np.maximum(np.sign(x), 0)


def nan_or(x, value):
    """`value`; NaN at NaN."""
    return where(np.isnan(x), x, value)


def one(x):
    """1; NaN at NaN."""
    return nan_or(x, 1)


def slopes(x, negative_slope):
    """1 above 0 and `negative_slope` elsewhere; NaN at NaN."""
    return where(x > 0, 1, nan_or(x, negative_slope))


def inside(x, low, high):
    """1 between `low` and `high` and 0 elsewhere; NaN at NaN."""
    return where((x > low) & (x < high), 1, nan_or(x, 0))


def outside(x, bound):
    """1 where |x| is above `bound` and 0 elsewhere; NaN at NaN."""
    return where(np.abs(x) > bound, 1, nan_or(x, 0))


def defined(condition, result):
    """`result`, but NaN where the parameters are not in the domain."""
    return where(condition, result, np.nan)


def lower_tail(a):
    """sigmoid(-a) for a >= 0, relatively exact."""
    e = np.exp(-a)
    # The roundings of the quotient reach the result times e: 1.7 ulp. Plain e / (1 + e): 2.5.
    return e - e * (e / (1 + e))


def gate(x, above, w, w_low, v, v_low):
    """The formula of x sigmoid(+-(w + w_low)), + where `above`, w >= 0; v + v_low = |x w'(x)|.

    With e = exp(-w), sigmoid(-w) is e / (1 + e) = m (1 + z), where m is e or, near 0, e / 2; the
    derivative of x sigmoid(-w) is e (1 + e - v) / (1 + e)^2.
    """
    e, rest, scale = exp_minus(w, w_low)

    def value():
        near = w < 0.9
        d = 1 + e
        z = (near - e) / d
        m = 1 / (1.0 + near)
        z_low = (rest * (1 + z) - z * (e - (d - 1))) * (1 + z) * m
        tail = scaled(np.clip(x, -LARGEST, LARGEST), e * m, z, z_low, scale)
        return np.copysign(where(above, x - tail, tail), x)

    def derivative():
        b, c = bell(e, rest, w < 1.2)
        b = b * (((1 - np.minimum(v, LARGEST)) + e) - v_low)
        tail = (b + b * c) * scale
        return where(above, 1 - tail, tail)

    return value, derivative


@formula
def identity(x):
    return lambda: x, lambda: one(x)


@formula
def relu(x):
    return lambda: np.maximum(x, 0), lambda: step(x)


@formula
def relu6(x):
    return lambda: np.minimum(np.maximum(x, 0), 6), lambda: inside(x, 0, 6)


@formula
def leaky_relu(x, negative_slope):
    return (
        # A slope of 0 is relu, at x = -inf too.
        lambda: where(x > 0, x, where(negative_slope == 0, step(x), negative_slope * x)),
        lambda: slopes(x, negative_slope),
    )


@formula
def prelu(x, weight):
    return FORMULAS["leaky_relu"](x, weight)


@formula
def threshold(x, threshold, value):
    def passing(above, below):
        return where(x > threshold, above, where(x <= threshold, below, x + threshold))

    return lambda: passing(x, value), lambda: passing(1, 0)


@formula
def elu(x, alpha):
    return (
        lambda: where(x > 0, x, alpha * np.expm1(x)),
        lambda: slopes(x, alpha * np.exp(x)),
    )


@formula
def selu(x):
    return (
        lambda: where(x > 0, SELU_SCALE * x, SELU_SLOPE * np.expm1(x)),
        lambda: where(x > 0, SELU_SCALE, SELU_SLOPE * np.exp(x)),
    )


@formula
def celu(x, alpha):
    # Scaled by a power of 2, alpha is about 1: the product below neither over- nor underflows.
    scaled_alpha, exponent = np.frexp(alpha)
    a = np.clip(np.ldexp(x, -exponent), -2000, 0)
    z = a / scaled_alpha
    p, low = product(z, scaled_alpha)
    rest = ((a - p) - low) / scaled_alpha

    def value():
        e = np.expm1(z)
        y, low = product(scaled_alpha, e)
        y = np.ldexp(y + (low + scaled_alpha * rest * (1 + e)), exponent)
        return defined(alpha > 0, where((x > 0) | (np.abs(z) < 1e-20), x, y))

    def derivative():
        e = np.exp(z)
        return defined(alpha > 0, slopes(x, e + e * rest))

    return value, derivative


@formula
def sigmoid(x):
    t = lower_tail(np.abs(x))
    # |1 - t| above 0, |0 - t| elsewhere.
    return lambda: np.abs((x > 0) - t), lambda: t * (1 - t)


@formula
def log_sigmoid(x):
    a = np.abs(x)

    def derivative():
        t = lower_tail(a)
        return np.abs((x < 0) - t)

    return lambda: np.minimum(x, 0) - np.log1p(np.exp(-a)), derivative


@formula
def hard_sigmoid(x):
    return (
        lambda: (np.minimum(np.maximum(x, -3), 3) + 3) / 6,
        lambda: inside(x, -3, 3) / 6,
    )


@formula
def tanh(x):
    def derivative():
        t = lower_tail(2 * np.abs(x))
        return 4 * t * (1 - t)

    return lambda: np.tanh(x), derivative


@formula
def lecun_tanh(x):
    z, z_low = third(2 * np.minimum(np.maximum(x, -2000), 2000))

    def value():
        t = np.tanh(z)
        p, low = product(t, LECUN_HEIGHT)
        return np.copysign(p + (low + LECUN_HEIGHT * z_low * (1 - t * t)), x)

    def derivative():
        w = np.abs(2 * z)
        e, rest, scale = exp_minus(w, np.copysign(2, z) * z_low)
        b, c = bell(e, rest, w < 1.2)
        return scaled(LECUN_SLOPE, b, c, LECUN_SLOPE_LOW / LECUN_SLOPE, scale)

    return value, derivative


@formula
def hard_tanh(x, min_val, max_val):
    return (
        lambda: defined(min_val < max_val, np.minimum(np.maximum(x, min_val), max_val)),
        lambda: defined(min_val < max_val, inside(x, min_val, max_val)),
    )


@formula
def tanh_shrink(x):
    def value():
        a = np.abs(x)
        # Up to 1 x (x^2 / 3 + ...).
        b = np.minimum(a, 1)
        square, low = product(b, b)
        first, first_low = third(square)
        others = square * (square * polynomial(square, TANH_TAIL))
        p = first + others
        p_low = ((first - p) + others) + (first_low + low / 3)
        y, low = product(b, p)
        y += b * p_low + low
        # Beyond, (|x| - 1) + (1 - tanh |x|).
        return np.copysign(where(a > 1, (a - 1) + 2 * lower_tail(2 * a), y), x)

    return value, lambda: np.tanh(x) ** 2


@formula
def softsign(x):
    d = 1 + np.abs(x)
    # At infinity the quotient is that of the largest number.
    return lambda: np.clip(x, -LARGEST, LARGEST) / np.minimum(d, LARGEST), lambda: 1 / d / d


@formula
def softplus(x, beta):
    z, z_low = product(x, beta)
    w = np.abs(z)
    e, rest, scale = exp_minus(w, where(w < 1500, np.copysign(1, z) * z_low, 0))

    def value():
        # log(1 + e) is t and a correction, t being e or, near 0, log(2).
        near = w < 0.5
        t = where(near, LOG2, e)
        correction = e * rest + where(near, (e - 1) / 2 + LOG2_LOW, 0)
        correction += log1p_tail(where(near, (e - 1) / 2, e))
        q = t / beta
        p, low = product(q, beta)
        correction = (((t - p) - low) + correction) / beta
        q += where(np.isfinite(correction), correction, 0)
        return defined(beta > 0, np.maximum(x, 0) + q * scale)

    def derivative():
        t = e - e * (e / (1 + e) - rest)
        return defined(beta > 0, np.abs((x > 0) - t * scale))

    return value, derivative


@formula
def squareplus(x, b):
    # Scaled by a power of 2, b neither over- nor underflows.
    exponent = np.frexp(b)[1] >> 1
    exponent = exponent * (np.abs(exponent) > 64)  # by no less: |x| must not overflow
    b = np.ldexp(b, -2 * exponent)
    a = np.ldexp(np.abs(x), -exponent)
    root = np.hypot(a, np.sqrt(b))
    # The tail f(-|x|) = (root - |x|) / 2 solves t (t + |x|) = b / 4: by Newton's method.
    t = b / 4 / (a / 2 + root / 2)
    s = a + t
    s_low = np.minimum(a, t) - (s - np.maximum(a, t))
    p, low = product(s, t)
    residual = ((b / 4 - p) - low) - s_low * t
    t += where(a < 1e100, residual / (s + t), 0)

    def value():
        return defined(b > 0, np.maximum(x, 0) + np.ldexp(t, exponent))

    return value, lambda: defined(b > 0, np.abs((x > 0) - t / root))


@formula
def gelu(x):
    # f(x) is x - |x| Q(|x|) above 0 and -|x| Q(|x|) below, Q the normal distribution's upper tail.
    a = np.minimum(np.abs(x), 64)  # there it has long vanished
    square, square_low = product(a, a)
    e, rest, scale = exp_minus(square / 2, square_low / 2)
    m, m_low = mills_ratio(a)

    def value():
        p, low = product(a, m)
        tail, tail_low = product(p, e)
        tail = (tail + (tail * rest + tail_low + (low + a * m_low) * e)) * scale
        return np.copysign(where(x > 0, x, 0) - tail, x)

    def derivative():
        p, low = product(DENSITY, a)
        tail = (m - p) + (m_low - low - DENSITY_LOW * a)
        tail = (tail + tail * rest) * e * scale
        return where(x > 0, 1 - tail, tail)

    return value, derivative


@formula
def gelu_tanh(x):
    # w = |x| (A + B x^2), A = 2 sqrt(2 / pi), B = 0.044715 A.
    a = np.minimum(np.abs(x), 32)  # there the tail has long vanished
    square, square_low = product(a, a)
    p, p_low = product(square, GELU_TANH_B)
    s = GELU_TANH_A + p
    s_low = np.minimum(p, GELU_TANH_A) - (s - np.maximum(p, GELU_TANH_A))
    s_low += p_low + GELU_TANH_B * square_low + (GELU_TANH_B_LOW * square + GELU_TANH_A_LOW)
    w, w_low = product(a, s)
    w_low += a * s_low
    p *= 2 * a
    v = w + p
    return gate(x, x > 0, w, w_low, v, ((w - v) + p) + w_low)


@formula
def quick_gelu(x):
    w, w_low = product(np.minimum(np.abs(x), 2000), 1.702)
    return gate(x, x > 0, w, w_low, w, w_low)


@formula
def silu(x):
    a = np.abs(x)
    return gate(x, x > 0, a, 0.0, a, 0.0)


@formula
def swish(x, beta):
    w, w_low = product(np.abs(x), np.abs(beta))
    w_low = where(w < 1500, w_low, 0)
    value, derivative = gate(x, (x > 0) == (beta > 0), w, w_low, w, w_low)
    # A beta of 0 is x / 2, at infinity too.
    return (
        lambda: where(beta == 0, x / 2, value()),
        lambda: where(beta == 0, one(x) / 2, derivative()),
    )


@formula
def mish(x):
    above = x > 0
    b = np.minimum(np.maximum(x, -2000), 40)  # beyond, the tail has vanished, or the value is x
    a = np.abs(b)
    e, rest, scale = exp_minus(a)
    # tanh(softplus(x)) is (1 + 2 e) / d above 0 and e (2 + e) / d elsewhere.
    square = e * e
    s = 2 * e + where(above, 2 * square, square)
    d = (2.0 - above) + s
    # Either is (1 + c) / 2, of which the first part is exact.
    c = where(above, 1 + 2 * (e - square), s - 2) / d

    def value():
        # As m (1 + c): m is 1 above, e below, and 1/2 near 0.
        near = a < 0.7
        m = where(near, 0.5, where(above, 1, e))
        c_far = where(above, -2 * square, -e - square) / d
        y = scaled(b, m, where(near, c, c_far), rest, scale)
        return np.copysign(where(x > 40, x, y), x)

    def derivative():
        # Above as 1 - ..., at the tail with no fraction that cancels.
        k = 4 * b * (1 + e) / d
        # Elsewhere e (n1 + n2) / d^2, for which the roundings of d^2 are made good.
        d_low = ((2 - d) + s) + ((2 * e - s) + square)
        d2, d2_low = product(d, d)
        n1, n2 = 4 * (1 + b), e * ((6 + 4 * b) + (4 * e + square))
        n1 = n1 + (n1 + n2) * (rest - (d2_low + 2 * d * d_low) / d2)
        tail = e * (n1 + n2) / d2 * scale
        below = where(b > -0.4, 0.5 + (c / 2 + k * (e / d)), tail)
        return where(above, 1 + (k - 2) * (square / d), below)

    return value, derivative


@formula
def hard_swish(x):
    def value():
        b = np.minimum(np.maximum(x, -3), 3)
        y = where(b > -1, b / 2 + b * b / 6, b * (b + 3) / 6)
        return np.copysign(where(x > 3, x, y), x)

    def derivative():
        return where(np.abs(x) < 3, (2 * x + 3) / 6, nan_or(x, x > 0))

    return value, derivative


@formula
def soft_shrink(x, lambd):
    def value():
        shrunk = where(np.abs(x) > lambd, x - np.copysign(lambd, x), nan_or(x, 0))
        return defined(lambd >= 0, shrunk)

    return value, lambda: defined(lambd >= 0, outside(x, lambd))


@formula
def hard_shrink(x, lambd):
    return (
        lambda: defined(lambd >= 0, where(np.abs(x) > lambd, x, nan_or(x, 0))),
        lambda: defined(lambd >= 0, outside(x, lambd)),
    )


#: The derivative from the output.
FROM_OUTPUT = {
    "identity": one,
    "relu": step,
    "relu6": lambda y: inside(y, 0, 6),
    "leaky_relu": lambda y, slope: where(slope >= 0, slopes(y, slope), np.nan),
    "elu": lambda y, alpha: where(alpha >= 0, slopes(y, y + alpha), np.nan),
    "selu": lambda y: where(y > 0, SELU_SCALE, (y + SELU_SLOPE) + SELU_SLOPE_LOW),
    "celu": lambda y, alpha: where(alpha > 0, slopes(y, (y + alpha) / alpha), np.nan),
    "sigmoid": lambda y: y * (1 - y),
    "log_sigmoid": lambda y: -np.expm1(y),
    "hard_sigmoid": lambda y: inside(y, 0, 1) / 6,
    "tanh": lambda y: (1 - y) * (1 + y),
    "lecun_tanh": lambda y: (
        np.maximum(LECUN_HEIGHT - y, 0) * np.maximum(LECUN_HEIGHT + y, 0) * LECUN_FACTOR
    ),
    "hard_tanh": lambda y, low, high: where(low < high, inside(y, low, high), np.nan),
    "softsign": lambda y: (1 - np.abs(y)) ** 2,
    "softplus": lambda y, beta: where(beta > 0, -np.expm1(-beta * y), np.nan),
}


def make_loop(row, operation):
    """The loop of a `Blockwise`: an operation as a projection of the row's formula."""
    has_grad = operation.inputs[0] == "grad"
    nin = len(operation.inputs) + len(row.parameters)
    exact = row.max_ulp == (0, 0)

    if "y" in operation.inputs:
        derivative = FROM_OUTPUT[row.name]

        def results(*inputs):
            return [derivative(*inputs)]

    else:
        function = FORMULAS[row.name]
        parts = slice("f(x)" not in operation.outputs, 2 if operation.suffix else 1)

        def results(*inputs):
            return [part() for part in function(*inputs)[parts]]

    def loop(*operands):
        dtype = operands[-1].dtype
        with np.errstate(all="ignore"):
            for start in range(0, operands[-1].size, BLOCK):
                block = slice(start, start + BLOCK)
                blocks = [x[block] if x.ndim else x for x in operands]
                inputs, outputs = blocks[has_grad:nin], blocks[nin:]
                if not exact:
                    inputs = [x.astype(np.float64, copy=False) for x in inputs]
                values = results(*inputs)
                if has_grad:  # a product of two rounded factors, as f_derivative's caller has it
                    values = [blocks[0] * value.astype(dtype, copy=False) for value in values]
                for output, value in zip(outputs, values):
                    output[...] = value

    return loop


globals().update(public_functions(make_loop))


def make_gated_loop(activation, backward):
    """The loop of a gated unit: a f(b), or its gradients for a and b."""

    def loop(*operands):
        factor, b = operands[:2]  # of f(b): a, or the gradient
        with np.errstate(all="ignore"):
            value, derivative = FORMULAS[activation](np.asarray(b, np.float64))
            results = [factor * np.asarray(value(), b.dtype)]
            if backward:
                results.append(factor * (operands[2] * np.asarray(derivative(), b.dtype)))
        for output, result in zip(operands[2 + backward :], results):
            output[...] = result

    return loop


globals().update(row_functions(_numpy_rows.make_loop, make_gated_loop))
globals().update(channels.public_functions(globals()))
