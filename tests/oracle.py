"""What the functions should return: the table's formulas at 50 digits, errors in ulp.

Design
------
- A value is the row's `formula`, the string, evaluated by mpmath. Nothing is written down a
  second time here, so a wrong formula in the table cannot hide behind a right one in the tests.
- A derivative is that of the same string, evaluated with dual numbers. A difference quotient
  subtracts, and at f(700) = 1 - 1e-304 nothing would be left. The complex step subtracts nothing,
  but mpmath's complex powers and erfc lose an imaginary part that is 2**-10000 of the real one.
- Near 0 and far out x - tanh(x) and x + sqrt(x^2 + b) cancel in the square of x, so the digits
  are doubled until the result settles.
- Infinity stands for 2^2000: evaluated there and rounded, a formula gives its limit.
- An exact result is kept as the nearest float, what rounding dropped, and its ulp (`Exact`), so
  that the error of a million results is plain array arithmetic without losing a digit.
"""

import ast
import operator
from functools import cache, wraps
from typing import NamedTuple

import mpmath
import numpy as np

import fastact.activations

DIGITS = 50
mp = mpmath.mp.clone()
mp.dps = DIGITS

_INFINITY = mp.ldexp(1, 2000)


# Formulas ------------------------------------------------------------------------------------


class Dual:
    """A number and its derivative; compared, and made positive, by the number alone."""

    def __init__(self, number, slope=0):
        self.number, self.slope = number, slope

    def __add__(self, other):
        other = _dual(other)
        return Dual(self.number + other.number, self.slope + other.slope)

    def __mul__(self, other):
        other = _dual(other)
        slope = self.slope * other.number + self.number * other.slope
        return Dual(self.number * other.number, slope)

    def __truediv__(self, other):
        other = _dual(other)
        quotient = self.number / other.number
        return Dual(quotient, (self.slope - quotient * other.slope) / other.number)

    def __pow__(self, n):
        return Dual(self.number**n, n * self.number ** (n - 1) * self.slope)

    def __neg__(self):
        return Dual(-self.number, -self.slope)

    def __sub__(self, other):
        return self + -_dual(other)

    def __rsub__(self, other):
        return _dual(other) - self

    def __rtruediv__(self, other):
        return _dual(other) / self

    def __abs__(self):
        return -self if self < 0 else self

    __radd__, __rmul__ = __add__, __mul__


def _dual(number):
    return number if isinstance(number, Dual) else Dual(number)


for _name in "lt", "le", "gt", "ge", "eq", "ne":
    _op = getattr(operator, _name)
    setattr(Dual, f"__{_name}__", lambda a, b, op=_op: op(a.number, _dual(b).number))


def _exp(x):
    """exp, but exp(-1e6) below, which is 0 to any float, and exp(2^1100) above, whose log is inf.

    exp(1e900) takes mpmath 0.1 s.
    """
    return mp.exp(max(-(10**6), min(x, 2**1100)))


#: mpmath's functions, but for those that take long, or overflow, where they are nothing.
_BOUNDED = {"exp": _exp, "erfc": lambda x: mp.erfc(min(x, 1000))}
#: Derivatives of mpmath's functions, none of which may cancel.
_SLOPES = {
    "exp": _exp,
    "expm1": _exp,
    "log": lambda x: 1 / x,
    "log1p": lambda x: 1 / (1 + x),
    "sqrt": lambda x: 1 / (2 * mp.sqrt(x)),
    "tanh": lambda x: mp.sech(x) ** 2,
    "erf": lambda x: 2 / mp.sqrt(mp.pi) * _exp(-x * x),
    "erfc": lambda x: -2 / mp.sqrt(mp.pi) * _exp(-x * x),
}


class _Names(dict):
    """The names that an expression may use: those given and mpmath's."""

    def __missing__(self, name):
        found = _BOUNDED.get(name) or getattr(mp, name)
        if isinstance(found, mp.constant):
            return found

        def function(x):
            if isinstance(x, Dual):
                return Dual(found(x.number), _SLOPES[name](x.number) * x.slope)
            return found(x)

        return function


_PYTHONS = {"max": max, "min": min, "abs": abs}


