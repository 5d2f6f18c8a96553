"""Calls on arrays that were made to break a loop, drawn by `choose(n)`, a number below n.

Design
------
- All operands and outputs are views of one memory, so they overlap in every way. It is mapped
  without being there until it is touched, so that strides of gigabytes cost a page an element.
- Expected are the results on contiguous copies: bit for bit, but for the order of sums. Nothing
  may be written but the outputs: the memory around is compared byte by byte.
- Hypothesis draws the numbers in test_hostile.py, an engine of fuzzing in fuzz_ufuncs.py.
"""

import mmap
from functools import cache, partial
from itertools import accumulate

import numpy as np
from conftest import FUNCTIONS
from oracle import as_tuple, assert_same, random_generator, special_values

from fastact.activations import ACTIVATIONS
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import BIAS, BIAS_BACKWARD

FLOATS = [np.dtype(code) for code in "efd"]
INTEGERS = [np.dtype(code) for code in "bhil"]
try:
    import ml_dtypes

    BFLOAT16 = [np.dtype(ml_dtypes.bfloat16)]
except ImportError:
    BFLOAT16 = []

LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 33, 64, 67, 130, 513, 1025, 9001]
#: Elements of an operand; NumPy's buffers have 8192.
MOST = 20_000
#: Strides about where 31 and 32 bits end, and what all of them may reach.
HUGE, SPACE = [2**31 - 8, 2**31, 2**31 + 24, 2**32 + 8], 2**36
#: Where views lie that have no such stride.
START, WINDOW = SPACE // 2, 2**20


