"""Whatever the strides, the alignment, the byte order and the shapes: the same bits come out."""

import numpy as np
import oracle
import pytest
from conftest import IMPLEMENTATIONS
from oracle import as_tuple, assert_same

#: What happens around a formula is the same for all: see conftest.of_each_kind.
pytestmark = pytest.mark.of_each_kind

SENTINEL = 77.0
#: More than NumPy's buffer of 8192 elements, and no multiple of any vector's length.
SHAPE = (67, 131)


def place(array, strides):
    """A copy of 2-D `array` inside a larger buffer, seen through a slice of that buffer."""
    rows, columns = (slice(None, None, step) for step in strides)
    shape = [n * abs(step) for n, step in zip(array.shape, strides)]
    view = np.full(shape, SENTINEL, array.dtype)[rows, columns]
    view[...] = array
    return view


def misaligned(array):
    """A copy of `array` that starts one byte off."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def read_only(array):
    view = array.copy()
    view.flags.writeable = False
    return view


LAYOUTS = {
    "contiguous": np.copy,
    "strided": lambda a: place(a, (1, 3)),
    "strided rows": lambda a: place(a, (2, 1)),
    "reversed": lambda a: place(a, (-1, -1)),
    "transposed": lambda a: a.T.copy().T,
    "misaligned": misaligned,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
}
IN_LAYOUTS = LAYOUTS | {"read-only": read_only}


def outs(arrays):
    """The value of ``out=`` for these outputs."""
    return arrays if len(arrays) > 1 else arrays[0]


def test_layouts_in_and_out(function, call, dtype):
    """Every layout of the inputs into every layout of the outputs, and into none."""
    plain = function.draw(SHAPE, dtype)
    expected = as_tuple(call(*plain))
    for relayout in IN_LAYOUTS.values():
        inputs = [relayout(a) for a in plain]
        for result, same in zip(as_tuple(call(*inputs)), expected, strict=True):
            assert_same(result, same)
        for layout in LAYOUTS.values():
            targets = tuple(layout(np.full(SHAPE, SENTINEL, dtype)) for _ in expected)
            results = as_tuple(call(*inputs, out=outs(targets)))
            for result, target, same in zip(results, targets, expected, strict=True):
                assert result is target
                assert_same(target.astype(dtype), same)
        for array, same in zip(inputs, plain):
            np.testing.assert_array_equal(array, same)


def test_one_operand_laid_out_otherwise(function, call, dtype):
    plain = function.draw(SHAPE, dtype)
    expected = as_tuple(call(*plain))
    for relayout in IN_LAYOUTS.values():
        for odd in range(function.nin):
            inputs = [relayout(a) if i == odd else a for i, a in enumerate(plain)]
            for result, same in zip(as_tuple(call(*inputs)), expected, strict=True):
                assert_same(result, same)


@pytest.mark.parametrize("name", IN_LAYOUTS)
def test_layouts_are_what_they_say(name, dtype):
    array = np.arange(12, dtype=dtype).reshape(3, 4)
    view = IN_LAYOUTS[name](array)
    np.testing.assert_array_equal(view, array)
    flags, (rows, columns) = view.flags, view.strides
    traits = {
        "contiguous": flags.c_contiguous,
        "strided": columns == 3 * dtype.itemsize,
        "strided rows": columns == dtype.itemsize and not flags.c_contiguous,
        "reversed": rows < 0 and columns < 0,
        "transposed": flags.f_contiguous and not flags.c_contiguous,
        "misaligned": not flags.aligned,
        "byte-swapped": not view.dtype.isnative,
        "read-only": not flags.writeable,
    }
    assert traits[name]


def test_non_contiguous_out_leaves_its_gaps(function, call, dtype):
    inputs = function.draw(50, dtype)
    expected = as_tuple(call(*inputs))
    for step in 2, 3, -2:
        buffers = [np.full(50 * abs(step), SENTINEL, dtype) for _ in expected]
        targets = tuple(buffer[::step] for buffer in buffers)
        call(*inputs, out=outs(targets))
        for buffer, target, same in zip(buffers, targets, expected, strict=True):
            assert_same(target, same)
            assert (buffer == SENTINEL).sum() == buffer.size - same.size


def test_every_length(function, call, dtype):
    """Lengths 1 to 70 equal one element at a time, and nothing beyond the ends is touched."""
    inputs = function.draw(80, dtype)
    singly = [as_tuple(call(*[a[i : i + 1] for a in inputs])) for i in range(80)]
    expected = [np.concatenate(results) for results in zip(*singly)]
    for length in range(1, 71):
        some = slice(length % 9, length % 9 + length)
        buffers = [np.full(length + 2, SENTINEL, dtype) for _ in expected]
        targets = tuple(buffer[1:-1] for buffer in buffers)
        call(*[a[some] for a in inputs], out=outs(targets))
        for buffer, target, same in zip(buffers, targets, expected, strict=True):
            assert_same(target, same[some])
            assert buffer[0] == buffer[-1] == SENTINEL


def test_pieces_of_a_long_array(function, call, dtype):
    """Blocks, wherever a backend cuts them, leave no seam."""
    inputs = function.draw(100_003, dtype)
    expected = as_tuple(call(*inputs))
    cuts = np.sort(oracle.random_generator("cuts").choice(100_003, 9, replace=False))
    pieces = [np.split(a, cuts) for a in inputs]
    results = zip(*[as_tuple(call(*piece)) for piece in zip(*pieces)])
    for result, same in zip(results, expected, strict=True):
        assert_same(np.concatenate(result), same)


@pytest.mark.only(having=lambda of: of.row.cost == "copy" or of.row.name == "hard_tanh")
@pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)
def test_outputs_that_no_cache_holds(function, implementation, dtype):
    """Wherever a large output begins, all of it is written and nothing beyond."""
    call = function.on(IMPLEMENTATIONS[implementation])
    inputs = function.draw(1009, dtype)
    expected = as_tuple(call(*inputs))
    times = 2**25 // dtype.itemsize // 1009 + 1
    large = [np.tile(a, times) for a in inputs]
    buffers = [np.full(large[0].size + 6, SENTINEL, dtype) for _ in expected]
    targets = tuple(buffer[i : i - 6] for i, buffer in enumerate(buffers, 1))
    call(*large, out=outs(targets))
    for i, (buffer, target, same) in enumerate(zip(buffers, targets, expected, strict=True), 1):
        assert_same(target.reshape(times, 1009), np.tile(same, (times, 1)))
        assert (buffer[:i] == SENTINEL).all() and (buffer[i - 6 :] == SENTINEL).all()


def test_zero_dimensional_and_scalars(function, call, dtype):
    """0-d arrays and scalars give scalars, 0-d `out` is filled and returned."""
    inputs = function.draw(1, dtype)
    expected = as_tuple(call(*inputs))
    zero_d = [a.reshape(()) for a in inputs]
    scalars = [a[0] for a in inputs]
    for arguments in zero_d, scalars:
        for result, same in zip(as_tuple(call(*arguments)), expected, strict=True):
            assert type(result) is dtype.type
            assert result == same[0]
        targets = tuple(np.array(SENTINEL, dtype) for _ in expected)
        results = as_tuple(call(*arguments, out=outs(targets)))
        for result, target, same in zip(results, targets, expected, strict=True):
            assert result is target and target == same[0]


def test_lists(function, call):
    inputs = function.draw((3, 4), np.float64)
    expected = as_tuple(call(*inputs))
    results = as_tuple(call(*[a.tolist() for a in inputs]))
    for result, same in zip(results, expected, strict=True):
        assert_same(result, same)


def test_empty(function, call, dtype):
    for shape in (0,), (0, 3), (3, 0, 2):
        inputs = [np.empty(shape, dtype) for _ in range(function.nin)]
        for result in as_tuple(call(*inputs)):
            assert result.shape == shape and result.dtype == dtype
        targets = tuple(np.empty(shape, dtype) for _ in range(function.nout))
        results = as_tuple(call(*inputs, out=outs(targets)))
        for result, target in zip(results, targets, strict=True):
            assert result is target


def test_in_place(function, call, dtype):
    """Each input as each output, the others apart."""
    for shape in (3,), (20_011,), SHAPE:
        check_in_place(function, call, dtype, shape)


def check_in_place(function, call, dtype, shape):
    plain = function.draw(shape, dtype)
    expected = as_tuple(call(*plain))
    for source in range(function.nin):
        for sink in range(function.nout):
            for layout in np.copy, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]:
                inputs = [layout(a) for a in plain]
                targets = [np.full(shape, SENTINEL, dtype) for _ in expected]
                targets[sink] = inputs[source]
                results = as_tuple(call(*inputs, out=outs(tuple(targets))))
                for result, target, same in zip(results, targets, expected, strict=True):
                    assert result is target
                    assert_same(result, same)
                for i, (a, same) in enumerate(zip(inputs, plain)):
                    if i != source:
                        assert_same(a, same)


def test_one_array_as_every_input(function, call, dtype):
    x = function.draw(1000, dtype)[-1]
    inputs = [x] * function.nin
    expected = as_tuple(call(*[x.copy() for _ in inputs]))
    for result, same in zip(as_tuple(call(*inputs)), expected, strict=True):
        assert_same(result, same)
    targets = (x, *[np.empty_like(x) for _ in expected[1:]])
    call(*inputs, out=outs(targets))
    for target, same in zip(targets, expected, strict=True):
        assert_same(target, same)


@pytest.mark.parametrize("size", [40, 20_011])
def test_overlap(function, call, dtype, size):
    """An output that is an input shifted: as if the input had been copied first."""
    for shift in -16, -3, -1, 1, 3, 16:
        check_overlap(function, call, dtype, size, shift)


def check_overlap(function, call, dtype, size, shift):
    wide = function.draw(size + abs(shift), dtype)
    source = slice(max(0, -shift), max(0, -shift) + size)
    sink = slice(max(0, shift), max(0, shift) + size)
    expected = as_tuple(call(*[a[source].copy() for a in wide]))
    for place_in in range(function.nin):
        for place_out in range(function.nout):
            buffer = wide[place_in].copy()
            inputs = [buffer[source] if i == place_in else a[source] for i, a in enumerate(wide)]
            targets = [np.empty(size, dtype) for _ in expected]
            targets[place_out] = buffer[sink]
            assert np.shares_memory(inputs[place_in], targets[place_out])
            call(*inputs, out=outs(tuple(targets)))
            for target, same in zip(targets, expected, strict=True):
                assert_same(target, same)


def test_overlap_reversed(function, call, dtype):
    inputs = function.draw(1001, dtype)
    expected = as_tuple(call(*[a.copy() for a in inputs]))
    targets = (inputs[0][::-1], *[np.empty(1001, dtype) for _ in expected[1:]])
    call(*inputs, out=outs(targets))
    for target, same in zip(targets, expected, strict=True):
        assert_same(target, same)


@pytest.mark.parametrize("size", [12, 20_011])
def test_where(function, call, dtype, size):
    """What the mask leaves out keeps its value."""
    inputs = function.draw(size, dtype)
    expected = as_tuple(call(*inputs))
    some = oracle.random_generator("mask").random(size) < 0.4
    assert 0 < some.sum() < size
    for mask in some, ~some, np.array(True), np.array(False), True, False:
        targets = tuple(np.full(size, SENTINEL, dtype) for _ in expected)
        results = as_tuple(call(*inputs, out=outs(targets), where=mask))
        for result, target, same in zip(results, targets, expected, strict=True):
            assert result is target
            assert_same(target, np.where(mask, same, dtype.type(SENTINEL)))


def test_where_broadcasts_and_works_in_place(function, call, dtype):
    inputs = function.draw((6, 9), dtype)
    expected = as_tuple(call(*inputs))
    before = inputs[0].copy()
    for mask in np.arange(9) % 2 == 0, (np.arange(6) % 3 == 0)[:, None]:
        x = before.copy()
        targets = (x, *[np.full_like(x, SENTINEL) for _ in expected[1:]])
        call(x, *inputs[1:], out=outs(targets), where=mask)
        assert_same(targets[0], np.where(mask, expected[0], before))


def test_broadcasting_operands(function, call, dtype):
    """Rows against columns against a stack of both; stride 0 included."""
    shapes = [(5, 1, 7), (3, 7), (5, 3, 1), (7,)][: function.nin]
    inputs = [function.draw(shape, dtype)[place] for place, shape in enumerate(shapes)]
    spread = [a.copy() for a in np.broadcast_arrays(*inputs)]
    for result, same in zip(as_tuple(call(*inputs)), as_tuple(call(*spread)), strict=True):
        assert_same(result, same)
    repeated = [np.broadcast_to(a, (2, *a.shape)) for a in spread]
    for result, same in zip(as_tuple(call(*repeated)), as_tuple(call(*spread)), strict=True):
        assert_same(result[0], same)
        assert_same(result[1], same)


def test_inputs_broadcast_to_out(function, call, dtype):
    inputs = function.draw(7, dtype)
    expected = as_tuple(call(*inputs))
    targets = tuple(np.full((4, 7), SENTINEL, dtype) for _ in expected)
    call(*inputs, out=outs(targets))
    for target, same in zip(targets, expected, strict=True):
        assert_same(target, np.tile(same, (4, 1)))


@pytest.mark.only(having=lambda function: function.row.parameters)
def test_parameters_broadcast(function, call, dtype):
    """A scalar, a 0-d array, one per channel, one per element, and of another float."""
    # Scaled to lie about where the parameters make a difference.
    operands = [a / dtype.type(4) for a in function.draw((5, 6), dtype)]
    operands = operands[: len(function.operation.inputs)]
    shifts = range(len(function.row.parameters))  # a maximum is above its minimum
    per_channel = [np.linspace(0.0625, 0.5, 6).astype(dtype) + dtype.type(i) for i in shifts]
    forms = {
        "0-d": [np.array(0.25 + i, dtype) for i in shifts],
        "scalar": [dtype.type(0.25 + i) for i in shifts],
        "float": [0.25 + i for i in shifts],
        "channel": per_channel,
        "row": [np.linspace(0.0625, 0.5, 5).astype(dtype)[:, None] + dtype.type(i) for i in shifts],
        "element": [
            np.linspace(0.125, 1, 30).astype(dtype).reshape(5, 6) + dtype.type(i) for i in shifts
        ],
        "float16": [p.astype(np.float16) for p in per_channel],
        "list": [[0.25 + i] * 6 for i in shifts],
    }
    seen = []
    for form, parameters in forms.items():
        spread = [np.broadcast_to(p, (5, 6)).astype(dtype) for p in parameters]
        expected = as_tuple(call(*operands, *spread))
        by_name = {p.name: v for p, v in zip(function.row.parameters, parameters)}
        for results in as_tuple(call(*operands, *parameters)), as_tuple(call(*operands, **by_name)):
            for result, same in zip(results, expected, strict=True):
                # A list is of float64, as for any ufunc.
                assert result.dtype == (np.float64 if form == "list" else dtype)
                np.testing.assert_allclose(result, same, rtol=4 * np.finfo(dtype).eps)
                if form != "list":
                    assert_same(result, same)
        seen.append(expected[-1].tobytes())
    # A derivative of 0 or 1 changes in few places.
    assert len(set(seen)) >= (4 if len(shifts) == 1 else 2)


@pytest.mark.only(having=lambda function: (function.nin, function.nout) == (2, 1))
def test_reduce_and_accumulate_go_one_by_one(function, call, dtype):
    """Of a real ufunc: each result is the next call's first input, in any layout."""
    ufunc = getattr(call, "ufunc", call)
    if isinstance(ufunc, np.ufunc):
        for inputs in np.abs(function.draw(20, dtype)[0]), np.abs(function.draw(40, dtype)[0])[::2]:
            expected = [inputs[0]]
            for x in inputs[1:]:
                expected.append(ufunc(expected[-1], x))
            assert_same(ufunc.accumulate(inputs), np.array(expected))
            assert_same(ufunc.reduce(inputs), expected[-1])


