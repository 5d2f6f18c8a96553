"""The functions over an axis: every row of their table, on every implementation."""

import functools
import inspect
import itertools
import platform
import shutil

import mpmath
import numpy as np
import oracle
import pytest
import roots
from conftest import IMPLEMENTATIONS
from disassembly import REGISTERS, innermost_loops
from oracle import as_tuple, assert_same, exact, random_generator, ulp_error
from test_layouts import IN_LAYOUTS, LAYOUTS, SENTINEL

import fastact
from fastact.activations import ACTIVATIONS
from fastact.axiswise import ROW_FUNCTIONS, RowFunction

mp = mpmath.mp.clone()
mp.dps = 400  # 1 + exp(-746) has to be told from 1

FLOATS = [pytest.param(np.dtype(code), id=np.dtype(code).name) for code in "fd"]
LOSSES = [row for row in ROW_FUNCTIONS.values() if "labels" in row.inputs]
GATED = [row for row in ROW_FUNCTIONS.values() if row.activation]
PLAIN = [row for row in ROW_FUNCTIONS.values() if row not in LOSSES and row not in GATED]

every_row = pytest.mark.parametrize("row", ROW_FUNCTIONS.values(), ids=ROW_FUNCTIONS)
plain_row = pytest.mark.parametrize("row", PLAIN, ids=[row.name for row in PLAIN])
loss_row = pytest.mark.parametrize("row", LOSSES, ids=[row.name for row in LOSSES])
both_labels = pytest.mark.parametrize("kind", ["labels", "probabilities"])


@pytest.fixture
def call(row, implementation):
    return getattr(IMPLEMENTATIONS[implementation], row.name)


# The oracle ----------------------------------------------------------------------------------


class Row(list):
    """A row of exact numbers; 0 times infinity is 0."""


def elementwise(function):
    def on_rows(*operands):
        rows = [operand for operand in operands if isinstance(operand, Row)]
        if not rows:
            return function(*operands)
        columns = [
            operand if isinstance(operand, Row) else itertools.repeat(operand)
            for operand in operands
        ]
        return Row(map(function, *columns))

    return on_rows


def product(a, b):
    return mp.zero if a == 0 or b == 0 else a * b


for _name, _function in {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": product,
    "truediv": lambda a, b: a / b,
}.items():
    setattr(Row, f"__{_name}__", elementwise(_function))
    setattr(Row, f"__r{_name}__", elementwise(lambda a, b, f=_function: f(b, a)))
Row.__neg__ = elementwise(lambda a: -a)


def softmax(x):
    top = max(x)
    e = NAMES["exp"](x - top)
    return e / mp.fsum(e)


def log_softmax(x):
    top = max(x)
    return (x - top) - mp.log(mp.fsum(NAMES["exp"](x - top)))


NAMES = {
    "exp": elementwise(mp.exp),
    "log": elementwise(mp.log),
    "abs": elementwise(abs),
    "sum": lambda x: mp.fsum(x) if isinstance(x, Row) else x,
    "max": max,
    "softmax": softmax,
    "log_softmax": log_softmax,
}


def evaluate(formula, **operands):
    """An expression of the table, for operands given as rows or numbers."""
    exactly = {
        name: Row(map(mp.mpf, value.tolist())) if np.ndim(value) else mp.mpf(float(value))
        for name, value in operands.items()
    }
    return eval(formula, {"__builtins__": {}}, NAMES | exactly)


@functools.cache
def solved(row, dtype, operands):
    """The exact outputs, for operands given as what `frozen` makes of them: once for everybody."""
    named = {name: np.frombuffer(raw, code).reshape(shape) for name, code, shape, raw in operands}
    outputs = []
    for formula, magnitude in zip(row.formulas, row.magnitudes, strict=True):
        outputs.append(exact(as_list(evaluate(formula, **named)), dtype))
        if magnitude:
            unit = exact(as_list(evaluate(magnitude, **named)), dtype).ulp
            rest = outputs[-1].rest * outputs[-1].ulp / unit
            outputs[-1] = outputs[-1]._replace(rest=rest, ulp=unit)
    return outputs


def as_list(value):
    return value if isinstance(value, Row) else [value]