class _Exact(ast.NodeTransformer):
    """Makes the floats of an expression mpmath's, lest Python round their products."""

    def visit_Constant(self, node):
        name = ast.Name("mpf", ast.Load())
        return ast.Call(name, [node], []) if isinstance(node.value, float) else node


@cache
def _compiled(expression):
    tree = _Exact().visit(ast.parse(expression, mode="eval"))
    return compile(ast.fix_missing_locations(tree), expression, "eval")


def evaluate(expression, **values):
    """The value of an expression of the table, with `values` for its names."""
    return eval(_compiled(expression), {"__builtins__": {}}, _Names(_PYTHONS | values))


def _named(row, parameters):
    names = (parameter.name for parameter in row.parameters)
    return {name: mp.mpf(float(value)) for name, value in zip(names, parameters, strict=True)}


def _finite(x):
    x = mp.mpf(x)
    return mp.sign(x) * _INFINITY if mp.isinf(x) else x


def _settled(scale):
    """Double the digits until they change the result no more.

    That is where it is so small beside ``scale(x)`` that it may be what all digits but a few
    cancelled to.
    """

    def decorate(function):
        @wraps(function)
        def settled(row, x, parameters=()):
            digits, coarse = mp.dps, function(row, x, parameters)
            if abs(coarse) >= scale(abs(_finite(x))) * mp.mpf("1e-10"):
                return coarse
            for doubling in range(1, 7):
                with mp.workdps(digits << doubling):
                    fine = function(row, x, parameters)
                # 0 may be what is left where all digits cancel.
                if fine and abs(fine - coarse) <= abs(fine) * mp.mpf(10) ** (8 - digits):
                    break
                coarse = fine
            return fine

        return settled

    return decorate


@_settled(lambda x: x)
def value(row, x, parameters=()):
    """f(x)."""
    return mp.mpf(evaluate(row.formula, x=_finite(x), **_named(row, parameters)))


def kinks(row, parameters=()):
    """The points without a derivative, each with the derivative that is returned there."""
    named = _named(row, parameters)
    return {mp.mpf(evaluate(x, **named)): mp.mpf(evaluate(d, **named)) for x, d in row.kinks}


@_settled(lambda x: 1)
def derivative(row, x, parameters=()):
    """f'(x), at a kink what the row says."""
    x = _finite(x)
    at_kinks = kinks(row, parameters)
    if x in at_kinks:
        return at_kinks[x]
    return mp.mpf(_dual(evaluate(row.formula, x=Dual(x, 1), **_named(row, parameters))).slope)


def bounds(row, parameters=()):
    """The ends of the row's range."""
    named = {"inf": mp.inf, **_named(row, parameters)}
    return tuple(mp.mpf(evaluate(end, **named)) for end in row.range)


def derivative_at_output(row, y, x, parameters=()):
    """f'(x) where f(x) is exactly `y`, found by Newton's method from an `x` that is near.

    At the ends of the range, which only infinity reaches, the derivative's limit.
    """
    y, x = mp.mpf(y), _finite(x)
    low, high = bounds(row, parameters)
    if row.saturates and not low < y < high:  # an end, or what it is rounded to
        return mp.zero
    if mp.sign(x) * mp.inf in row.saturates and row.cost != "div":
        x = max(-1000, min(1000, x))
    for _ in range(100):
        slope = derivative(row, x, parameters)
        residual = y - value(row, x, parameters)
        if residual == 0 or abs(residual) < abs(y) * mp.mpf(10) ** (8 - DIGITS):
            return slope
        step = residual / slope
        # Where f is flat the full step overshoots.
        longest = abs(x) / 2 + 2
        x += max(-longest, min(longest, step)) if row.saturates else step
    raise AssertionError(f"{row.name}: no x found with f(x) = {y}")


# Errors --------------------------------------------------------------------------------------


class Exact(NamedTuple):
    """Exact results: ``nearest + rest * ulp``."""

    nearest: np.ndarray
    rest: np.ndarray
    ulp: np.ndarray


def _ulp(magnitude, dtype):
    """The spacing of `dtype` where numbers are below 2**magnitude and not below half of it."""
    info = np.finfo(dtype)
    exponent = np.maximum(magnitude - 1, info.minexp) - info.nmant
    return np.ldexp(1.0, exponent.astype(np.int32))


