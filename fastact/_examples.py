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


def elementwise(row, operation):
    """The example of an operation of a row: lines."""
    given = "".join(f", {value:g}" for value in row.required)
    name, f, slope = row.name + operation.suffix, value(row), derivative(row)
    products = [grad * slope(x) for grad, x in zip(GRAD, X)]
    if "y" in operation.inputs:
        yield f">>> y = fastact.{row.name}({X}{given})"
        yield from _rounded(f"fastact.{name}({GRAD}, y{given})", products)
    elif "grad" in operation.inputs:
        yield from _rounded(f"fastact.{name}({GRAD}, {X}{given})", products)
    elif len(operation.outputs) == 2:
        yield f">>> y, slope = fastact.{name}({X}{given})"
        yield from _rounded("y", map(f, X))
        yield from _rounded("slope", map(slope, X))
    else:
        yield from _rounded(f"fastact.{name}({X}{given})", map(slope if operation.suffix else f, X))


def biased(row, operation):
    """That of an operation with a bias."""
    sums = [x + b for x, b in zip(X, B)]
    if "grad" not in operation.inputs:
        yield from _rounded(f"fastact.{operation.name(row)}({X}, {B})", map(value(row), sums))
        return
    yield f">>> grad_x, grad_b = fastact.{operation.name(row)}({GRAD}, {[X, X]}, {B})"
    products = [grad * slope for grad, slope in zip(GRAD, map(derivative(row), sums))]
    yield from _rounded("grad_b", [2 * product for product in products])


def gated(name, row):
    """That of a gated unit, and that of its gradient."""
    a, b = 3.0, 0.25
    f, slope = value(row)(b), derivative(row)(b)
    yield _rounded(f"fastact.{name}([{a}, {b}])", [a * f])
    yield _rounded(f"fastact.{name}_backward([1.0], [{a}, {b}])", [f, a * slope])


def _rounded(call, values):
    return [f">>> {call}.round({_DIGITS})", array(values)]
