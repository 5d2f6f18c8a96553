"""benchmarks/accuracy.py: it counts right, finds what is wrong, goes on where it stopped."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import oracle
import pytest
import roots

from fastact.activations import ACTIVATIONS

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import _readme
import _scans
import _taylor
import accuracy
import accuracy_table
from _ulp import Worst, Zone, scales, worst_of

SILU = replace(ACTIVATIONS["sigmoid"], name="silu", formula="x / (1 + exp(-x))")
FLOAT64 = np.dtype(np.float64)


@pytest.fixture
def run(tmp_path):
    """Run the script in this process; its exit status and its records."""

    def run(*arguments, output=tmp_path):
        common = ["--quick", "--workers", "1", "--points", "50000", "--output", str(output)]
        status = accuracy.main([*common, *arguments])
        return status, json.loads((output / "accuracy.json").read_text())["errors"]

    return run


# Counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.dtype("float16"), np.dtype("float32")], ids=str)
def test_errors_are_counted_as_the_oracle_counts(dtype):
    rng = oracle.random_generator(dtype)
    info = np.finfo(dtype)
    exponents = rng.uniform(info.minexp - info.nmant, info.maxexp, 10_000)
    exact = np.exp2(exponents) * rng.choice([-1, 1], exponents.size)
    actual = exact.astype(dtype)
    for _ in range(3):
        actual = np.nextafter(actual, rng.choice([-np.inf, np.inf], actual.size).astype(dtype))
    keep = np.isfinite(actual)
    exact, actual = exact[keep], actual[keep]
    expected = oracle.ulp_error(actual, oracle.exact_from_float64(exact, dtype))
    scale = scales(exact, exact, dtype, Zone())
    found = worst_of(exact, actual.astype(np.float32), exact, scale, Worst())
    assert 3 < found.error == expected.max()
    assert found.at == exact[expected.argmax()]


@pytest.mark.parametrize(
    "actual, exact, error",
    [
        (np.nan, np.nan, 0),
        (np.nan, 1, np.inf),
        (1, np.nan, np.inf),
        (np.inf, np.inf, 0),
        (-np.inf, np.inf, np.inf),
        (np.inf, 1e39, 0),
        (3e38, 1e39, np.inf),
        (np.inf, 3e38, np.inf),
        (0, 0, 0),
        (0, 2.0**-148, 2),
    ],
)
def test_what_is_not_a_number_stands_for_itself(actual, exact, error):
    actual, exact = np.array([actual], np.float32), np.array([exact], np.float64)
    scale = scales(exact, exact, np.float32, Zone())
    assert worst_of(exact, actual, exact, scale, Worst()).error == error


@pytest.mark.parametrize("exact, error", [(2.0**128 - 1.5 * 2.0**103, 0.75), (2.0**127, 2**23)])
def test_an_overflow_counts_as_the_power_of_two_that_it_is_rounded_to(exact, error):
    x, exact = np.float32([1]), np.array([exact])
    scale = scales(x.astype(float), exact, np.float32, Zone())
    assert worst_of(x, np.float32([np.inf]), exact, scale, Worst()).error == error


def test_of_equal_errors_the_one_nearer_to_0_counts():
    a, b, c = Worst(1.0, -3.0), Worst(1.0, 5.0), Worst(2.0, 9.0)
    assert a.merge(b) == b.merge(a) == a
    assert a.merge(c) == c.merge(a) == c


def test_series_are_what_mpmath_says(row):
    rng = oracle.random_generator(row.name)
    parameters = oracle.defaults(row)
    centres = _taylor.centres(row, parameters, 32, rng)
    for series, solve in zip(
        _taylor.series(row, parameters, centres), (oracle.value, oracle.derivative), strict=True
    ):
        x = _taylor.neighbours(series, 4, rng)
        assert np.unique(x).size > 0.9 * x.size
        exact = oracle.exact([solve(row, v, parameters) for v in x.ravel().tolist()], FLOAT64)
        # Within PRECISION of a power of 2 it is open in which ulp to count.
        inside_a_binade = np.abs(np.frexp(exact.nearest)[0]) != 0.5
        for off in 0, 3:
            with np.errstate(over="ignore"):
                actual = exact.nearest + off * inside_a_binade * exact.ulp
            expected = oracle.ulp_error(actual, exact).max()
            found = _taylor.worst_of(x, actual.reshape(x.shape), series, Zone())
            assert abs(found.error - expected) < _taylor.PRECISION


def test_a_root_of_the_derivative_is_no_harder():
    """There the derivative's ulp is the smallest that there is."""
    row, rng = ACTIVATIONS["hard_swish"], np.random.default_rng(0)
    series = dict(zip(_scans.OPERATIONS, _taylor.series(row, (), np.array([-1.5]))))
    x = _taylor.neighbours(series["value"], 500, rng)
    scan = _scans.WideScan(row.name, "float64", ("numpy",), x.size, 0)
    for (_, operation), function in scan.contenders.items():
        found = _taylor.worst_of(x, function(x), series[operation], scan.zones[operation])
        assert 0 < found.error < 2


# Near a root of f' ---------------------------------------------------------------------------