def exact(numbers, dtype):
    """The `Exact` of mpmath numbers, in ulp of `dtype`."""
    lowest = np.finfo(dtype).minexp
    magnitude = np.array([mp.mag(v) if v and mp.isfinite(v) else lowest for v in numbers])
    ulp = _ulp(np.clip(magnitude, lowest, np.finfo(dtype).maxexp), dtype)
    with np.errstate(over="ignore", under="ignore"):
        nearest = np.array([float(v) for v in numbers]).astype(dtype)
    pieces = zip(numbers, nearest.tolist(), ulp.tolist())
    rest = [(v - near) / unit if np.isfinite(near) else mp.zero for v, near, unit in pieces]
    return Exact(nearest, np.array([float(r) for r in rest]), ulp)


def exact_from_float64(numbers, dtype):
    """The `Exact` of float64 numbers, in ulp of a narrower `dtype`."""
    with np.errstate(all="ignore"):
        nearest = numbers.astype(dtype)
        ulp = _ulp(np.frexp(numbers)[1], dtype)
        rest = np.where(np.isfinite(nearest), (numbers - nearest.astype(np.float64)) / ulp, 0.0)
    return Exact(nearest, rest, ulp)


def ulp_error(actual, expected):
    """|actual - expected|, element by element, in ulp of the expected.

    Below the smallest normal number the ulp is the spacing of the subnormals, so that a result
    that underflows may be 0. One that overflows must be infinite.
    """
    nearest, rest, ulp = expected
    assert actual.dtype == nearest.dtype
    with np.errstate(all="ignore"):
        distance = (actual.astype(np.float64) - nearest.astype(np.float64)) / ulp
        return np.where(actual == nearest, np.abs(rest), np.abs(distance - rest))


def assert_within(actual, expected, promise, *inputs):
    """Fail if an element of `actual` is further than `promise` ulp from the exact result.

    A promise of 0 means the float nearest to the exact result.
    """
    error = ulp_error(actual, expected)
    allowed = max(promise, 0.5)
    wrong = ~(error <= allowed)  # NaN is wrong too
    if wrong.any():
        worst = np.argmax(np.where(np.isnan(error), np.inf, error))
        at = ", ".join(repr(v if np.ndim(v) == 0 else v[worst]) for v in inputs)
        raise AssertionError(
            f"{wrong.sum()} of {error.size} beyond {promise} ulp; at ({at}) {error[worst]:.3g} "
            f"ulp: {actual[worst]!r}, nearest to the exact result {expected.nearest[worst]!r}"
        )


def assert_same(actual, expected):
    """Fail unless type, dtype, shape and every bit are equal (NaN's payload aside)."""
    np.testing.assert_array_equal(actual, expected, strict=True)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(actual)[numbers], np.signbit(expected)[numbers])


def as_tuple(result):
    """The outputs of a call, whatever their number."""
    return result if isinstance(result, tuple) else (result,)


# Points --------------------------------------------------------------------------------------


def random_generator(*what):
    """A generator of random numbers, seeded by names: the same in every run."""
    return np.random.default_rng(list(repr(what).encode()))


def special_values(dtype):
    """Zeros, infinities, the ends of the normal and subnormal numbers, and a few plain ones."""
    info = np.finfo(dtype)
    extremes = [info.smallest_subnormal, info.tiny, info.tiny - info.smallest_subnormal, info.max]
    positive = np.array([0, 0.5, 1, 3, 17, 100, 1000, *extremes, np.inf], dtype)
    return np.concatenate([positive, -positive])


