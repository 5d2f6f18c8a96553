"""Every function keeps the table's promise, counted in ulp against mpmath at 50 digits."""

import dataclasses
from functools import cache

import numpy as np
import oracle
import pytest
from conftest import IMPLEMENTATIONS
from oracle import as_tuple, assert_same, assert_within, mp
from roots import counted_near_root

import fastact.activations

WIDE = [np.dtype("float32"), np.dtype("float64")]


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_error_is_within_the_promise(function, call, dtype):
    row, operation = function.row, function.operation
    for parameters in oracle.parameter_values(row, operation, dtype):
        inputs, expected = oracle.problem(row, operation, dtype, parameters)
        arguments = [inputs[name] for name in operation.inputs]
        results = as_tuple(call(*arguments, *parameters))
        for result, exact, promise in zip(
            results, expected, oracle.promises(row, operation), strict=True
        ):
            changes = np.unique(exact.nearest).size > 1 or row.formula == "x"
            assert changes or parameters != oracle.defaults(row, dtype)  # alpha 1, beta 0
            if operation.suffix and operation.inputs[-1] == "x" and exact is expected[-1]:
                exact = counted_near_root(exact, arguments[-1], row, promise, parameters)
            assert_within(result, exact, promise, *arguments, *parameters)


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_no_value_leaves_the_range(row, namespace, dtype):
    function = getattr(namespace, row.name)
    operation = row.operations()[0]
    for parameters in oracle.parameter_values(row, operation, dtype):
        low, high = (dtype.type(float(end)) for end in oracle.bounds(row, parameters))
        if set(row.saturates) != {-np.inf, np.inf}:
            # An extremum that is reached at a finite x is as exact as any value there.
            with np.errstate(invalid="ignore"):
                low = np.nanmin([low, low - row.max_ulp[0] * np.spacing(abs(low))])
                high = np.nanmax([high, high + row.max_ulp[0] * np.spacing(abs(high))])
        y = function(oracle.points(row, dtype, parameters), *parameters)
        assert low <= y.min() < y.max() <= high


@cache
def float32_problem(function):
    """Four hundred thousand float32 inputs, evenly through all bit patterns, and exact results."""
    x = np.arange(0, 1 << 32, 10007, dtype=np.uint32).view(np.float32)
    x = x[~np.isnan(x)]
    assert x.size > 400_000 and np.unique(x).size > 0.99 * x.size
    row, operation = function.row, function.operation
    parameters = oracle.defaults(row, np.float32)
    if "y" in operation.inputs:
        low, high = (float(end) for end in oracle.bounds(row, parameters))
        x = x[(low <= x) & (x <= high) & np.isfinite(x)]
    arguments = [np.ones_like(x)] * (len(operation.inputs) - 1) + [x]
    in_float64 = [a.astype(np.float64) for a in arguments]
    reference = as_tuple(function.on(IMPLEMENTATIONS["numpy"])(*in_float64, *parameters))
    expected = [oracle.exact_from_float64(exact, np.float32) for exact in reference]
    if operation.suffix and operation.inputs[-1] == "x":
        promise = oracle.promises(row, operation)[-1]
        expected[-1] = counted_near_root(expected[-1], x, row, promise, parameters)
    return arguments, parameters, expected


def test_float32_against_float64(function, call):
    """The reference is the NumPy backend in float64: it shares no code with the other two, and
    test_error_is_within_the_promise has proven it to a few ulp of float64, which is nothing here.
    """
    arguments, parameters, expected = float32_problem(function)
    actual = as_tuple(call(*arguments, *parameters))
    promises = oracle.promises(function.row, function.operation)
    for result, exact, promise in zip(actual, expected, promises, strict=True):
        assert_within(result, exact, promise, *arguments, *parameters)


def test_float16_is_float32_rounded_once(function, call):
    """All 65,536 inputs, bit for bit."""
    x = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    operation = function.operation
    grad = oracle.random_generator(function.name).permutation(x)
    arguments = [{"grad": grad}.get(name, x) for name in operation.inputs]
    parameters = oracle.defaults(function.row, np.float16)
    with np.errstate(all="raise"):
        actual = as_tuple(call(*arguments, *function.row.required))
    wide = call(*[a.astype(np.float32) for a in arguments], *parameters)
    with np.errstate(all="ignore"):
        expected = [a.astype(np.float16) for a in as_tuple(wide)]
    for result, rounded in zip(actual, expected, strict=True):
        assert np.unique(rounded).size > 1
        assert_same(result, rounded)


