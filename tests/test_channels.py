"""Fused bias and PReLU's weight: the bits of the separate calls, and sums rounded once."""

import inspect
import math
import pickle

import numpy as np
import pytest
from conftest import IMPLEMENTATIONS

import fastact
from fastact.activations import ACTIVATIONS
from fastact.channels import BIAS, BIAS_BACKWARD, channel_functions

ROWS = [row for row in ACTIVATIONS.values() if row.fused_bias]
BACKWARDS = [BIAS_BACKWARD.name(row) for row in ROWS]
NAMES = [name for name, _, _ in channel_functions()]

every_row = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])

#: Shapes of x and b; only a b of one row takes the fused path backward.
SHAPES = [
    ((37, 70), (70,)),
    ((37, 70), (1, 70)),
    ((37, 70), (37, 1)),
    ((37, 70), ()),
    ((37, 70), (37, 70)),
    ((1, 70), (70,)),
    ((70,), (70,)),
    ((70,), ()),
    ((), ()),
    ((70, 1), (1,)),
    ((3, 5, 7, 11), (5, 1, 1)),
    ((3, 5, 7, 11), (11,)),
    ((5, 1300), (1300,)),
    ((3, 4500), (4500,)),
    ((700, 3), (3,)),
    ((0, 5), (5,)),
    ((5, 0), (0,)),
    ((70,), (37, 1)),
]


def draw(shape, dtype, seed, scale=3):
    rng = np.random.default_rng([seed, *shape])
    return np.asarray(rng.normal(0, scale, shape)).astype(dtype)


def operands(shape, b_shape, dtype):
    """A gradient, an input and a bias."""
    full = np.broadcast_shapes(shape, b_shape)
    return draw(full, dtype, 1), draw(shape, dtype, 2), draw(b_shape, dtype, 3, scale=1)


def functions(namespace, row):
    """f, f_backward, bias_f, bias_f_backward."""
    return [
        getattr(namespace, name)
        for name in (row.name, row.name + "_backward", BIAS.name(row), BIAS_BACKWARD.name(row))
    ]


def assert_same(result, expected):
    result, expected = np.asarray(result), np.asarray(expected)
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))
    np.testing.assert_array_equal(result, expected)


def assert_is_sum(result, parts, like):
    """`result`, of the shape and dtype of `like`, is the sum of `parts` rounded once."""
    assert (result.dtype, np.shape(result)) == (like.dtype, like.shape)
    missing = parts.ndim - like.ndim
    shape = (1,) * missing + like.shape
    exact, total = np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        index = tuple(
            i if shape[axis] == parts.shape[axis] else slice(None) for axis, i in enumerate(place)
        )
        chosen = np.ravel(parts[index]).astype(float)
        exact[place], total[place] = math.fsum(chosen), math.fsum(abs(chosen))
    expected = exact.reshape(like.shape)
    rounded = expected.astype(like.dtype)
    bound = parts.size * 2.0**-52 * total.reshape(like.shape) + np.spacing(abs(rounded)).astype(
        float
    )
    assert (abs(np.asarray(result, float) - expected) <= bound).all()


@every_row
@pytest.mark.parametrize("shape, b_shape", SHAPES)
def test_shapes(row, namespace, dtype, shape, b_shape):
    f, f_backward, bias, bias_backward = functions(namespace, row)
    grad, x, b = operands(shape, b_shape, dtype)
    assert_same(bias(x, b), f(x + b))
    grad_x, grad_b = bias_backward(grad, x, b)
    assert_same(grad_x, f_backward(grad, x + b))
    assert_is_sum(grad_b, np.asarray(grad_x), b)


LAYOUTS = {
    "contiguous": np.copy,
    "strided": lambda a: np.repeat(a, 3, axis=-1)[..., ::3],
    "strided rows": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1],
    "transposed": lambda a: a.T.copy().T,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": lambda a: misaligned(a),
    "read-only": lambda a: read_only(a),
}


def misaligned(array):
    view = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@every_row