def test_order_keyword(function, call, dtype):
    inputs = [np.asfortranarray(a) for a in function.draw((5, 6), dtype)]
    expected = as_tuple(call(*[np.ascontiguousarray(a) for a in inputs]))
    for order, flag in [("K", "F"), ("A", "F"), ("F", "F"), ("C", "C")]:
        for result, same in zip(as_tuple(call(*inputs, order=order)), expected, strict=True):
            assert_same(result, same)
            assert result.flags[f"{flag}_CONTIGUOUS"]


def test_positional_out(function, call, dtype):
    inputs = function.draw(9, dtype)
    expected = as_tuple(call(*inputs))
    targets = [np.empty(9, dtype) for _ in expected]
    ufunc = getattr(call, "ufunc", call)
    for result, target, same in zip(
        as_tuple(ufunc(*inputs, *targets)), targets, expected, strict=True
    ):
        assert result is target
        assert_same(result, same)


def test_out_given_in_part(function, call, dtype):
    """``out=(None, slope)`` makes the first and fills the second."""
    inputs = function.draw(9, dtype)
    expected = as_tuple(call(*inputs))
    for given in range(function.nout):
        targets = [np.empty(9, dtype) if i == given else None for i in range(function.nout)]
        results = as_tuple(call(*inputs, out=tuple(targets)))
        assert results[given] is targets[given]
        for result, same in zip(results, expected, strict=True):
            assert_same(result, same)