def test_bfloat16_is_float32_rounded_once(function, call):
    """All 65,536 inputs, bit for bit, of the dtype that ml_dtypes registers with NumPy."""
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    x = np.arange(1 << 16, dtype=np.uint16).view(bfloat16)
    operation = function.operation
    grad = oracle.random_generator(function.name).permutation(x.view(np.uint16)).view(bfloat16)
    arguments = [{"grad": grad}.get(name, x) for name in operation.inputs]
    parameters = [np.array(value, bfloat16) for value in oracle.defaults(function.row)]
    with np.errstate(all="raise"):
        actual = as_tuple(call(*arguments, *parameters))
    wide = call(*[a.astype(np.float32) for a in (*arguments, *parameters)])
    with np.errstate(all="ignore"):
        expected = [a.astype(bfloat16) for a in as_tuple(wide)]
    for result, rounded in zip(actual, expected, strict=True):
        assert result.dtype == bfloat16
        numbers = ~np.isnan(rounded.astype(np.float32))
        np.testing.assert_array_equal(np.isnan(result.astype(np.float32)), ~numbers)
        same = result.view(np.uint16)[numbers] == rounded.view(np.uint16)[numbers]
        assert same.all() and np.unique(rounded.view(np.uint16)).size > 1


# The oracle itself ---------------------------------------------------------------------------


# tanh's and sigmoid's derivatives at 80 digits, by the other road: a difference quotient.
# Far out the quotient needs a thousand digits, which is why it is not the oracle.
@pytest.mark.parametrize("x", [-700.0, -17.3, -1e-9, -0.0, 0.3, 2.0, 40.0, 700.0])
def test_the_dual_number_is_the_derivative(row, x):
    parameters = oracle.defaults(row)
    if mp.mpf(x) in oracle.kinks(row, parameters):
        x = 0.125  # a kink has no derivative to compare with
    expected = oracle.derivative(row, x, parameters)
    with mp.workdps(1000):
        h = mp.mpf(10) ** -300
        above, below = (oracle.value(row, mp.mpf(x) + s, parameters) for s in (h, -h))
        quotient = (above - below) / (2 * h)
        # Where the derivative is 0 the quotient's own error, of order h^2, is left.
        assert abs(quotient - expected) <= abs(expected) * mp.mpf(10) ** -45 + 10 * h * h


@pytest.mark.parametrize(
    "formula, x, value, slope",
    [
        ("x - tanh(x)", 1e-200, "3.3333333333e-601", "1e-400"),
        ("(x + sqrt(x * x + 4)) / 2", -1e200, "1e-200", "1e-400"),
        ("x / (1 + exp(-x**3))", -2.0, "-6.7070026093e-4", "-7.7103539677e-3"),
        ("x * erfc(-x) / 2", -3.0, "-3.3135745498e-5", "-1.9783432942e-4"),
        ("x * erfc(-x) / 2", -1e300, "0", "0"),
        ("-log1p(exp(-x))", -1e300, "-1e300", "1"),
    ],
)
def test_the_oracle_does_not_cancel_nor_overflow(formula, x, value, slope):
    row = dataclasses.replace(fastact.activations.ACTIVATIONS["identity"], formula=formula)
    for function, expected in (oracle.value, value), (oracle.derivative, slope):
        assert mp.almosteq(function(row, x), mp.mpf(expected), 1e-7, mp.mpf(10) ** -10_000)


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_50_digits_are_enough(row, dtype):
    parameters = oracle.defaults(row, dtype)
    for x in oracle.points(row, dtype, parameters)[::97].tolist():
        for function in oracle.value, oracle.derivative:
            at_50 = function(row, x, parameters)
            with mp.workdps(120):
                difference = function(row, x, parameters) - at_50
            assert abs(difference) <= abs(at_50) * mp.mpf(10) ** -40


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_errors_are_counted_in_ulp(dtype):
    info = np.finfo(dtype)
    tiny, largest = info.smallest_subnormal, info.max
    with mp.workdps(400):
        numbers = [mp.one, mp.mpf(1) / 3, mp.mpf(float(tiny)) / 3, mp.mpf(float(largest)) * 2]
        exact = oracle.exact(numbers, dtype)
    third = dtype.type(1) / dtype.type(3)
    right = np.array([1, third, 0, np.inf], dtype)
    assert (oracle.ulp_error(right, exact) <= 0.5).all()
    off = np.array([1 + 3 * info.eps, third + info.eps, 2 * tiny, largest], dtype)
    error = oracle.ulp_error(off, exact)
    np.testing.assert_allclose(error, [3, 4, 5 / 3, np.inf], atol=0.5)
    assert np.isnan(oracle.ulp_error(np.full(4, np.nan, dtype), exact)).all()
    with pytest.raises(AssertionError, match="beyond 2 ulp"):
        assert_within(off, exact, 2)


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_points_cover_what_they_should(row, dtype):
    parameters = oracle.defaults(row, dtype)
    x = oracle.points(row, dtype, parameters)
    info = np.finfo(dtype)
    for sign in 1, -1:
        side = x[(np.sign(x) == sign) & np.isfinite(x)]
        exponents = np.frexp(side)[1]
        lowest = info.minexp - info.nmant
        assert set(range(lowest + 1, info.maxexp + 1)) <= set(exponents.tolist())
        assert sign * info.max in side and sign * info.smallest_subnormal in side
    for kink in oracle.kinks(row, parameters):
        assert float(kink) in x.tolist()
    assert np.isposinf(x).any() and np.isneginf(x).any()
    assert (np.signbit(x) & (x == 0)).any()