@pytest.mark.parametrize("shape", [(37, 70), (5, 600), (3, 4, 70)])
def test_layouts(row, namespace, dtype, shape):
    _, _, bias, bias_backward = functions(namespace, row)
    plain = operands(shape, shape[-1:], dtype)
    expected, (expected_x, expected_b) = bias(*plain[1:]), bias_backward(*plain)
    for relayout in LAYOUTS.values():
        for odd in range(3):
            given = [relayout(a) if i == odd else a for i, a in enumerate(plain)]
            assert_same(bias(*given[1:]), expected)
            grad_x, grad_b = bias_backward(*given)
            assert_same(grad_x, expected_x)
            assert_same(grad_b, expected_b)
        out, out_b = relayout(np.zeros_like(expected)), relayout(np.zeros_like(expected_b))
        if not out.flags.writeable:
            with pytest.raises(ValueError, match="read-only"):
                bias_backward(*plain, out=(out, None))
            with pytest.raises(ValueError, match="read-only"):
                bias_backward(*plain, out=(None, out_b))
            continue
        assert bias(*plain[1:], out=out) is out
        assert_same(out.astype(dtype), expected)
        out[...] = 0
        grad_x, grad_b = bias_backward(*plain, out=(out, out_b))
        assert grad_x is out and grad_b is out_b
        assert_same(out.astype(dtype), expected_x)
        assert_same(out_b.astype(dtype), expected_b)


@every_row
@pytest.mark.parametrize("shape", [(37, 70), (5, 1300)])
def test_in_place(row, namespace, dtype, shape):
    _, _, bias, bias_backward = functions(namespace, row)
    plain = operands(shape, shape[-1:], dtype)
    expected, (expected_x, expected_b) = bias(*plain[1:]), bias_backward(*plain)
    x = plain[1].copy()
    assert bias(x, plain[2], out=x) is x
    assert_same(x, expected)
    for place in 0, 1:
        for relayout in np.copy, LAYOUTS["strided"], LAYOUTS["transposed"]:
            given = [relayout(a) for a in plain]
            grad_x, grad_b = bias_backward(*given, out=(given[place], None))
            assert grad_x is given[place]
            assert_same(grad_x, expected_x)
            assert_same(grad_b, expected_b)
            for i in {0, 1, 2} - {place}:
                np.testing.assert_array_equal(given[i], plain[i])
    # Over the bias, and over neighbouring memory of the gradient.
    b = plain[2].copy()
    assert bias_backward(plain[0], plain[1], b, out=(None, b))[1] is b
    assert_same(b, expected_b)
    for shift in 1, shape[1], 2 * shape[1]:
        memory = np.zeros(plain[0].size + shift, dtype)
        early, late = memory[:-shift].reshape(shape), memory[shift:].reshape(shape)
        for source, target in (early, late), (late, early):
            source[...] = plain[0]
            grad_x, grad_b = bias_backward(source, *plain[1:], out=(target, None))
            assert_same(grad_x, expected_x)
            assert_same(grad_b, expected_b)
    row_of_out = np.zeros(shape, dtype)
    row_of_out[1] = plain[2]
    grad_x, grad_b = bias_backward(*plain[:2], row_of_out[1], out=(row_of_out, None))
    assert_same(grad_x, expected_x)
    assert_same(grad_b, expected_b)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS if row.parameters])
def test_parameters(row, namespace, dtype):
    f, f_backward, bias, bias_backward = functions(namespace, row)
    grad, x, b = operands((37, 70), (70,), dtype)
    values = [0.3 + 0.1 * i for i, _ in enumerate(row.parameters)]
    names = [parameter.name for parameter in row.parameters]
    assert (bias(x, b, *values) != bias(x, b)).any()
    for given in values, [np.linspace(0.1, 0.5, 70).astype(dtype) for _ in values]:
        expected, expected_x = f(x + b, *given), f_backward(grad, x + b, *given)
        for arguments, keywords in (given, {}), ((), dict(zip(names, given))):
            assert_same(bias(x, b, *arguments, **keywords), expected)
            grad_x, grad_b = bias_backward(grad, x, b, *arguments, **keywords)
            assert_same(grad_x, expected_x)
            assert_is_sum(grad_b, grad_x, b)
    defaults = [parameter.default for parameter in row.parameters]
    for found, same in zip(bias_backward(grad, x, b), bias_backward(grad, x, b, *defaults)):
        assert_same(found, same)
    with pytest.raises(TypeError, match=bias_backward.__name__):
        bias_backward(grad, x, b, *values, 1)
    with pytest.raises(TypeError, match=names[0]):
        bias_backward(grad, x, b, *values, **{names[0]: 1})


