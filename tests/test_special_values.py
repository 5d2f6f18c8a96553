"""NaN, infinities, zeros, subnormals and the largest numbers, on every path, without a warning."""

import itertools

import numpy as np
import oracle
import pytest
from oracle import as_tuple

#: From a whole vector to a lone element: SIMD bodies and their tails.
LENGTHS = [1, 2, 3, 7, 16, 33]


def test_nan_gives_nan(function, call, dtype):
    """NaN in any operand gives NaN in every output, there and nowhere else."""
    for length, place in itertools.product(LENGTHS, range(len(function.operation.inputs))):
        plain = function.draw(length, dtype)
        for where, nan in zip(range(length), itertools.cycle([np.nan, -np.nan])):
            inputs = [a.copy() for a in plain]
            inputs[place][where] = nan
            for result in as_tuple(call(*inputs)):
                assert np.flatnonzero(np.isnan(result)).tolist() == [where]


@pytest.mark.only(having=lambda function: function.row.parameters)
def test_nan_parameter_gives_nan(function, call, dtype):
    """At least where the parameter has a say."""
    inputs = function.draw(200, dtype)
    plain = as_tuple(call(*inputs))
    heard = []
    for place in range(len(function.operation.inputs), function.nin):
        changed, nan = ([a.copy() for a in inputs] for _ in range(2))
        changed[place][:] = inputs[place][::-1]
        nan[place][::3] = np.nan
        results = zip(as_tuple(call(*changed)), as_tuple(call(*nan)), plain, strict=True)
        for other, result, same in results:
            has_a_say = (other != same) & ~np.isnan(other)
            assert np.isnan(result[::3][has_a_say[::3]]).all()
            assert not np.isnan(np.delete(result, np.s_[::3])).any()
            heard.append(has_a_say.any())
    assert any(heard)


@pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)
def test_limits(row, namespace, dtype):
    """At the infinities value and derivative are the formula's limits."""
    function = getattr(namespace, f"{row.name}_with_derivative")
    operation = row.operations()[0]
    for parameters in oracle.parameter_values(row, operation, dtype):
        x = np.array([-np.inf, np.inf], dtype)
        expected = [
            oracle.exact([limit(row, v, parameters) for v in x.tolist()], dtype).nearest
            for limit in (oracle.value, oracle.derivative)
        ]
        assert np.unique(expected[0]).size == 2 or parameters == (-0.75,)
        for result, limit in zip(function(x, *parameters), expected, strict=True):
            np.testing.assert_array_equal(result, limit)


def test_negative_zero_is_the_limit_from_below(row, namespace, dtype):
    """f(-0.0), where it is 0, has the sign of f just below 0. Where that is 0, either sign."""
    zeros = np.full(35, -0.0, dtype)
    y = getattr(namespace, row.name)(zeros, *row.required)
    exact = float(oracle.value(row, 0, oracle.defaults(row)))
    np.testing.assert_allclose(y, exact, rtol=2 * np.finfo(dtype).eps, atol=0)
    if oracle.value(row, -1e-300, oracle.defaults(row)) < 0:
        assert np.signbit(y).all()


def test_zeros_of_both_signs_have_one_derivative(row, namespace, dtype):
    derivative = getattr(namespace, f"{row.name}_derivative")
    expected = float(oracle.derivative(row, 0, oracle.defaults(row)))
    at_zeros = derivative(np.array([0.0, -0.0] * 20, dtype), *row.required)
    np.testing.assert_array_equal(at_zeros, at_zeros[0])
    np.testing.assert_allclose(at_zeros, expected, rtol=4 * np.finfo(dtype).eps, atol=0)


def grid(function, dtype):
    """All combinations of special values for the operands, the defaults for the parameters."""
    values = np.concatenate([oracle.special_values(dtype), np.array([np.nan], dtype)])
    operands = np.meshgrid(*[values] * len(function.operation.inputs))
    return [a.ravel() for a in operands]


def test_never_a_warning(function, call, dtype):
    """Whatever NumPy is told to do about floating-point errors, for arrays and for scalars."""
    inputs = grid(function, dtype)
    assert inputs[0].size >= 25 and np.unique(inputs[-1]).size > 20
    more = function.row.required
    with np.errstate(all="raise"):
        call(*inputs, *more)
        call(*[np.repeat(a, 2)[::2] for a in inputs], *more)  # the strided loop
        for scalars in list(zip(*inputs))[::7]:
            call(*scalars, *more)
            call(*[a.item() for a in scalars], *more)
        for parameters in itertools.product(
            oracle.special_values(dtype), repeat=len(function.row.parameters)
        ):
            call(*inputs, *[np.full(inputs[0].shape, p, dtype) for p in parameters])


def test_errors_of_others_are_still_reported(function, call, dtype):
    """The silence is the function's own: it neither hides nor invents anyone else's flags."""
    inputs = grid(function, dtype)
    with np.errstate(all="raise"):
        call(*inputs, *function.row.required)
        np.ones(3) * 2  # a flag left set would be reported here
        with pytest.raises(FloatingPointError):
            np.ones(3) / np.zeros(3)


@pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)
def test_derivative_is_finite(row, namespace, dtype):
    x = oracle.points(row, dtype, oracle.defaults(row, dtype))
    derivative = getattr(namespace, f"{row.name}_derivative")(x, *row.required)
    assert np.isfinite(derivative).all()
    _, paired = getattr(namespace, f"{row.name}_with_derivative")(x, *row.required)
    assert np.isfinite(paired).all()


def test_subnormals_survive(function, call):
    """Neither importing nor calling sets the CPU to flush subnormals to zero, in or out."""
    for wide in np.dtype("float32"), np.dtype("float64"):
        call(*function.draw(100, wide))
        info = np.finfo(wide)
        assert (np.full(40, info.smallest_subnormal) * wide.type(1) != 0).all()  # not read as 0
        assert (np.full(40, info.tiny) / wide.type(2) != 0).all()  # not written as 0


def test_subnormal_results(row, namespace, dtype):
    """A result that is subnormal is not flushed: gradients scale down through the derivative."""
    tiny = np.full(40, np.finfo(dtype).smallest_subnormal, dtype)
    backward = getattr(namespace, f"{row.name}_backward")
    derivative = getattr(namespace, f"{row.name}_derivative")
    candidates = np.array([0.01, 1.01, 4.01], dtype)  # some derivative is more than 1/8
    slopes = derivative(candidates, *row.required)
    x = np.full(40, candidates[slopes > 0.13][0], dtype)
    slope = derivative(x, *row.required)
    expected = (4 * tiny * slope).astype(dtype)
    assert (expected > 0).all()
    np.testing.assert_array_equal(backward(4 * tiny, x, *row.required), expected)
