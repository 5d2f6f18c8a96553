"""Data that is not ours: the inputs and outputs with which NumPy validates its own tanh."""

import csv
from pathlib import Path

import numpy as np
import pytest

DATA = Path(np.__file__).parent / "_core" / "tests" / "data" / "umath-validation-set-tanh.csv"


@pytest.mark.skipif(not DATA.exists(), reason="this NumPy comes without its tests")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_passes_numpys_validation_set(namespace, dtype):
    with DATA.open(newline="") as file:
        kept = (line for line in file if not line.startswith("#"))
        rows = [row for row in csv.DictReader(kept) if row["dtype"] == f"np.{dtype.__name__}"]
    integer = f"i{np.dtype(dtype).itemsize}"
    x, expected = (
        np.array([int(row[name], 16) for row in rows], integer.replace("i", "u")).view(dtype)
        for name in ("input", "output")
    )
    tolerance = np.array([int(row["ulperrortol"]) for row in rows])
    actual = namespace.tanh(x)
    numbers = ~np.isnan(expected)
    assert numbers.sum() > 500
    assert np.isnan(actual[~numbers]).all()
    # Of equal sign the bits of floats count ulp.
    np.testing.assert_array_equal(np.signbit(actual)[numbers], np.signbit(expected)[numbers])
    distance = np.abs(actual.view(integer) - expected.view(integer))
    assert (distance <= tolerance)[numbers].all()