@every_row
def test_special_values(row, namespace, dtype):
    """Infinities, NaN and overflowing sums: as the separate calls, without a warning."""
    f, f_backward, bias, bias_backward = functions(namespace, row)
    largest = np.finfo(dtype).max
    values = np.array([0, -0.0, 1, np.inf, -np.inf, np.nan, largest, -largest, 1e-7, -3], dtype)
    x, b = np.repeat(values, len(values)).reshape(len(values), -1), values
    grad = x[::-1].copy()
    with np.errstate(all="ignore"):
        total = x + b
        expected_x = f_backward(grad, total)
        sums = expected_x.astype(float).sum(0).astype(dtype)
    with np.errstate(all="raise"):
        assert_same(bias(x, b)[~np.isnan(total)], f(total)[~np.isnan(total)])
        assert np.isnan(bias(x, b)[np.isnan(total)]).all()
        for shaped in b, np.tile(b, (len(x), 1)):
            grad_x, grad_b = bias_backward(grad, x, shaped)
            np.testing.assert_array_equal(grad_x, expected_x)
        np.testing.assert_array_equal(grad_b, expected_x)
        np.testing.assert_array_equal(bias_backward(grad, x, b)[1], sums)


@every_row
def test_sums_are_of_double_precision(row, namespace):
    """4096 gradients that float32 loses one by one."""
    *_, bias_backward = functions(namespace, row)
    x, b = np.full((4097, 40), 2, "f"), np.zeros(40, "f")
    grad = np.full_like(x, 2**-13)
    grad[0] = 2**12
    grad_x, grad_b = bias_backward(grad, x, b)
    assert_is_sum(grad_b, grad_x, b)
    assert (grad_b != np.cumsum(grad_x, 0)[-1]).all()


@every_row
def test_mixed_dtypes(row, namespace):
    *_, bias, bias_backward = functions(namespace, row)
    grad, x, b = operands((5, 7), (7,), "f")
    for mixed in (grad, x, b.astype("d")), (grad, x.astype("d"), b), (grad, x.astype(int), b):
        wide = [np.asarray(a, "d") for a in mixed]
        assert_same(bias(*mixed[1:]), bias(*wide[1:]))
        for found, same in zip(bias_backward(*mixed), bias_backward(*wide)):
            assert_same(found, same)
    for found, same in zip(
        bias_backward(grad, x, 0.5), bias_backward(grad, x, np.float32(0.5)), strict=True
    ):
        assert_same(found, same)
    out = np.empty((5, 7)), np.empty(7)
    for target, same in zip(bias_backward(grad, x, b, out=out), bias_backward(grad, x, b)):
        assert_same(target, same.astype("d"))


@every_row
def test_bfloat16(row, namespace):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    f, f_backward, bias, bias_backward = functions(namespace, row)
    grad, x, b = operands((37, 70), (70,), bfloat16)
    np.testing.assert_array_equal(bias(x, b).astype("f"), f(x + b).astype("f"))
    grad_x, grad_b = bias_backward(grad, x, b)
    assert grad_x.dtype == grad_b.dtype == bfloat16
    np.testing.assert_array_equal(grad_x.astype("f"), f_backward(grad, x + b).astype("f"))
    sums = grad_x.astype("d").sum(0).astype(bfloat16)
    np.testing.assert_array_equal(grad_b.astype("f"), sums.astype("f"))


