"""The row functions of the Numba backend; importing this imports Numba."""

import contextlib

import numpy as np
from numba import njit
from numba.extending import register_jitable

from fastact.backends import _numba_kernels
from fastact.backends._numba_kernels import exp_minus, fma, like

# Design: each function is a loop over rows that stay in the first-level cache, out of few passes.
# The pass with the exponentials vectorises; sums go in four chains, for no order but that
# written down is allowed. Kernels get contiguous operands that do not overlap.


@register_jitable
def total(a, b, products):
    """The sum of a, or of a * b: in blocks, whose sums are added without error."""
    result, error = 0.0, 0.0
    for start in range(0, a.size, 128):
        stop = min(start + 128, a.size)
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        i = start
        while i + 4 <= stop:
            if products:
                s0 += a[i] * b[i]
                s1 += a[i + 1] * b[i + 1]
                s2 += a[i + 2] * b[i + 2]
                s3 += a[i + 3] * b[i + 3]
            else:
                s0 += a[i]
                s1 += a[i + 1]
                s2 += a[i + 2]
                s3 += a[i + 3]
            i += 4
        while i < stop:
            s0 += a[i] * b[i] if products else a[i]
            i += 1
        part = (s0 + s1) + (s2 + s3)
        after = result + part
        rounded = after - result
        error += (result - (after - rounded)) + (part - rounded)
        result = after
    return result + error if error == error else result


@register_jitable
def exponentials(x, e):
    """Set e to exp(x - max(x)); return the maximum, the sum, and the sum of all but a maximum."""
    top = like(x[0], -np.inf) if x.size else like(e[0], -np.inf)
    for v in x:
        top = v if v > top else top
    zero = top - top if top == top and top - top == 0 else like(top, 0)
    for i in range(x.size):
        d = top - x[i]
        # What rounding took from the difference: at 80 it is 32 ulp of the exponential.
        part = d - top
        lost = (top - (d - part)) - (x[i] + part)
        lost = lost if lost - lost == zero else zero
        s, h = exp_minus(d, 1)
        e[i] = fma(s, fma(-lost, h, h - lost), s) if d == d else d
    everything = total(e, e, False)
    others = everything - 1
    if others < 0.75:
        others, maxima = 0.0, 0
        for i in range(x.size):
            if x[i] == top:
                maxima += 1
            else:
                others += e[i]
        others += max(maxima, 1) - 1
    return top, everything, others


@register_jitable
def softmax(x, y):
    for r in range(len(x)):
        _, everything, _ = exponentials(x[r], y[r])
        for i in range(x.shape[1]):
            y[r, i] = y[r, i] / everything


@register_jitable
def softmax_backward(grad, x, out):
    softmax(x, out)
    softmax_backward_from_output(grad, out, out)


@register_jitable
def softmax_backward_from_output(grad, y, out):
    for r in range(len(y)):
        dot = total(grad[r], y[r], True)
        for i in range(y.shape[1]):
            out[r, i] = y[r, i] * (grad[r, i] - dot)


@register_jitable
def log_softmax(x, y):
    for r in range(len(x)):
        top, everything, others = exponentials(x[r], y[r])
        log_sum = np.log1p(others) if everything == everything else everything
        for i in range(x.shape[1]):
            y[r, i] = like(top, x[r, i] - top) - log_sum


@register_jitable
def log_softmax_backward(grad, x, out):
    softmax(x, out)
    for r in range(len(x)):
        mass = total(grad[r], grad[r], False)
        for i in range(x.shape[1]):
            out[r, i] = grad[r, i] - out[r, i] * mass


@register_jitable
def log_softmax_backward_from_output(grad, y, out):
    for r in range(len(y)):
        mass = total(grad[r], grad[r], False)
        for i in range(y.shape[1]):
            out[r, i] = grad[r, i] - np.exp(y[r, i]) * mass


@register_jitable
def logsumexp(x, out):
    e = np.empty(x.shape[1], x.dtype)
    for r in range(len(x)):
        top, everything, others = exponentials(x[r], e)
        if top - top == 0:
            out[r] = top + np.log1p(others) if everything == everything else everything
        else:
            out[r] = top
            for v in x[r]:
                if v != v:
                    out[r] = v


@register_jitable
def logsumexp_backward(grad, x, out):
    softmax(x, out)
    for r in range(len(x)):
        for i in range(x.shape[1]):
            out[r, i] = grad[r] * out[r, i]


@register_jitable
def label_loss(x, e, label):
    """The loss of one row, and what e has to be divided by and lacks at the label."""
    top, everything, others = exponentials(x, e)
    log_sum = np.log1p(others) if everything == everything else everything
    rest = others if x[label] == top else everything - e[label]
    return log_sum + (np.float64(top) - x[label]), everything, rest


@register_jitable
def label_entropy(x, label, out):
    e = np.empty(x.shape[1], x.dtype)
    for r in range(len(x)):
        out[r], _, _ = label_loss(x[r], e, label[r])


@register_jitable
def label_entropy_with_derivative(grad, x, label, out, gradient):
    for r in range(len(x)):
        out[r], everything, rest = label_loss(x[r], gradient[r], label[r])
        for i in range(x.shape[1]):
            gradient[r, i] = grad[r] * (gradient[r, i] / everything)
        gradient[r, label[r]] = -grad[r] * (rest / everything)


@register_jitable
def loss(x, e, p):
    """The loss of one row, and by what e is to be multiplied."""
    top, everything, others = exponentials(x, e)
    log_sum = np.log1p(others) if everything == everything else everything
    mass, dot = total(p, p, False), 0.0
    for i in range(x.size):
        if p[i] != 0:  # 0 log(0) = 0
            dot += p[i] * (np.float64(x[i]) - top)
    return log_sum * mass - dot, mass / everything


@register_jitable
def entropy(x, p, out):
    e = np.empty(x.shape[1], x.dtype)
    for r in range(len(x)):
        out[r], _ = loss(x[r], e, p[r])


@register_jitable
def entropy_with_derivative(grad, x, p, out, gradient):
    for r in range(len(x)):
        out[r], factor = loss(x[r], gradient[r], p[r])
        for i in range(x.shape[1]):
            gradient[r, i] = grad[r] * (gradient[r, i] * factor - p[r, i])


def compiled(function):
    loop = njit(error_model="numpy", nogil=True)(function)
    with contextlib.suppress(RuntimeError):  # there is no directory to write to
        loop.enable_caching()
    return loop


def make_loop(name):
    """The compiled loop of a `Rowwise`."""
    return compiled(globals()[name])


def make_gated_loop(activation, backward):
    """The compiled loop of a gated unit: a f(b), or its gradients for a and b."""
    formula = getattr(_numba_kernels, f"{activation}_with_derivative")

    def forward_loop(a, b, out):
        for i in range(out.size):
            out[i] = a[i] * formula(b[i])[0]

    def backward_loop(grad, b, a, a_gradient, b_gradient):
        for i in range(grad.size):
            y, slope = formula(b[i])
            g, other = grad[i], a[i]
            a_gradient[i] = g * y
            b_gradient[i] = g * (other * slope)

    loop = backward_loop if backward else forward_loop
    loop.__name__ = loop.__qualname__ = f"_{loop.__name__}_{activation}"
    return compiled(loop)
