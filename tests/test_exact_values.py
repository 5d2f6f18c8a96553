"""The promises of the table against stored results of mpmath, for where mpmath would take hours.

That is under an emulator, or on the machines of others that build wheels. ``python
tests/test_exact_values.py`` writes the file; tests/test_accuracy.py looks at a hundred times as
many points, and tests/test_operations_agree.py at the operations that are not here.
"""

from pathlib import Path

import numpy as np
import oracle
import pytest
from oracle import Exact, assert_within, exact_from_float64
from roots import counted_near_root

from fastact.activations import ACTIVATIONS

FILE = Path(__file__).with_name("exact_values.npz")
WIDE = [np.dtype("float32"), np.dtype("float64")]


def stored(key, dtype, *promises):
    """The inputs, and of each output what `assert_within` takes."""
    with np.load(FILE) as file:
        x, *outputs = file[f"{key} {dtype}"]
    assert np.unique(x).size > 60
    expected = []
    for numbers, ulp, promise in zip(outputs[::2], outputs[1::2], promises, strict=True):
        nearest = exact_from_float64(numbers, dtype).nearest
        with np.errstate(invalid="ignore"):
            rest = np.where(np.isfinite(nearest), (numbers - nearest) / ulp, 0.0)
        # Of float64 the nearest is stored, which is half an ulp off.
        expected.append((Exact(nearest, rest, ulp), promise + (dtype == np.float64) / 2))
    return x.astype(dtype), expected


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_value_and_derivative(row, namespace, dtype):
    x, expected = stored(row.name, dtype, *row.max_ulp)
    parameters = oracle.defaults(row, dtype)
    results = getattr(namespace, f"{row.name}_with_derivative")(x, *parameters)
    for result, (exact, promise) in zip(results, expected, strict=True):
        assert_within(result, exact, promise, x)


@pytest.mark.only(having=lambda row: row.from_output)
@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_derivative_from_output(row, namespace, dtype):
    y, [(exact, promise)] = stored(f"{row.name} y", dtype, row.max_ulp[1])
    parameters = oracle.defaults(row, dtype)
    function = getattr(namespace, f"{row.name}_backward_from_output")
    assert_within(function(np.ones_like(y), y, *parameters), exact, promise, y)


def test_a_wrong_value_is_found():
    x, [(exact, promise), _] = stored("tanh", WIDE[0], 2, 4)
    assert_within(exact.nearest, exact, promise, x)
    with pytest.raises(AssertionError, match="1 of"):
        off = exact.nearest.copy()
        off[np.argmax(x == 0.5)] += 4 * np.spacing(np.float32(0.46))
        assert_within(off, exact, promise, x)


def solve(row, dtype):
    """What is stored of a row: arrays by what follows its name."""
    parameters = oracle.defaults(row, dtype)
    every = oracle.points(row, dtype, parameters)
    few = oracle.special_values(dtype).size + 3 * len(row.kinks)
    x = np.concatenate([every[:few], every[few::61]])
    values = [oracle.value(row, v, parameters) for v in x.tolist()]
    slopes = [oracle.derivative(row, v, parameters) for v in x.tolist()]
    exact = [oracle.exact(numbers, dtype) for numbers in (values, slopes)]
    exact[1] = counted_near_root(exact[1], x, row, row.max_ulp[1], parameters)
    numbers = [[float(v) for v in numbers] for numbers in (values, slopes)]
    yield "", [x, numbers[0], exact[0].ulp, numbers[1], exact[1].ulp]
    if row.from_output:
        y = exact[0].nearest
        keep = np.isfinite(y)
        pairs = zip(y[keep].tolist(), x[keep].tolist())
        slopes = [oracle.derivative_at_output(row, b, a, parameters) for b, a in pairs]
        yield " y", [y[keep], [float(v) for v in slopes], oracle.exact(slopes, dtype).ulp]


def write():
    """Write the file anew."""
    found = {
        f"{row.name}{what} {dtype}": np.array(arrays, np.float64)
        for row in ACTIVATIONS.values()
        for dtype in WIDE
        for what, arrays in solve(row, dtype)
    }
    np.savez_compressed(FILE, **found)


if __name__ == "__main__":
    write()