@pytest.mark.parametrize("name", [*BACKWARDS, "prelu_weight_backward"])
def test_bad_operands(name, namespace):
    call = getattr(namespace, name)
    good = operands((5, 7), (7,), "d")
    for place in range(3):
        for bad in good[place].astype(complex), good[place].astype(object), np.array(["a"] * 7):
            given = [bad if i == place else a for i, a in enumerate(good)]
            with pytest.raises(TypeError, match=name):
                call(*given)
        given = [np.ones(6) if i == place else a for i, a in enumerate(good)]
        with pytest.raises(ValueError, match=f"{name}.*broadcast"):
            call(*given)
    with pytest.raises(TypeError):
        call(*good[:2])
    with pytest.raises(TypeError):
        call(*good, slope=1)


@every_row
def test_bad_operands_forward(row, namespace):
    bias = getattr(namespace, BIAS.name(row))
    for bad in np.ones(7, complex), np.ones(7, object), np.array(["a"] * 7):
        for given in (np.ones((5, 7)), bad), (bad, np.ones(7)):
            with pytest.raises(TypeError, match=bias.__name__):
                bias(*given)
    with pytest.raises(ValueError, match="broadcast"):
        bias(np.ones((5, 7)), np.ones(6))


@pytest.mark.parametrize("name", BACKWARDS)
def test_bad_out(name, namespace):
    call = getattr(namespace, name)
    good = operands((5, 7), (7,), "d")
    x, b = np.full((5, 7), 7.0), np.full(7, 7.0)
    for out, error in [
        (x, TypeError),
        ((x,), ValueError),
        ((x, b, b), ValueError),
        ((x, x), ValueError),
        ((b, b), ValueError),
        ((x, b[:1]), ValueError),
        (("x", b), TypeError),
        ((x.astype(int), None), TypeError),
        ((None, b.astype(int)), TypeError),
    ]:
        with pytest.raises(error, match=name):
            call(*good, out=out)
        assert (x == 7).all() and (b == 7).all()


def weight_gradient(grad, x):
    return grad.astype(float) * np.minimum(x, 0).astype(float)


@pytest.mark.parametrize("shape, weight_shape", SHAPES)
def test_weight(namespace, dtype, shape, weight_shape):
    grad, x, weight = operands(shape, weight_shape, dtype)
    found = namespace.prelu_weight_backward(grad, x, weight)
    assert_is_sum(found, np.broadcast_to(weight_gradient(grad, x), grad.shape), weight)
    out = np.empty(weight_shape, dtype)
    assert namespace.prelu_weight_backward(grad, x, weight, out=out) is out
    assert_same(out, found)


def test_weight_is_the_gradient(namespace):
    """Against difference quotients of prelu, which is linear in its weight."""
    grad, x, weight = operands((37, 70), (70,), "d")
    difference = (namespace.prelu(x, weight + 1) - namespace.prelu(x, weight)) * grad
    found = namespace.prelu_weight_backward(grad, x, weight)
    np.testing.assert_allclose(found, difference.sum(0), rtol=1e-12, atol=1e-12)
    # From out of the cache: more rows than a chunk has.
    grad, x, weight = operands((3000, 70), (3000, 1), "d")
    found = namespace.prelu_weight_backward(grad, x, weight)
    np.testing.assert_allclose(found, weight_gradient(grad, x).sum(1, keepdims=True), rtol=1e-12)


def test_many_rows(namespace, dtype):
    """More rows than a chunk of any backend has."""
    grad, x, b = operands((3001, 70), (70,), dtype)
    grad_x, grad_b = namespace.bias_sigmoid_backward(grad, x, b)
    assert_same(grad_x, namespace.sigmoid_backward(grad, x + b))
    assert_is_sum(grad_b, grad_x, b)


def test_names_and_signatures(namespace):
    assert set(NAMES) <= set(fastact.__all__)
    reference = next(iter(IMPLEMENTATIONS.values()))
    for name in NAMES:
        function = getattr(namespace, name)
        assert function.__name__ == name and function.__doc__
        if not isinstance(getattr(reference, name), np.ufunc):
            same = inspect.signature(getattr(reference, name))
            assert inspect.signature(function) == same
    for name, row, operation in channel_functions():
        assert {operation.name(row)} == {name}


def test_they_pickle():
    for name in NAMES:
        function = getattr(fastact, name)
        assert pickle.loads(pickle.dumps(function)) is function