@cache
def memory():
    """The mapping, and as bytes the window."""
    no_reserve = 0x4000  # Linux's MAP_NORESERVE, of which Python knows from 3.13 on
    mapped = mmap.mmap(-1, SPACE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    return mapped, np.frombuffer(mapped, np.uint8, WINDOW, START)


@cache
def values(dtype, tame=False):
    """Numbers of every kind: special ones, ordinary ones, and any bits at all.

    `tame` ones are not so large that the order of a sum shows.
    """
    rng = random_generator(str(dtype))
    if dtype in INTEGERS:
        return rng.integers(-100, 100, MOST).astype(dtype)
    special = [*special_values(np.dtype("f") if dtype in BFLOAT16 else dtype), np.nan]
    bits = rng.integers(0, 256, MOST * dtype.itemsize, np.uint8).view(dtype)
    kind = rng.random(MOST)
    with np.errstate(all="ignore"):
        found = np.where(kind < 0.2, rng.choice(special, MOST), rng.normal(0, 4, MOST))
        found = np.where(kind > 0.9, bits, found.astype(dtype))
        return np.where(is_tame(found), found, dtype.type(3)) if tame else found


def is_tame(found):
    with np.errstate(invalid="ignore"):  # signalling NaN
        return ~np.isfinite(found) | (np.abs(found) < 20)


class Case:
    """What is drawn for a call."""

    def __init__(self, choose):
        self.choose, self.views = choose, []
        self.mapped, self.window = memory()
        self.window[:] = 0x5A
        for start, length in (0, START), (START + WINDOW, SPACE - START - WINDOW):
            self.mapped.madvise(mmap.MADV_DONTNEED, start, length)  # what the last case touched

    def one_in(self, n):
        return self.choose(n) == n - 1  # Hypothesis prefers 0

    def of(self, options):
        return options[self.choose(len(options))]

    def shape(self, least=0):
        shape = tuple(self.of(LENGTHS) for _ in range(least + self.choose(4 - least)))
        while np.prod(shape) > MOST:
            shape = tuple((n + 1) // 2 for n in shape)
        return shape

    def broadcasting_to(self, shape):
        if self.choose(2):
            return shape
        shape = tuple(1 if self.one_in(3) else n for n in shape)
        return shape[self.choose(len(shape) + 1) if self.one_in(3) else 0 :]

    def dtype(self, like, *others):
        """Mostly `like`, sometimes another, in either order of bytes."""
        if others and self.one_in(6):
            like = self.of(others)
        return like.newbyteorder() if like not in BFLOAT16 and self.one_in(4) else like

    def strides(self, shape, size):
        kind, axes = self.choose(6), [*range(len(shape))]
        if kind == 0:
            axes.reverse()
        elif kind > 1:  # any order of the axes
            axes.sort(key=lambda _: self.choose(len(shape)))
        lengths = (max(shape[axis], 1) for axis in axes)
        strides = dict(zip(axes, accumulate(lengths, int.__mul__, initial=size)))
        for axis in axes:
            if kind > 1:
                strides[axis] *= (1 + self.choose(3)) * (-1) ** self.choose(2)
            if kind == 4 and self.choose(2):
                strides[axis] = self.of([0, 0, self.choose(80) - 40])
            if kind == 5 and shape[axis] < 4 and self.choose(2):
                strides[axis] = self.of(HUGE) * (-1) ** self.choose(2)
        return tuple(strides[axis] for axis in range(len(shape)))

    def view(self, shape, dtype):
        """A view in any layout, at any place: over others, aligned or not."""
        strides = self.strides(shape, dtype.itemsize)
        ends = [stride * (n - 1) for n, stride in zip(shape, strides) if n]
        low, high = sum(min(end, 0) for end in ends), sum(max(end, 0) for end in ends)
        start = max(0, self.choose(1 + max(WINDOW - high + low, 0) // 64) * 64 - 64) - low
        if self.views and self.one_in(2):  # where another is, or near
            other = self.of(self.views)
            start = first_byte(other) + self.of([0, 0, 1, -1, 2, 16]) * dtype.itemsize
            if other.shape == shape and self.choose(2):
                strides = other.strides
        if self.one_in(5):
            start += 1 + self.choose(7)
        try:
            view = np.ndarray(shape, dtype, self.mapped, START + start, strides)
        except (TypeError, ValueError):  # it would leave the memory
            return self.view(shape, dtype)
        self.views.append(view)
        return view

    def fill(self, view, found):
        view[...] = np.resize(found[self.choose(97) :], view.shape)

    def outputs(self, expected, dtypes):
        """Where results go, None where that is left to the call."""
        outs = []
        for wanted in expected:
            given = self.choose(4)
            dtype = self.dtype(wanted.dtype, *dtypes)
            outs.append(self.view(wanted.shape, dtype) if given else None)
            if given:
                self.fill(outs[-1], values(dtype.newbyteorder("=")))
        return outs


def first_byte(view):
    """Its first element's, counted from the window's."""
    return view.__array_interface__["data"][0] - memory()[1].__array_interface__["data"][0]


def places(view):
    """All bytes of all elements, counted from the window's first."""
    found = np.arange(view.itemsize) + first_byte(view)
    for n, stride in zip(view.shape, view.strides):
        found = np.add.outer(np.arange(n) * stride, found)
    return found.ravel()


def plain(view, shape=None):
    """A contiguous copy in this machine's order of bytes."""
    view = view if shape is None else np.broadcast_to(view, shape)
    return np.array(view, view.dtype.newbyteorder("="), order="C")


def compare(case, call, inputs, outs, expected, assert_right, **keywords):
    """Call, compare the results with `expected`, and the memory around with what it was."""
    given = [out for out in outs if out is not None]
    before, kept = case.window.copy(), [None if out is None else plain(out) for out in outs]
    where = keywords.get("where", True)
    if given:
        keywords["out"] = tuple(outs) if len(outs) > 1 else outs[0]
    for view in inputs:
        view.flags.writeable = bool(case.choose(2)) or any(view is out for out in outs)
    results = as_tuple(call(*inputs, **keywords))
    written = np.concatenate([*map(places, given), np.empty(0, int)])
    near = written[(written >= 0) & (written < WINDOW)]
    before[near] = case.window[near]
    assert np.array_equal(before, case.window), "what is no output was written"
    # What is masked may be anything if it lay over an operand: NumPy's own ufuncs fail there too.
    shared = where is not True and any(np.may_share_memory(x, y) for x in inputs for y in given)
    # Of elements that lie on each other the last one written stays.
    ambiguous = np.unique(written).size < written.size
    for result, out, old, wanted in zip(results, outs, kept, expected, strict=True):
        if out is None:
            assert_right(np.asarray(result), wanted)
        elif not ambiguous:
            assert result is out
            with np.errstate(all="ignore"):
                wanted = wanted.astype(old.dtype)
            assert_right(plain(out), np.where(where, wanted, plain(out) if shared else old))


def elementwise(case, call, nin):
    """Of a ufunc, or what behaves as one."""
    call = getattr(call, "ufunc", call)
    shape, dtype = case.shape(), case.of([*FLOATS, *BFLOAT16])
    others = [] if dtype in BFLOAT16 else [*FLOATS, *INTEGERS]
    inputs = [
        case.view(case.broadcasting_to(shape), case.dtype(dtype, *others)) for _ in range(nin)
    ]
    for view in inputs:
        case.fill(view, values(view.dtype.newbyteorder("=")))
    with np.errstate(all="ignore"):
        outs = case.outputs(expected_of(call, inputs, shape), FLOATS)
        # Outputs may have been written over inputs.
        full = shape if any(out is not None for out in outs) else ()
        full = np.broadcast_shapes(full, *(view.shape for view in inputs))
        expected = expected_of(call, inputs, full)
        keywords = {"casting": "unsafe"}
        if all(out is not None for out in outs) and case.one_in(3):
            mask = np.resize(values(FLOATS[0])[case.choose(97) :] > 0, (*shape, 2))
            keywords["where"] = case.of([mask[..., 0], mask[..., 1].copy(), mask.all()])
        compare(case, call, inputs, outs, expected, assert_bits, **keywords)
    return True


def expected_of(call, inputs, shape):
    return [np.asarray(x) for x in as_tuple(call(*[plain(view, shape) for view in inputs]))]


def assert_bits(actual, wanted):
    assert actual.dtype == wanted.dtype
    assert_same(*map(widened, (actual, wanted)))


def widened(result):
    """bfloat16 as float32, which NumPy can compare."""
    return result.astype("f") if result.dtype in BFLOAT16 else result


def assert_close(actual, wanted):
    """Equal but for the order of sums, which the layout may change."""
    assert (actual.dtype, actual.shape) == (wanted.dtype, wanted.shape)
    eps = 8 * (2.0**-7 if wanted.dtype in BFLOAT16 else np.finfo(wanted.dtype).eps)
    actual, wanted = widened(actual), widened(wanted)
    largest = np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1)
    np.testing.assert_allclose(actual, wanted, rtol=eps, atol=eps * largest + 1e-10)


def of_tame(case, call, shapes, dtype, **keywords):
    """A function that sums, of inputs of these shapes; labels of (shape, n) are below n."""
    inputs = []
    for shape in shapes:
        n = shape[1] if shape and type(shape[0]) is tuple else None
        if n is None:
            inputs.append(case.view(shape, case.dtype(dtype)))
            case.fill(inputs[-1], values(dtype, tame=True))
        else:
            inputs.append(case.view(shape[0], case.dtype(np.dtype(case.of("hil")))))
            case.fill(inputs[-1], np.arange(9999, dtype="h") % n)

    def copies():
        """Of the inputs; None if what was written over them is not of their kind."""
        found = [plain(view) for view in inputs]
        for copy, shape in zip(found, shapes):
            labels = copy.dtype in INTEGERS
            if not (((0 <= copy) & (copy < shape[1])) if labels else is_tame(copy)).all():
                return None
        return found

    outs = []
    with np.errstate(all="ignore"):
        for _ in range(2):
            plain_inputs = copies()
            if plain_inputs is None:
                return False
            expected = [np.asarray(x) for x in as_tuple(call(*plain_inputs, **keywords))]
            outs = outs or case.outputs(expected, ())  # over the inputs, perhaps
        compare(case, call, inputs, outs, expected, assert_close, **keywords)
    return True


def over_axis(case, call, row):
    """Of a row of the table of functions over an axis."""
    shape = case.shape(least=1)
    axis = case.choose(len(shape))
    if row.activation:
        shape = tuple(n + n % 2 * (i == axis) for i, n in enumerate(shape))
    outer = shape[:axis] + shape[axis + 1 :]
    by_label = "labels" in row.inputs and shape[axis] > 0 and case.choose(2)
    shapes = dict.fromkeys(row.inputs, shape)
    if by_label:
        shapes["labels"] = outer, shape[axis]
    if "grad" in shapes and row.activation:
        shapes["grad"] = tuple(n // (1 + (i == axis)) for i, n in enumerate(shape))
    elif "grad" in shapes and ("labels" in shapes or row.name == "logsumexp_backward"):
        shapes["grad"] = outer
    return of_tame(
        case, call, shapes.values(), case.of(FLOATS), axis=axis - case.of([0, len(shape)])
    )


def bias_backward(case, call):
    shape = case.shape()
    return of_tame(
        case, call, [shape, shape, case.broadcasting_to(shape)], case.of([*FLOATS, *BFLOAT16])
    )


def targets(namespace):
    """For every function by name what draws a call of it, calls and compares."""
    found = {}
    for function in FUNCTIONS:
        found[function.name] = partial(elementwise, call=function.on(namespace), nin=function.nin)
    for row in ACTIVATIONS.values():
        if row.fused_bias:
            f, backward = (getattr(namespace, kind.name(row)) for kind in (BIAS, BIAS_BACKWARD))
            found[f.__name__] = partial(elementwise, call=f, nin=2 + len(row.parameters))
            found[backward.__name__] = partial(bias_backward, call=backward)
    for name, row in ROW_FUNCTIONS.items():
        found[name] = partial(over_axis, call=getattr(namespace, name), row=row)
    return found
