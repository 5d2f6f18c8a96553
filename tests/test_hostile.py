"""Arrays made to break a loop: drawn by Hypothesis, of more than 2^31 elements and 2^63 bytes."""

import mmap
import os
import sys

import hostile
import numpy as np
import pytest
from conftest import IMPLEMENTATIONS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import assert_same
from test_selection import run

import fastact
from fastact import backends

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="maps memory as Linux does")

#: But Numba, whose loops are behind the same code as NumPy's and take seconds to compile.
LABELS = [name for name in IMPLEMENTATIONS if name != "numba"]
KINDS = [hostile.elementwise, hostile.over_axis, hostile.bias_backward]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("label", LABELS)
def test_hostile(label, kind):
    """Values, types, layouts, overlaps: see tests/hostile.py; fuzz_ufuncs.py tries more."""
    found = hostile.targets(IMPLEMENTATIONS[label])
    names = [name for name, target in found.items() if target.func is kind]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def draw(data):
        def choose(n):
            return data.draw(st.integers(0, n - 1))

        found[names[choose(len(names))]](hostile.Case(choose))

    draw()


# Longer than numbers hold --------------------------------------------------------------------

LONG = 2**31 + 7
#: About both ends, and where 31 bits end.
MARKED = [0, 1, 2**30 + 1, 2**31 - 2, 2**31 - 1, 2**31, LONG - 2, LONG - 1]
ROWS = 2**16 + 1, 2**15


def available():
    """Bytes of memory that can be had."""
    with open("/proc/meminfo") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if "MemAvailable" in line)


huge = pytest.mark.skipif(
    not os.environ.get("FASTACT_TEST_HUGE") or available() < 12e9,
    reason="FASTACT_TEST_HUGE=1 runs it, where there are 12 GB",
)


def zeros(dtype):
    """2^31 + 7 zeros but for those that are marked."""
    mapped = mmap.mmap(-1, LONG * dtype.itemsize)
    mapped.madvise(mmap.MADV_HUGEPAGE)  # pages of 4 KB take longer than all else
    x = np.frombuffer(mapped, dtype)
    x[MARKED] = np.linspace(-3, 4.5, len(MARKED))
    return x, x[MARKED]


def assert_elsewhere(x, value):
    """Every element that is not marked has this value."""
    differ = sum(np.count_nonzero(x[i : i + 2**24] != value) for i in range(0, LONG, 2**24))
    assert differ == len(MARKED)


@huge
@pytest.mark.parametrize("dtype, threads", [(np.dtype("e"), 1), (np.dtype("f"), 2)], ids=str)
def test_elements_in_place(dtype, threads):
    x, marked = zeros(dtype)
    fastact.threaded(fastact.hard_sigmoid, threads)(x, out=x)
    assert_same(x[MARKED], fastact.hard_sigmoid(marked))
    assert_elsewhere(x, 0.5)


@huge
def test_elements_reversed_and_of_stride_0():
    x, marked = zeros(np.dtype("e"))
    grad = np.broadcast_to(np.float16(3), LONG)
    fastact.hard_swish_backward(grad, x[::-1], out=x[::-1])
    assert_same(x[MARKED], fastact.hard_swish_backward(grad[: len(MARKED)], marked))
    assert_elsewhere(x, 1.5)


@huge
@pytest.mark.parametrize("axis", [0, 1])
def test_rows(axis):
    row = np.linspace(-9, 9, ROWS[1], dtype="e")
    x = np.broadcast_to(row, ROWS)
    y = fastact.softmax(x if axis else x.T, axis=axis)
    for place in 0, 1, 2**15 - 1, 2**15, 2**16 - 1, 2**16:
        np.testing.assert_array_max_ulp(y[place] if axis else y[:, place], fastact.softmax(row), 1)


@huge
def test_sums_of_columns():
    row = np.linspace(-9, 9, ROWS[1], dtype="e")
    grad, x = np.broadcast_to(np.float16(0.5), ROWS), np.broadcast_to(row, ROWS)
    grad_x, grad_b = fastact.bias_relu_backward(grad, x, np.zeros_like(row))
    assert_same(grad_b, np.where(row > 0, ROWS[0] / 2, 0).astype("e"))
    for place in 0, 2**16 - 1, 2**16:
        assert_same(grad_x[place], np.where(row > 0, grad[place], 0).astype("e"))


@pytest.mark.parametrize("backend", [name for name in backends.runnable() if name != "numba"])
def test_rows_whose_bytes_cannot_be_counted(backend):
    """An error, for what has no such memory; a row with stride 0 has every length."""
    code = """
import fastact, numpy as np
for dtype, lengths in {"e": [2**62 - 1], "f": [], "d": []}.items():
    size = max(np.dtype(dtype).itemsize, 4)
    for n in *lengths, 2**64 // (3 * size) + 2, 2**63 // (3 * size) + 2, 2**58:
        try:
            fastact.logsumexp(np.broadcast_to(np.dtype(dtype).type(1), n))
        except (MemoryError, ValueError) as error:
            print("error" if isinstance(error, MemoryError) or "big" in str(error) else error)
"""
    assert run(code, FASTACT_BACKEND=backend).split() == ["error"] * 10


@pytest.mark.skipif("cython" not in backends.runnable(), reason="of compiled loops")
def test_labels_that_are_changed_after_they_were_checked():
    """By another thread: nothing beyond the row is read or written."""
    code = """
import numpy as np
from importlib import import_module
from fastact.backends import cython
for tier in cython.runnable():
    ufuncs = import_module(f"fastact._ufuncs_{tier}").UFUNCS
    for x in np.zeros((3, 7)), np.zeros((1, 70)):
        for label in 7 * x.shape[1], 2**60, -(2**62):
            at = np.full(len(x), label)
            assert np.isfinite(ufuncs["label_entropy"](x, at)).all()
            loss, slope = ufuncs["label_entropy_with_derivative"](np.ones(len(x)), x, at)
            assert slope.shape == x.shape and np.isfinite(loss).all()
print("well")
"""
    assert run(code) == "well"
