"""Which dtype comes out: the one that NumPy's own float ufuncs give."""

import itertools

import numpy as np
import pytest
from conftest import IMPLEMENTATIONS
from oracle import as_tuple, assert_same

#: What happens around a formula is the same for all: see conftest.of_each_kind.
pytestmark = pytest.mark.of_each_kind

INTEGERS = [np.dtype(code) for code in "?bBhHiIlLqQ"]


def test_floats_give_themselves(function, call, dtype):
    for result in as_tuple(call(*function.draw(5, dtype))):
        assert result.dtype == dtype


def test_integers_promote_as_in_tanh(function, call):
    for integer in INTEGERS:
        inputs = [np.array([0, 1, 1, 0, 1], integer) for _ in function.operation.inputs]
        expected = np.tanh(inputs[0]).dtype
        more = function.row.required
        results = as_tuple(call(*inputs, *more))
        as_floats = as_tuple(call(*[a.astype(expected) for a in inputs], *more))
        for result, as_float in zip(results, as_floats, strict=True):
            assert result.dtype == expected, integer
            assert_same(result, as_float)


@pytest.mark.only(having=lambda function: function.row.parameters and not function.row.required)
def test_a_default_given_explicitly_changes_nothing(function, call):
    """leaky_relu(x, 0.01) is leaky_relu(x), for integers too."""
    parameters = [parameter.default for parameter in function.row.parameters]
    for integer in INTEGERS:
        inputs = [np.array([0, 1, 1, 0, 1], integer) for _ in function.operation.inputs]
        results = as_tuple(call(*inputs, *parameters))
        for result, same in zip(results, as_tuple(call(*inputs)), strict=True):
            assert_same(result, same)


@pytest.mark.only(having=lambda function: len(function.operation.inputs) > 1)
def test_implementations_agree_on_scalars_beside_integers(function, call):
    reference = function.on(next(iter(IMPLEMENTATIONS.values())))
    for integer, scalar in itertools.product(INTEGERS, [1, 0.5, True]):
        inputs = [scalar, np.array([0, 1, 1], integer), *function.row.required]
        for result, same in zip(as_tuple(call(*inputs)), as_tuple(reference(*inputs)), strict=True):
            assert result.dtype == same.dtype


@pytest.mark.only(having=lambda function: function.nin > 1)
def test_operands_of_two_dtypes(function, call, dtype):
    """As np.arctan2, NumPy's float ufunc of two inputs."""
    for other in map(np.dtype, "bhdfeil"):
        wide = function.draw(6, dtype)
        for place in range(function.nin):
            inputs = [a.astype(other) if i == place else a for i, a in enumerate(wide)]
            expected = np.arctan2(wide[0], inputs[place]).dtype
            common = [a.astype(expected) for a in inputs]
            for result, same in zip(as_tuple(call(*inputs)), as_tuple(call(*common)), strict=True):
                assert result.dtype == expected
                assert_same(result, same)


@pytest.mark.only(having=lambda function: function.nin > 1)
def test_python_scalars_are_weak(function, call, dtype):
    """A Python number beside an array takes the array's dtype."""
    inputs = function.draw(6, dtype)
    for place, scalar in itertools.product(range(function.nin), [2, 0.5, True]):
        mixed = [scalar if i == place else a for i, a in enumerate(inputs)]
        given = [np.full_like(a, scalar) if i == place else a for i, a in enumerate(inputs)]
        for result, same in zip(as_tuple(call(*mixed)), as_tuple(call(*given)), strict=True):
            assert_same(result, same)


def test_python_scalars_alone(function, call):
    """They are float64, and the result is a scalar of NumPy."""
    values = [0.25, 0.5, 0.75, 0.875][: function.nin]
    arrays = [np.array([v]) for v in values]
    for result, same in zip(as_tuple(call(*values)), as_tuple(call(*arrays)), strict=True):
        assert type(result) is np.float64
        assert result == same[0]


@pytest.mark.parametrize("asked", ["float16", "float32", "float64"])
def test_dtype_keyword(function, call, asked):
    asked = np.dtype(asked)
    inputs = function.draw(7, np.float64)
    narrowed = [a.astype(asked) for a in inputs]
    results = as_tuple(call(*inputs, dtype=asked, casting="same_kind"))
    for result, same in zip(results, as_tuple(call(*narrowed)), strict=True):
        assert_same(result, same)
    # For a Python scalar too, and for integers.
    operands = [*[1] * len(function.operation.inputs), *function.row.required]
    for result in as_tuple(call(*operands, dtype=asked, casting="unsafe")):
        assert result.dtype == asked


def test_out_of_another_float(function, call, dtype):
    """The inputs decide how it is computed; the result is cast into `out`."""
    inputs = function.draw(50, dtype)
    plain = as_tuple(call(*inputs))
    for other in map(np.dtype, ("float16", "float32", "float64")):
        outs = tuple(np.full(50, 7, other) for _ in plain)
        results = as_tuple(call(*inputs, out=outs if len(outs) > 1 else outs[0]))
        for out, result, same in zip(outs, results, plain, strict=True):
            assert result is out
            assert_same(out, same.astype(other))


def test_casting_keyword(function, call):
    inputs = function.draw(5, np.float64)
    outs = tuple(np.empty(5, np.float32) for _ in range(function.nout))
    out = outs if function.nout > 1 else outs[0]
    assert as_tuple(call(*inputs, out=out, casting="same_kind"))[0] is outs[0]
    for casting in "no", "equiv", "safe":
        with pytest.raises(TypeError, match=function.name):
            call(*inputs, out=out, casting=casting)
    integers = tuple(np.empty(5, np.int64) for _ in range(function.nout))
    results = call(*inputs, out=integers if function.nout > 1 else integers[0], casting="unsafe")
    for result, same in zip(as_tuple(results), as_tuple(call(*inputs)), strict=True):
        np.testing.assert_array_equal(result, same.astype(np.int64))