def frozen(operands):
    arrays = {name: np.asarray(value) for name, value in operands.items()}
    return tuple((name, a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items())


def assert_within(actual, row, operands):
    """Fail if an output of one row is further than promised from the exact result."""
    outputs = as_tuple(actual)
    expected = solved(row, outputs[0].dtype, frozen(operands))
    for output, right, ulp in zip(outputs, expected, row.max_ulp, strict=True):
        error = ulp_error(np.atleast_1d(output), right)
        assert (error <= ulp).all(), (
            f"{np.nanmax(error):.3g} ulp at {np.argmax(error)} of {len(error)}: "
            f"{np.atleast_1d(output)[np.argmax(error)]!r}, {operands}"
        )


def rows_of_logits(dtype):
    """Rows that are hard: tails, ties, sure ones, offsets, all lengths about the lanes'."""
    rng = random_generator("logits", dtype)
    edge = 104 if dtype == np.float32 else 745
    for n in 1, 2, 3, 10, 31, 32, 33, 63, 64, 65, 128, 257:
        for scale in (1, 8) if n > 2 else (1,):
            yield scale * rng.standard_normal(n)
    yield np.linspace(-edge - 2, 0, 129)
    yield rng.uniform(-edge, 0, 100) + np.array(0.4)
    for offset in 100, -100, 250, -250, 1e4, -1e4, 3e30:
        yield offset + rng.standard_normal(40)
    for sure in 1, 5, 17, 40, edge - 15:
        for n in 2, 10, 40:
            x = rng.standard_normal(n)
            x[n // 2] += sure
            yield x
    yield np.zeros(50)
    yield np.repeat([3.0, 3.0, -60], [1, 40, 5])
    yield np.array([-np.inf, 0.5, 1, -np.inf])
    yield np.array([0.25, 0, 0, -0.25]) * np.finfo(dtype).max


@functools.cache
def cases(dtype):
    """For each row of logits the operands that there are, by name."""
    rng = random_generator("operands", dtype)
    found = []
    for x in rows_of_logits(dtype):
        x = x.astype(dtype)
        p = rng.random(x.size) * (rng.random(x.size) < 0.7)
        p[np.isinf(x)] = 0
        found.append(
            {
                "x": x,
                "grad": rng.standard_normal(x.size).astype(dtype),
                "scalar": np.array(rng.standard_normal(), dtype),
                "p": (p / max(p.sum(), 0.5)).astype(dtype),
                "label": int(rng.choice(np.flatnonzero(np.isfinite(x)))),
            }
        )
    return found


def has_row_gradient(row):
    """Whether grad is one number for each row."""
    return row.name in ("logsumexp_backward", "softmax_cross_entropy_backward")


def operands_of(row, case, namespace, kind="labels"):
    """What the function is called with, and what its formula is evaluated with."""
    x, exactly = case["x"], {}
    arguments = []
    for name in row.inputs:
        if name == "grad":
            value = case["scalar" if has_row_gradient(row) else "grad"]
        elif name == "y":
            forward = row.name.removesuffix("_backward_from_output")
            value = getattr(namespace, forward)(x)
        elif name == "labels":
            value, p = case["label"], np.zeros(x.size)
            p[value] = 1
            if kind == "probabilities":
                value = p = case["p"]
            exactly["p"] = p
        else:
            value = x
        arguments.append(value)
        if name != "labels":
            exactly[name] = value
    return arguments, exactly


# Accuracy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", PLAIN + LOSSES, ids=lambda row: row.name)
@pytest.mark.parametrize("dtype", FLOATS)
def test_accuracy(row, call, dtype, namespace):
    for kind in ["labels", "probabilities"] if row in LOSSES else ["labels"]:
        for case in cases(dtype):
            arguments, exactly = operands_of(row, case, namespace, kind)
            result = call(*arguments)
            assert all(np.asarray(r).dtype == dtype for r in as_tuple(result))
            assert_within(result, row, exactly)


@pytest.mark.parametrize("dtype", FLOATS)
@plain_row
def test_many_rows_beside_each_other(row, call, dtype, namespace):
    """Short rows are computed many at a time: the same promise."""
    for n, count in (10, 33), (3, 100), (1, 40):
        rng = random_generator(n, count)
        x = (4 * rng.standard_normal((count, n))).astype(dtype)
        grad = rng.standard_normal((count,) if has_row_gradient(row) else (count, n)).astype(dtype)
        y = (
            getattr(namespace, row.name.removesuffix("_backward_from_output"))(x)
            if ("y" in row.inputs)
            else x
        )
        everything = {"x": x, "y": y, "grad": grad}
        inputs = {name: everything[name] for name in row.inputs}
        result = call(*inputs.values())
        for i in (*range(3), count - 1):
            assert_within(result[i], row, {name: value[i] for name, value in inputs.items()})


@pytest.mark.parametrize("dtype", FLOATS)
def test_error_does_not_grow_with_the_length(dtype, namespace):
    x = random_generator("long").standard_normal(1_000_003).astype(dtype)
    wide = x.astype(np.longdouble)
    log_sum = np.log(np.exp(wide).sum())
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(namespace.logsumexp(x), log_sum, rtol=2 * eps)
    np.testing.assert_allclose(namespace.softmax(x), np.exp(wide - log_sum), rtol=4 * eps)


@pytest.mark.parametrize("row", PLAIN + LOSSES, ids=lambda row: row.name)
def test_backward_is_the_derivative(row):
    """The table's formula of a gradient against difference quotients of the function's."""
    if not {"grad", "p"} & {*row.inputs, "p" if "derivative" in row.name else ""}:
        return
    rng = random_generator(row.name)
    forward = ROW_FUNCTIONS[
        row.name.removesuffix("_from_output")
        .removesuffix("_backward")
        .removesuffix("_derivative")
        .removesuffix("_with")
    ]
    x, p = rng.standard_normal(5), rng.random(5)
    name = "logits" if row in LOSSES else "x"
    value = evaluate(forward.formulas[0], **{name: x, "p": p})
    grad = (
        np.array(1.0)
        if "grad" not in row.inputs
        else rng.standard_normal(5 if isinstance(value, Row) else ())
    )
    if "y" in row.inputs:
        x = np.asarray(x, object)
    found = eval(
        row.formulas[-1],
        {"__builtins__": {}},
        NAMES
        | {
            "grad": Row(map(mp.mpf, grad)) if grad.ndim else mp.mpf(float(grad)),
            name: Row(map(mp.mpf, x)),
            "p": Row(map(mp.mpf, p)),
            "y": value,
        },
    )
    h = mp.mpf(10) ** -100
    for i in range(5):
        nudged = Row(mp.mpf(v) + h * (j == i) for j, v in enumerate(x))
        after = eval(
            forward.formulas[0],
            {"__builtins__": {}},
            NAMES | {name: nudged, "p": Row(map(mp.mpf, p))},
        )
        change = (after - value) / h
        slope = (
            mp.fsum(Row(map(mp.mpf, grad)) * change) if grad.ndim else mp.mpf(float(grad)) * change
        )
        assert abs(slope - found[i]) < mp.mpf(10) ** -90


gated_row = pytest.mark.parametrize("row", GATED, ids=[row.name for row in GATED])


@gated_row
@pytest.mark.parametrize("dtype", FLOATS)
def test_gated_accuracy(row, call, dtype):
    """All of the activation's points as b, with factors a and grad that are no powers of two."""
    activation = ACTIVATIONS[row.activation]
    b = oracle.points(activation, dtype)[::5]
    b = b[np.isfinite(b)]
    if "grad" in row.inputs:  # near a root of f' its own promise is absolute
        low, high = roots.near_root(activation) or (1, 0)
        b = b[~((low <= b) & (b <= high))]
    rng = random_generator(row.name)
    a, grad = (rng.uniform(0.5, 2, b.size).astype(dtype) for _ in range(2))
    x = np.concatenate([a, b])
    exactly = [
        [mp.mpf(n) for n in numbers.tolist()]
        for numbers in (
            grad if "grad" in row.inputs else np.ones_like(a),
            a,
        )
    ]
    values = [oracle.value(activation, v) for v in b.tolist()]
    gated = exact([f * v for f, v in zip(exactly["grad" not in row.inputs], values)], dtype)
    if "grad" in row.inputs:
        result = call(grad, x)
        slopes = [oracle.derivative(activation, v) for v in b.tolist()]
        products = exact([g * f * s for g, f, s in zip(*exactly, slopes)], dtype)
        assert (ulp_error(result[: a.size], gated) <= row.max_ulp[0]).all()
        assert (ulp_error(result[a.size :], products) <= row.max_ulp[0]).all()
    else:
        assert (ulp_error(call(x), gated) <= row.max_ulp[0]).all()


@gated_row
def test_gated_halves(row, call, dtype, namespace):
    """Of any axis and layout, in place where the shapes allow it."""
    activate = getattr(namespace, row.activation)
    for shape, axis in ((6, 10), 1), ((6, 10), 0), ((2, 4, 3), -2):
        x = random_generator(shape).normal(0, 3, shape).astype(dtype)
        a, b = np.split(x, 2, axis)
        grad = np.ones_like(a)
        arguments = [grad, x] if "grad" in row.inputs else [x]
        if "grad" in row.inputs:
            slopes = getattr(namespace, row.activation + "_derivative")(b)
            expected = np.concatenate([activate(b), a * slopes], axis)
        else:
            expected = a * activate(b)
        assert_close(call(*arguments, axis), expected, dtype)
        for relayout in IN_LAYOUTS.values() if len(shape) == 2 else ():
            relaid = [relayout(argument) for argument in arguments]
            assert_close(call(*relaid, axis=axis), expected, dtype)
        if "grad" in row.inputs:
            assert call(grad, x, axis, out=x) is x
            assert_close(x, expected, dtype)
    for shape, axis in ((3,), 0), ((2, 5), 1), ((5, 2), 0):
        with pytest.raises(ValueError, match=f"{row.name}: .* odd length {shape[axis]}"):
            call(*[np.ones(shape)] * len(arguments), axis=axis)


# Layouts -------------------------------------------------------------------------------------


def draw(row, shape, axis, dtype, kind="labels"):
    """Random operands of one shape."""
    rng = random_generator(row.name, shape, axis)
    outer = shape[:axis] + shape[axis + 1 :]
    found = []
    for name in row.inputs:
        if name == "labels" and kind == "labels":
            found.append(rng.integers(0, shape[axis], outer))
        elif name == "labels":
            found.append(rng.dirichlet(np.ones(shape[axis]), outer).astype(dtype))
            found[-1] = np.moveaxis(found[-1], -1, axis)
        else:
            size = shape
            if name == "grad" and has_row_gradient(row):
                size = outer
            elif name == "grad" and row in GATED:
                size = (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
            drawn = rng.normal(0, 2, size)
            found.append((-np.abs(drawn) if name == "y" else drawn).astype(dtype))
    return found


def assert_close(actual, expected, dtype):
    """Equal but for the order of sums, which the layout may change."""
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    eps = np.finfo(dtype).eps
    largest = np.max(np.abs(expected), initial=1)
    np.testing.assert_allclose(actual, expected, rtol=8 * eps, atol=8 * eps * largest)


SHAPES = [
    ((70, 5), 1),
    ((3, 64), 1),
    ((3, 45), -1),
    ((5, 70), 0),
    ((2, 7, 40), 1),
    ((40, 3, 3), -3),
]


@every_row
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape, axis", SHAPES)
def test_every_axis_is_the_last_one_moved(row, call, dtype, shape, axis):
    for kind in ["labels", "probabilities"] if row in LOSSES else ["labels"]:
        if row in GATED:
            shape = tuple(2 * n for n in shape)
        arguments = draw(row, shape, axis % len(shape), np.dtype(dtype), kind)
        results = as_tuple(call(*arguments, axis=axis))
        last = [
            np.ascontiguousarray(np.moveaxis(a, axis, -1)) if np.ndim(a) == len(shape) else a
            for a in arguments
        ]
        for result, same in zip(results, as_tuple(call(*last)), strict=True):
            if same.ndim == len(shape):
                same = np.moveaxis(same, -1, axis)
            assert_close(result, same, np.dtype(dtype))


@plain_row
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_layouts_in_and_out(row, call, dtype):
    dtype = np.dtype(dtype)
    for shape, axis in ((67, 10), 1), ((9, 64), 1), ((9, 64), 0):
        plain = draw(row, shape, axis, dtype)
        expected = call(*plain, axis=axis)
        for relayout in IN_LAYOUTS.values():
            inputs = [relayout(a) if a.ndim == 2 else a for a in plain]
            assert_close(call(*inputs, axis=axis), expected, dtype)
            for a, same in zip(inputs, plain):
                np.testing.assert_array_equal(a, same)
            if expected.ndim == 2:
                for layout in LAYOUTS.values():
                    target = layout(np.full(shape, SENTINEL, dtype))
                    assert call(*inputs, axis=axis, out=target) is target
                    assert_close(target.astype(dtype), expected, dtype)


@plain_row
@pytest.mark.parametrize("dtype", FLOATS)
def test_in_place_and_overlapping(row, call, dtype):
    for shape, axis in ((67, 10), 1), ((9, 64), 1), ((9, 64), 0):
        plain = draw(row, shape, axis, dtype)
        expected = call(*plain, axis=axis)
        if expected.ndim < 2:
            continue
        for place in range(len(plain)):
            if plain[place].shape != shape:
                continue
            inputs = [a.copy() for a in plain]
            assert call(*inputs, axis=axis, out=inputs[place]) is inputs[place]
            assert_close(inputs[place], expected, dtype)
            for rows, columns in (1, 0), (0, 1), (1, 1):
                buffer = np.zeros((shape[0] + rows, shape[1] + columns), dtype)
                inputs = [a.copy() for a in plain]
                inputs[place] = buffer[: shape[0], : shape[1]]
                inputs[place][...] = plain[place]
                target = buffer[rows:, columns:]
                call(*inputs, axis=axis, out=target)
                assert_close(target, expected, dtype)


@plain_row
def test_broadcasting(row, call):
    plain = draw(row, (4, 6, 5), 2, np.dtype("d"))
    expected = call(*plain)
    for place in range(len(plain)):
        some = [a[:1] if i == place else a for i, a in enumerate(plain)]
        full = [np.broadcast_to(a, (4, *a.shape[1:])) if len(plain) > 1 else a for a in some]
        assert_close(call(*some), call(*full), np.dtype("d"))
    assert expected.shape[:2] == (4, 6)
    if len(plain) > 1 and not has_row_gradient(row):
        with pytest.raises(ValueError):
            call(plain[0], plain[1][..., :4])


# Special rows --------------------------------------------------------------------------------

INF, NAN = np.inf, np.nan
SPECIAL = {  # row: softmax, log_softmax, logsumexp
    (0.0,): ([1.0], [0.0], 0.0),
    (7.5,): ([1.0], [0.0], 7.5),
    (-INF,): ([NAN], [NAN], -INF),
    (-INF, -INF, -INF): ([NAN] * 3, [NAN] * 3, -INF),
    (INF,): ([NAN], [NAN], INF),
    (INF, 0.0): ([NAN] * 2, [NAN] * 2, INF),
    (INF, INF, -INF): ([NAN] * 3, [NAN] * 3, INF),
    (NAN,): ([NAN], [NAN], NAN),
    (0.0, NAN, 1.0): ([NAN] * 3, [NAN] * 3, NAN),
    (INF, NAN): ([NAN] * 2, [NAN] * 2, NAN),
    (-INF, NAN): ([NAN] * 2, [NAN] * 2, NAN),
    (-INF, 2.0): ([0.0, 1.0], [-INF, 0.0], 2.0),
    (1000.0, -1000.0): ([1.0, 0.0], [0.0, -2000.0], 1000.0),
    (-1e30, -1e30): ([0.5, 0.5], [-np.log(2)] * 2, -1e30),
    (): ([], [], -INF),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("count", [1, 40])
def test_special_rows(namespace, dtype, count):
    """One row, and many beside each other; with no warning in any state of np.errstate."""
    for x, (y, log_y, total) in SPECIAL.items():
        if dtype == "float16" and -1e30 in x:
            continue
        tiled = np.tile(np.array(x, dtype), (count, 1))
        with np.errstate(all="raise"):
            results = (
                namespace.softmax(tiled),
                namespace.log_softmax(tiled),
                namespace.logsumexp(tiled),
            )
        for result, same in zip(results, (y, log_y, total)):
            assert result.dtype == dtype and len(result) == count
            np.testing.assert_allclose(
                result, np.broadcast_to(np.array(same, dtype), result.shape), rtol=1e-3
            )
    # A row spoils no other.
    mixed = np.zeros((count + 2, 3), dtype)
    mixed[1] = NAN, INF, -INF
    assert np.isnan(namespace.softmax(mixed)).sum() == 3
    assert np.isnan(namespace.logsumexp(mixed)).sum() == 1


@every_row
def test_no_rows_and_empty_rows(row, call):
    for shape in (0, 4), (4, 0), (0, 0), (2, 0, 4):
        arguments = draw(row, (*shape[:-1], 4), len(shape) - 1, np.dtype("f"))
        if shape[-1] == 0:
            if row in LOSSES:
                if np.size(arguments[-1]):
                    with pytest.raises(ValueError, match="label"):
                        call(*[a[..., :0] if np.ndim(a) == len(shape) else a for a in arguments])
                continue
            arguments = [a[..., :0] if a.ndim == len(shape) else a for a in arguments]
        for result in as_tuple(call(*arguments)):
            assert result.shape[: len(shape) - 1] == shape[:-1]
            assert np.isneginf(result).all()


@every_row
def test_no_warnings(row, call):
    """Extreme numbers in every operand, under errstate(all="raise")."""
    hard = np.array([0, 1, -1, 1e-45, 1e38, -1e38, INF, -INF, NAN, 88, -104, 1e-30], "f")
    rows = np.stack([np.roll(hard, i) for i in range(12)] + [np.repeat(v, 12) for v in hard])
    arguments = []
    for name in row.inputs:
        small = rows[:, 0]
        arguments.append(
            np.arange(24) % 12
            if name == "labels"
            else small
            if name == "grad" and has_row_gradient(row)
            else rows[:, :6]
            if name == "grad" and row in GATED
            else rows
        )
    with np.errstate(all="raise"):
        call(*arguments)
        for n in range(24):
            call(*[a[n] for a in arguments])


# Arguments -----------------------------------------------------------------------------------


@every_row
def test_the_axis_is_checked(row, call):
    arguments = draw(row, (3, 4), 1, np.dtype("f"))
    for axis in 2, -3, 100:
        with pytest.raises(np.exceptions.AxisError):
            call(*arguments, axis=axis)
    with pytest.raises(np.exceptions.AxisError):
        call(*[0 if name == "labels" else np.float32(1) for name in row.inputs])


@every_row
@pytest.mark.parametrize(
    "bad", [np.ones((2, 2), complex), np.ones((2, 2), object), np.array([["1", "2"]] * 2)]
)
def test_dtypes_that_are_not_real_floats(row, call, bad):
    arguments = draw(row, (2, 2), 1, np.dtype("d"))
    place = next(i for i, name in enumerate(row.inputs) if name not in ("grad", "labels"))
    arguments[place] = bad
    with pytest.raises(TypeError, match=row.name):
        call(*arguments)


@every_row
def test_integers_promote_as_in_tanh(row, call):
    for code in "?bBhHiIlLqQ":
        arguments = draw(row, (3, 4), 1, np.dtype("d"))
        arguments = [
            a if name == "labels" else np.abs(a).astype(code)
            for name, a in zip(row.inputs, arguments)
        ]
        expected = np.tanh(np.ones(1, code)).dtype
        floats = [
            a if name == "labels" else a.astype(expected) for name, a in zip(row.inputs, arguments)
        ]
        for result, same in zip(as_tuple(call(*arguments)), as_tuple(call(*floats)), strict=True):
            assert result.dtype == expected
            assert_same(result, same)


@every_row
def test_float16_is_float32_rounded_once(row, call):
    for shape in (50, 10), (3, 100):
        arguments = draw(row, shape, 1, np.dtype("e"))
        wide = [a.astype("f") if np.asarray(a).dtype == "e" else a for a in arguments]
        for result, same in zip(as_tuple(call(*arguments)), as_tuple(call(*wide)), strict=True):
            assert_same(result, same.astype(np.float16))


@plain_row
def test_dtype_keyword(row, call):
    arguments = draw(row, (4, 9), 1, np.dtype("d"))
    for code in "efd":
        narrowed = [a.astype(code) for a in arguments]
        assert_same(call(*arguments, dtype=code), call(*narrowed))
    for bad in "int64", "complex128":
        with pytest.raises(TypeError, match=row.name):
            call(*arguments, dtype=bad)


@every_row
def test_out(row, call):
    arguments = draw(row, (4, 8), 1, np.dtype("f"))
    expected = as_tuple(call(*arguments))
    for code in "fd":
        outs = tuple(np.empty(e.shape, code) for e in expected)
        results = as_tuple(call(*arguments, out=outs if len(outs) > 1 else outs[0]))
        for result, out, same in zip(results, outs, expected, strict=True):
            assert result is out
            assert_same(out, same.astype(code))
    for wrong in (5, 8), (4,), (4, 9):
        outs = tuple(np.empty(wrong, "f") for _ in expected)
        if wrong not in [e.shape for e in expected]:
            with pytest.raises(ValueError):
                call(*arguments, out=outs if len(outs) > 1 else outs[0])
    for place in range(len(expected)):
        outs = [np.empty(e.shape, "f") for e in expected]
        outs[place].flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            call(*arguments, out=tuple(outs) if len(outs) > 1 else outs[0])


def test_keepdims(namespace):
    x = random_generator("keepdims").standard_normal((3, 4, 5))
    for axis in 0, 1, -1:
        kept = namespace.logsumexp(x, axis, keepdims=True)
        plain = namespace.logsumexp(x, axis)
        assert_same(kept, np.expand_dims(plain, axis))
        np.testing.assert_allclose(namespace.softmax(x, axis), np.exp(x - kept), rtol=1e-13)
        assert_same(
            namespace.logsumexp_backward(kept, x, axis, keepdims=True),
            namespace.logsumexp_backward(plain, x, axis),
        )


# The losses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", "bBhHiIlLqQ")
def test_labels_of_any_integer(namespace, code):
    x = random_generator("labels").standard_normal((6, 5)).astype("f")
    labels = np.array([0, 4, 2, 2, 1, 3])
    expected = namespace.softmax_cross_entropy(x, labels)
    assert_same(namespace.softmax_cross_entropy(x, labels.astype(code)), expected)
    assert_same(namespace.softmax_cross_entropy(x, labels.astype(code)[::-1][::-1]), expected)
    assert_same(namespace.softmax_cross_entropy(x, labels.tolist()), expected)


@loss_row
def test_labels_out_of_range(row, call):
    """ValueError with the function's name, the label and the valid range."""
    grad = [np.ones(3)] if "grad" in row.inputs else []
    for bad, dtype in (5, "q"), (-1, "b"), (2**63 + 1, "Q"), (-(2**40), "q"), (200, "B"):
        labels = np.array([1, 0, 2]).astype(dtype)
        labels[1] = np.array(bad, dtype)
        with pytest.raises(ValueError, match=rf"{row.name}: the label {bad} .*0 <= label < 5"):
            call(*grad, np.zeros((3, 5)), labels)


@loss_row
def test_bad_labels(row, call):
    grad = [np.ones(3)] if "grad" in row.inputs else []
    for bad in (np.zeros(4, int), np.zeros((3, 1), int), np.ones((3, 4)), np.ones(3)):
        with pytest.raises(ValueError, match=f"{row.name}: labels .* shape"):
            call(*grad, np.zeros((3, 5)), bad)
    for bad in (np.ones(3, bool), np.ones((3, 5), complex), np.full(3, "a")):
        with pytest.raises(TypeError, match=row.name):
            call(*grad, np.zeros((3, 5)), bad)
    with pytest.raises(ValueError, match=f"{row.name}: reduction is 'max'"):
        call(*grad, np.zeros((3, 5)), np.zeros(3, int), reduction="max")


@both_labels
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_reductions(namespace, kind, dtype, axis):
    row = ROW_FUNCTIONS["softmax_cross_entropy"]
    x, labels = draw(row, (12, 7), axis % 2, np.dtype(dtype), kind)
    arguments = x, labels, axis
    losses = namespace.softmax_cross_entropy(*arguments)
    slopes = namespace.softmax_cross_entropy_derivative(*arguments)
    eps = 4 * np.finfo(dtype).eps
    for reduction, scale in ("none", 1), ("sum", 1), ("mean", 1 / losses.size):
        value = namespace.softmax_cross_entropy(*arguments, reduction)
        expected = losses if reduction == "none" else losses.sum(dtype="d") * scale
        np.testing.assert_allclose(value, expected, rtol=eps)
        both = namespace.softmax_cross_entropy_with_derivative(*arguments, reduction)
        derivative = namespace.softmax_cross_entropy_derivative(*arguments, reduction)
        assert_same(both[0], value)
        assert_same(both[1], derivative)
        assert value.dtype == derivative.dtype == dtype
        np.testing.assert_allclose(derivative, slopes * scale, rtol=eps, atol=eps)
        grad = (
            np.linspace(-1, 2, losses.size).astype(dtype)
            if reduction == "none"
            else dtype_of(dtype)
        )
        back = namespace.softmax_cross_entropy_backward(grad, *arguments, reduction)
        spread = np.expand_dims(grad, axis) if reduction == "none" else grad
        np.testing.assert_allclose(back, spread * derivative, rtol=eps, atol=eps)


def dtype_of(dtype):
    return np.dtype(dtype).type(0.5)


def test_mean_of_no_losses(namespace):
    with np.errstate(all="raise"):
        mean = namespace.softmax_cross_entropy(np.ones((0, 3)), np.ones(0, int), reduction="mean")
    assert np.isnan(mean)
    assert namespace.softmax_cross_entropy(np.ones((0, 3)), np.ones(0, int), reduction="sum") == 0


def test_labels_are_probabilities_of_one(namespace):
    x = random_generator("one-hot").standard_normal((9, 12))
    labels = np.arange(9) % 5
    for dtype in "fd":
        pairs = zip(
            namespace.softmax_cross_entropy_with_derivative(x.astype(dtype), labels),
            namespace.softmax_cross_entropy_with_derivative(x.astype(dtype), np.eye(12)[labels]),
        )
        for one, other in pairs:
            assert_close(one, other, np.dtype(dtype))


# Machine code --------------------------------------------------------------------------------

TIERS = fastact.backends.cython.runnable() if "cython" in fastact.backends.runnable() else []


@pytest.mark.skipif(not TIERS, reason="no extension is built")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 code")
@pytest.mark.skipif(not shutil.which("objdump"), reason="needs binutils")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, needed", [("maxima", 1), ("exponentials", 4), ("total", 4)])
@pytest.mark.parametrize("tier", TIERS)
def test_passes_are_vectorised(tier, name, needed, dtype):
    """Each pass in each of its forms: rows beside each other and joined, kinds of terms."""
    loops = innermost_loops(tier, name, dtype)
    if name == "maxima":  # may stay in registers, as the sums, which are doubles
        packed = [
            loop for loop in loops if loop.has(rf"^v?(maxp|andp|blendvp).\s.*{REGISTERS[tier]}")
        ]
    elif name == "total":
        packed = [loop for loop in loops if loop.has(rf"^v?addpd\s.*{REGISTERS[tier]}")]
    else:
        packed = [loop for loop in loops if loop.is_packed(tier, dtype)]
    if name == "exponentials":
        packed = [loop for loop in packed if loop.has(r"^v?psll[dq]\s+\$0x(17|34),")]
    assert len(packed) >= needed


# Names and documents -------------------------------------------------------------------------


@every_row
def test_signatures_are_equal_on_all(row):
    found = [inspect.signature(getattr(ns, row.name)) for ns in IMPLEMENTATIONS.values()]
    assert len(set(found)) == 1
    names = list(found[0].parameters)
    assert names[: len(row.inputs)] == list(row.inputs) and names[len(row.inputs)] == "axis"
    assert found[0].parameters["axis"].default == -1


@every_row
def test_public(row):
    function = getattr(fastact, row.name)
    assert row.name in fastact.__all__ and function.__name__ == row.name
    doc = function.__doc__
    for text in (row.summary, row.reference, row.special, *row.formulas):
        assert text in doc
    for name in inspect.signature(function).parameters:
        assert f"\n{name} : " in doc


@every_row
def test_table(row):
    assert isinstance(row, RowFunction) and ROW_FUNCTIONS[row.name] is row
    assert len(row.formulas) == len(row.max_ulp) == len(row.magnitudes)
    assert all(isinstance(ulp, int) and 0 < ulp <= 6 for ulp in row.max_ulp)