def points(row, dtype, parameters=()):
    """Inputs for `row`: all binades of both signs, where kernels change branch, and at random."""
    rng = random_generator(row.name, dtype)
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    exponents = np.tile(exponents, 1 if dtype == np.float64 else 4)
    # Subnormal mantissas below 1.5, lest rounding lift them out of their binade.
    mantissas = 1 + rng.random(exponents.size) / np.where(exponents < info.minexp, 2, 1)
    binades = np.ldexp(mantissas, exponents) * [[1], [-1]]
    edge = 760 if dtype == np.float64 else 115  # beyond, exp(-|x|) has underflowed
    # exp reduces its argument to k ln2 + r, and -2|x| as tanh does: r jumps at multiples of ln2/4.
    jumps = rng.choice(np.arange(-edge, edge, np.log(2) / 4), 600, replace=False)
    jumps = np.concatenate([jumps, jumps * (1 + info.eps)])
    dense = np.concatenate([rng.uniform(-b, b, 600) for b in (1, 20, edge)])
    at_kinks = np.array([float(kink) for kink in kinks(row, parameters)], dtype)
    neighbours = [np.nextafter(at_kinks, dtype.type(side)) for side in (-np.inf, np.inf)]
    with np.errstate(over="ignore", under="ignore"):
        drawn = np.concatenate([binades.ravel(), jumps, dense]).astype(dtype)
    if parameters != defaults(row, dtype):
        drawn = drawn[::8]  # mpmath takes some 100 us a point
    x = np.concatenate([special_values(dtype), at_kinks, *neighbours, drawn])
    assert np.unique(x).size > 0.9 * x.size and x.dtype == dtype
    return x


def defaults(row, dtype=np.float64):
    """The parameters' typical values, the defaults mostly, as they are once rounded to `dtype`."""
    return tuple(float(np.dtype(dtype).type(parameter.typical)) for parameter in row.parameters)


def is_defined(row, operation, parameters):
    """Whether the parameters meet the operation's conditions."""
    named = {parameter.name: value for parameter, value in zip(row.parameters, parameters)}
    return all(eval(condition, {}, dict(named)) for condition in operation.conditions(row))


def parameter_values(row, operation, dtype=np.float64):
    """Parameters to test with: the defaults, then others that are in the operation's domain."""
    others = [
        tuple(other + shift for shift in range(len(row.parameters)))
        for other in (0.0, 1.0, 2.5, -0.75)
    ]
    candidates = dict.fromkeys([defaults(row, dtype), *others])
    return [p for p in candidates if is_defined(row, operation, p)]


class Problem(NamedTuple):
    """Inputs by operand's name, and what each output should be."""

    inputs: dict
    outputs: list


@cache
def _solved(row, dtype, parameters):
    x = points(row, dtype, parameters)
    reals = x.tolist()
    values = [value(row, v, parameters) for v in reals]
    slopes = [derivative(row, v, parameters) for v in reals]
    return x, values, slopes, exact(values, dtype), exact(slopes, dtype)


@cache
def problem(row, operation, dtype, parameters):
    """Inputs for the operation and its exact outputs. Gradients are +-1 and +-1/2.

    The parameters are floats that `dtype` has exactly.

    Then the product with the derivative needs no rounding, and the derivative's promise, counted
    in ulp, is the product's too; that other gradients give the IEEE product is
    tested in test_operations_agree.py.
    """
    x, values, slopes, *solved = _solved(row, dtype, parameters)
    inputs = {"x": x}
    if operation.inputs == ("x",):
        return Problem(inputs, [solved[output != "f(x)"] for output in operation.outputs])
    if "y" in operation.inputs:
        few = random_generator(row.name, dtype, "y").permutation(x.size)[:2500]
        few = [*range(special_values(dtype).size + 3 * len(row.kinks)), *few]
        y = exact([values[i] for i in few], dtype).nearest
        keep = np.isfinite(y)
        few, y = np.array(few)[keep], y[keep]
        inputs = {"y": y}
        slopes = [
            derivative_at_output(row, b, a, parameters) for a, b in zip(x[few].tolist(), y.tolist())
        ]
    size = len(slopes)
    inputs["grad"] = random_generator(size).choice([1, -1, 0.5, -0.5], size).astype(dtype)
    slopes = [g * s for g, s in zip(inputs["grad"].tolist(), slopes)]
    return Problem(inputs, [exact(slopes, dtype)])


def promises(row, operation):
    """The promised maximal error of each output in ulp, where the gradient is +-1 or +-1/2."""
    value_ulp, slope_ulp = row.max_ulp
    # Halving a subnormal derivative rounds once more.
    rounding = 1 if "grad" in operation.inputs and slope_ulp else 0
    return [value_ulp if output == "f(x)" else slope_ulp + rounding for output in operation.outputs]


def rows():
    """The table's rows."""
    return list(fastact.activations.ACTIVATIONS.values())
