"""The operations of an activation are projections of one formula: they agree bit for bit."""

import numpy as np
import oracle
import pytest
from oracle import assert_same

WIDE = [np.dtype("float32"), np.dtype("float64")]


def sampled(row, dtype):
    """Points of the row with NaN among them."""
    x = oracle.points(row, dtype, oracle.defaults(row, dtype))
    return np.concatenate([x, np.array([np.nan], dtype)])


@pytest.mark.parametrize("dtype", [np.dtype("float16"), *WIDE], ids=str)
def test_with_derivative_is_both(row, namespace, dtype):
    x = sampled(row, np.dtype("float32") if dtype == np.float16 else dtype)
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(dtype)
    operation = row.operations()[0]
    for parameters in oracle.parameter_values(row, operation, dtype):
        y, slope = getattr(namespace, f"{row.name}_with_derivative")(x, *parameters)
        assert_same(y, getattr(namespace, row.name)(x, *parameters))
        assert_same(slope, getattr(namespace, f"{row.name}_derivative")(x, *parameters))


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_backward_is_the_ieee_product(row, namespace, dtype):
    """grad * f'(x), rounded once: inf * 0 is NaN, NaN * 0 too."""
    x = sampled(row, dtype)
    special = np.append(oracle.special_values(dtype), dtype.type(np.nan))
    rng = oracle.random_generator(row.name, dtype)
    # Every special gradient with every special input, then anything with anything.
    few = np.repeat(special, special.size)
    grad = np.concatenate([np.tile(special, special.size), rng.normal(0, 9, x.size).astype(dtype)])
    x = np.concatenate([few, x])
    operation = row.operations()[0]
    for parameters in oracle.parameter_values(row, operation, dtype):
        slope = getattr(namespace, f"{row.name}_derivative")(x, *parameters)
        with np.errstate(all="ignore"):
            expected = grad * slope
        assert np.unique(expected[np.isfinite(expected)]).size > 20
        assert_same(getattr(namespace, f"{row.name}_backward")(grad, x, *parameters), expected)


@pytest.mark.only(having=lambda row: row.from_output is not None)
@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_from_output_is_a_product_too(row, namespace, dtype):
    function = getattr(namespace, f"{row.name}_backward_from_output")
    operation = row.operations()[-1]
    special = np.append(oracle.special_values(dtype), dtype.type(np.nan))
    grad, y = (a.ravel() for a in np.meshgrid(special, special))
    for parameters in oracle.parameter_values(row, operation, dtype):
        slope = function(np.ones_like(y), y, *parameters)
        with np.errstate(all="ignore"):
            expected = grad * slope
        assert np.isfinite(expected).any() and np.isnan(expected).any()
        assert_same(function(grad, y, *parameters), expected)


@pytest.mark.only(having=lambda row: row.from_output is not None)
@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_from_output_of_the_forward_value(row, namespace, dtype):
    """Where the output has not saturated, both ways back agree to what rounding y costs."""
    x = oracle.random_generator(row.name).uniform(-2, 2, 1000).astype(dtype)
    grad = oracle.random_generator(row.name, "grad").normal(0, 1, 1000).astype(dtype)
    y = getattr(namespace, row.name)(x, *row.required)
    backward = (f"{row.name}_backward{which}" for which in ("_from_output", ""))
    from_output = getattr(namespace, next(backward))(grad, y, *row.required)
    from_input = getattr(namespace, next(backward))(grad, x, *row.required)
    # y is good to an ulp or two, and at x = 2 1 - y keeps 1/14 of y's relative precision.
    np.testing.assert_allclose(from_output, from_input, rtol=64 * np.finfo(dtype).eps)


@pytest.mark.only(having=lambda row: row.kinks)
def test_kinks(row, namespace, dtype):
    """Exactly at a kink every operation takes the derivative that the row says."""
    operation = row.operations()[0]
    for parameters in oracle.parameter_values(row, operation, dtype):
        for kink, slope in oracle.kinks(row, parameters).items():
            x = np.full(19, float(kink), dtype)
            grad = np.linspace(-3, 3, 19).astype(dtype)
            wide = np.promote_types(dtype, np.float32).type
            with np.errstate(under="ignore"):
                product = (grad * wide(float(slope))).astype(dtype)
            slope = dtype.type(float(slope))
            derivative = getattr(namespace, f"{row.name}_derivative")(x, *parameters)
            y, paired = getattr(namespace, f"{row.name}_with_derivative")(x, *parameters)
            np.testing.assert_array_equal(derivative, slope)
            np.testing.assert_array_equal(paired, slope)
            backward = getattr(namespace, f"{row.name}_backward")(grad, x, *parameters)
            np.testing.assert_array_equal(backward, product)
            last = row.operations()[-1]
            if last.inputs[-1] == "y" and oracle.is_defined(row, last, parameters):
                from_output = getattr(namespace, f"{row.name}_backward_from_output")
                np.testing.assert_array_equal(from_output(grad, y, *parameters), product)
