"""The examples in the docstrings of a row's functions, with the results that its formula gives.

The kernels are not asked: doctest compares them with what stands here.
"""

import math
from functools import cache

#: At none of these any row has a kink, nor a sum of X and B.
X, GRAD, B = [-2.0, 0.25, 4.0], [1.0, 0.5, 2.0], [1.0, 0.25, -2.0]
_DIGITS = 4
_STEP = 1e-6


@cache
def value(row):
    """The formula of a row as a function of a float."""
    given = "".join(f", {p.name}={p.typical!r}" for p in row.parameters)
    return eval(f"lambda x{given}: {row.formula}", dict(vars(math)))


def derivative(row):
    """Its derivative, to some ten digits."""
    f = value(row)
    return lambda x: (f(x + _STEP) - f(x - _STEP)) / (2 * _STEP)


def array(values):
    """What ``repr(np.array(values).round(4))`` is, without the time that it takes at import."""
    parts = [f"{value:.{_DIGITS}f}".rstrip("0").split(".") for value in values]
    before, after = (max(map(len, column)) for column in zip(*parts))
    return f"array([{', '.join(f'{a:>{before}}.{b:<{after}}' for a, b in parts)}])"


@cache
def results(row):
    """At X: the values, the slopes, and their products with GRAD."""
    slopes = [*map(derivative(row), X)]
    products = [grad * slope for grad, slope in zip(GRAD, slopes)]
    return [array(numbers) for numbers in (map(value(row), X), slopes, products)]


def elementwise(row, operation):
    """The example of an operation of a row: lines."""
    given = "".join(f", {value:g}" for value in row.required)
    call, (y, slope, product) = f"fastact.{row.name}{operation.suffix}", results(row)
    if "y" in operation.inputs:
        return [
            f">>> y = fastact.{row.name}({X}{given})",
            f">>> {call}({GRAD}, y{given}).round({_DIGITS})",
            product,
        ]
    if "grad" in operation.inputs:
        return [f">>> {call}({GRAD}, {X}{given}).round({_DIGITS})", product]
    if len(operation.outputs) == 1:
        result = slope if operation.suffix else y
        return [f">>> {call}({X}{given}).round({_DIGITS})", result]
    return [
        f">>> y, slope = {call}({X}{given})",
        f">>> y.round({_DIGITS})",
        y,
        f">>> slope.round({_DIGITS})",
        slope,
    ]


def biased(row, operation):
    """That of an operation with a bias."""
    name, sums = operation.name(row), [x + b for x, b in zip(X, B)]
    if "grad" not in operation.inputs:
        return [f">>> fastact.{name}({X}, {B}).round({_DIGITS})", array(map(value(row), sums))]
    return [
        f">>> grad_x, grad_b = fastact.{name}({GRAD}, {[X, X]}, {B})",
        f">>> grad_b.round({_DIGITS})",
        array(2 * grad * slope for grad, slope in zip(GRAD, map(derivative(row), sums))),
    ]


def gated(name, row):
    """That of a gated unit, and that of its gradient."""
    a, b = 3.0, 0.25
    f, slope = value(row)(b), derivative(row)(b)
    yield f">>> fastact.{name}([{a}, {b}]).round({_DIGITS})", array([a * f])
    yield f">>> fastact.{name}_backward([1.0], [{a}, {b}]).round({_DIGITS})", array([f, a * slope])