class Wrapped(np.ndarray):
    """A subclass, to see whether it comes back."""


def test_subclasses_pass_through(function, call, dtype):
    inputs = function.draw(6, dtype)
    for result in as_tuple(call(*[a.view(Wrapped) for a in inputs])):
        assert type(result) is Wrapped
    for result in as_tuple(call(*[a.view(Wrapped) for a in inputs], subok=False)):
        assert type(result) is np.ndarray


class Overriding:
    """An operand that takes the call over, as those of xarray and Dask do."""

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return ufunc.__name__, method, len(inputs)


def test_array_ufunc_is_honoured(function, call):
    arguments = [
        Overriding(),
        *[1.0] * (len(function.operation.inputs) - 1),
        *function.row.required,
    ]
    assert call(*arguments) == (function.name, "__call__", function.nin)


def test_outputs_that_are_refused(function, call, dtype):
    inputs = function.draw(8, dtype)
    good = [np.full(8, SENTINEL, dtype) for _ in as_tuple(call(*inputs))]
    for bad in (read_only(good[0]), np.full(7, SENTINEL, dtype), np.full((), SENTINEL, dtype)):
        with pytest.raises(ValueError):
            call(*inputs, out=outs((*good[1:], bad)))
    assert all((array == SENTINEL).all() for array in good)