def test_a_root_is_forgiven_and_a_tail_is_not():
    low, high = roots.near_root(SILU)
    assert low < -1.2784645427610738 < high
    for end in low, high:
        assert abs(oracle.derivative(SILU, end)) == pytest.approx(0.5 / 8, rel=0.02)
    assert low > -2.4  # the minimum of f', where the tail begins

    x = np.array([-20.0, -1.2784, 1.0])
    exact = oracle.exact([oracle.derivative(SILU, v) for v in x], FLOAT64)
    counted = roots.counted_near_root(exact, x, SILU, 4)
    off = exact.nearest + 2.0**-53 * np.array([0, 1.99, 0])  # the bound is 2 ulp(0.5)
    assert oracle.ulp_error(off, exact)[1] > 1000
    assert oracle.ulp_error(off, counted)[1] == pytest.approx(3.98, rel=1e-3)
    np.testing.assert_array_equal(counted.ulp[[0, 2]], exact.ulp[[0, 2]])

    zone = Zone(low, high, roots.least_ulp(SILU, 4, np.float32))
    narrow = exact.nearest.astype(np.float32) + np.float32(2.0**-24) * np.array([0, 1.9, 0], "f")
    wide = exact.nearest
    error = worst_of(x, narrow, wide, scales(x, wide, np.float32, zone), Worst()).error
    assert error == pytest.approx(3.8, abs=0.2)


def test_kinks_are_no_roots():
    folded = replace(
        ACTIVATIONS["leaky_relu"], parameters=(), kinks=(("0", "0"),), formula="abs(x)"
    )
    assert roots.near_root(folded) is None
    assert roots.near_root(ACTIVATIONS["tanh"]) is None


# The script ----------------------------------------------------------------------------------


def test_the_worst_inputs_have_the_errors_that_are_reported(run):
    chosen = "--functions", "tanh", "leaky_relu", "--dtypes", "float16", "float32"
    status, records = run(*chosen, "--implementations", "numpy")
    assert status == 0
    assert len(records) == 2 * 2 * 2
    for record in records:
        row, dtype = ACTIVATIONS[record["function"]], np.dtype(record["dtype"])
        at, parameters = float(dtype.type(record["at"])), oracle.defaults(row, dtype)
        suffix = _scans.OPERATIONS[record["operation"]]
        function = getattr(_scans.fastact_namespaces()["numpy"], row.name + suffix)
        exact = oracle.exact([getattr(oracle, record["operation"])(row, at, parameters)], dtype)
        error = oracle.ulp_error(function(np.array([at], dtype), *parameters), exact)
        assert abs(error - record["max_ulp"]) < 1e-3
        assert record["max_ulp"] <= record["promise"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_planted_error_breaks_the_promise(run, monkeypatch, dtype):
    right = _scans.fastact_namespaces()["numpy"]

    def tanh(x):
        y = right.tanh(x)
        return np.where((0.3 < x) & (x < 0.4), y + 3 * np.spacing(y), y)

    planted = SimpleNamespace(tanh=tanh, tanh_derivative=right.tanh_derivative)
    monkeypatch.setitem(_scans.fastact_namespaces(), "planted", planted)
    chosen = "--functions", "tanh", "--dtypes", dtype, "--implementations", "planted"
    status, records = run(*chosen)
    assert status == 1
    (broken,) = filter(accuracy.is_broken, records)
    assert (broken["implementation"], broken["operation"]) == ("planted", "value")
    assert 0.3 < float(broken["at"]) < 0.4
    assert 3 <= broken["max_ulp"] < 5


@pytest.mark.parametrize("same_kernels", [True, False])
def test_an_interrupted_run_goes_on(run, monkeypatch, tmp_path, same_kernels):
    monkeypatch.setattr(_scans.NarrowScan, "CHUNK", 1 << 14)
    chosen = "--functions", "sigmoid", "--dtypes", "float32", "--implementations", "numpy"
    _, expected = run(*chosen, output=tmp_path / "at_once")
    scanned, scan = [], _scans.NarrowScan.scan

    def interrupted(self, chunk):
        if len(scanned) == 2:
            raise KeyboardInterrupt
        scanned.append(chunk)
        return scan(self, chunk)

    with monkeypatch.context() as patched:
        patched.setattr(_scans.NarrowScan, "scan", interrupted)
        with pytest.raises(SystemExit, match="goes on"):
            run(*chosen)
        assert scanned == [0, 1]
    unfinished = tmp_path / "accuracy.unfinished.json"
    assert unfinished.exists()

    def counted(self, chunk):
        scanned.append(chunk)
        return scan(self, chunk)

    monkeypatch.setattr(_scans.NarrowScan, "scan", counted)
    if not same_kernels:
        monkeypatch.setattr(accuracy, "fingerprint", lambda: "other kernels")
    assert run(*chosen) == (0, expected)
    assert scanned == [0, 1, 2, 3] if same_kernels else [0, 1, 0, 1, 2, 3]
    assert not unfinished.exists()


def test_a_later_run_replaces_only_its_records(run):
    both = "--dtypes", "float16", "--implementations", "numpy", "--functions"
    _, before = run(*both, "tanh", "sigmoid")
    _, after = run(*both, "sigmoid")
    assert before == after and len(after) == 4


def test_worker_processes_find_the_same(run):
    chosen = "--functions", "tanh", "--dtypes", "float32", "--implementations", "numpy"
    assert run(*chosen) == run(*chosen, "--workers", "2")


# The README ----------------------------------------------------------------------------------


def test_the_readme_has_the_table_of_the_results():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("these tests have been copied away from the README")
    text = readme.read_text(encoding="utf-8")
    results = json.loads((ROOT / "benchmarks" / "results" / "accuracy.json").read_text())["errors"]
    assert text == _readme.insert(text, "accuracy", accuracy_table.table(results))
    assert "| `tanh` |" in text


def test_the_table_shows_the_worst_implementation():
    record = {"function": "tanh", "operation": "value", "dtype": "float32"}
    records = [
        record | {"implementation": name, "max_ulp": error}
        for name, error in [
            ("cython-avx2", 1.25),
            ("numba", 1.75),
            ("PyTorch", None),
            ("NumPy idiom", 2e6),
        ]
    ]
    line = accuracy_table.table(records).splitlines()[-1]
    assert line == "| `tanh` | 1.75 /  | 2e+06 /  | inf /  |  |  |  |"
