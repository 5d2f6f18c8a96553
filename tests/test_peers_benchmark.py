"""benchmarks/peers.py and training_step.py: everybody computes the same, or is not timed."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import fastact
from fastact.activations import ACTIVATIONS, OPERATIONS
from fastact.backends import runnable

ROOT = Path(__file__).parents[1]
import _comparison
import _peers
import _readme
import _targets
import peers
import peers_table
import training_step
from _cells import DISTRIBUTIONS, TOLERANCE, Block, aligned, error_of
from _held import environment

#: Results that are no better than float32's, which float64's tolerance finds.
IMPRECISE = {
    "PyTorch": {"hard_sigmoid_derivative", "hard_sigmoid_with_derivative", "hard_sigmoid_backward"},
    "ONNX Runtime": {"gelu_tanh", "quick_gelu", "soft_shrink", "hard_shrink"},
}
COMPILERS = ["Numba", "JAX"]


class Fake(_peers.Peer):
    """A peer that gives what fastact does plus an error, in time; or has nothing."""

    def __init__(self, error=0.0, has=()):
        self.error, self.has, self.calls = error, has, 0

    def call(self, row, suffix, operands):
        if row.name not in self.has:
            return None

        def run():
            self.calls += 1
            for array in operands.out:
                fastact.tanh(operands.x, out=array)
                np.add(array, self.error, out=array)

        return _peers.Call(run, ())


def told(records, names=()):
    """What the script says of records."""
    console = Console(width=170, file=StringIO())
    _comparison.tell(records, dict.fromkeys(names, ""), None, console)
    return console.file.getvalue()


# Adapters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", _peers.PEERS)
def test_everybody_computes_the_same(name, row):
    if name not in _peers.available():
        pytest.skip(f"{name} is not installed")
    peer = _peers.load([name])[name]
    for dtype in TOLERANCE:
        block = Block(dtype, "1 K", "ordinary")
        x, grad, *out = block.arrays
        for operation in row.operations():
            # One that uses both formulas is enough where each takes a second to compile.
            if name in COMPILERS and (dtype, operation.suffix) != ("float32", "_with_derivative"):
                continue
            operands = _peers.Operands(x, grad, tuple(out[: len(operation.outputs)]))
            call = peer.call(row, operation.suffix, operands)
            if call is None:
                continue
            inputs = {"x": x, "grad": grad, "y": getattr(fastact, row.name)(x, *row.required)}
            function = row.name + operation.suffix
            expected = getattr(fastact, function)(
                *(inputs[i] for i in operation.inputs), *row.required
            )
            expected = expected if isinstance(expected, tuple) else (expected,)
            error = error_of(call.results(operands.out), expected)
            assert bool(error) == (dtype == "float64" and function in IMPRECISE.get(name, ())), (
                f"{function} {dtype}: {error}"
            )


def test_the_idiom_has_all_but_what_numpy_has_not(row):
    """So that every function has a peer; and accuracy.py finds there what it looks for."""
    idiom = _peers.load([_peers.IDIOM])[_peers.IDIOM]
    pair = idiom.functions(row)
    assert (pair is None) == (row.cost == "erf")
    if pair is not None:
        x = np.linspace(-4, 4, 99)
        expected = getattr(fastact, row.name)(x, *row.required)
        np.testing.assert_allclose(pair[0](x), expected, atol=1e-9)


# Cells ---------------------------------------------------------------------------------------


def test_who_is_wrong_is_told_and_not_timed():
    fakes = {
        "right": Fake(has=["tanh"]),
        "wrong": Fake(error=1e-3, has=["tanh"]),
        "absent": Fake(),
    }
    record = Block("float32", "1 K", "ordinary").record(ACTIVATIONS["tanh"], "", fakes, 0)
    assert record["absent"] == ["absent"] and list(record["wrong"]) == ["wrong"]
    assert fakes["wrong"].calls == 1 < fakes["right"].calls
    assert set(record["ns"]) == {"fastact", "right", "np.copyto", "relu"}
    # Doing the same and more.
    assert 0 < record["ratio"]["right"] < 1
    text = told([record], fakes)
    assert "tanh float32 1 K ordinary: wrong gives" in text and " wrong " in text
    assert "No peer has" not in text


@pytest.mark.parametrize(
    "results",
    [
        [np.zeros(3)],
        [np.ones(3, np.float32)],
        [np.ones(4)],
        [np.full(3, np.nan)],
        [np.ones(3), np.ones(3)],
        [np.array([1, 1, 1 + 1e-8])],
    ],
)
def test_wrong_results_are_found(results):
    assert error_of(results, [np.ones(3)])
    assert not error_of([np.array([1, 1, 1 + 1e-12])], [np.ones(3)])


def test_a_function_without_a_peer_is_listed():
    record = Block("float32", "1 K", "ordinary").record(ACTIVATIONS["tanh"], "", {"x": Fake()}, 0)
    assert "No peer has: tanh" in told([record], ["x"])


def test_two_calls_are_timed_for_one():
    block = Block("float64", "1 K", "ordinary")
    record = block.record(ACTIVATIONS["sigmoid"], "_with_derivative", {}, 0)
    assert 0 < record["ratio"]["f + f_derivative"] < 2
    assert set(record["ratio"]) == {"np.copyto", "relu", "f + f_derivative"}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_distributions_are_what_they_are_called(dtype, distribution):
    x = Block(dtype, "1 K", distribution).arrays[0]
    assert np.unique(x).size > 0.9 * x.size and np.isfinite(x).all()
    slopes = fastact.sigmoid_derivative(x)
    tiny = np.finfo(dtype).tiny
    assert {
        "ordinary": lambda: (x > 0).mean() > 0.4 and slopes.mean() > 0.1,
        "saturated": lambda: slopes.max() < 1e-5,
        "all negative": lambda: (x < 0).all(),
        "subnormal": lambda: 0.4 < ((slopes > 0) & (slopes < tiny)).mean() < 0.6,
    }[distribution]()


def test_arrays_begin_on_a_cache_line():
    arrays = [aligned(size, "float32") for size in range(1, 100)]
    assert {array.ctypes.data % 64 for array in arrays} == {0}


# What is told --------------------------------------------------------------------------------


def made_up(ratio, **facts):
    record = {
        "function": "sigmoid",
        "operation": "",
        "dtype": "float32",
        "size": 2**14,
        "distribution": "ordinary",
        "ns": {"fastact": ratio, "np.copyto": 0.1, "PyTorch": 1, "SciPy": 100},
        "ratio": {"PyTorch": ratio, "SciPy": ratio / 100, "np.copyto": 10},
        "wrong": {},
        "absent": [],
        "cpus": 1.0,
    }
    return record | facts


def test_targets_are_reached_or_not():
    fast, slow = made_up(0.5), made_up(1.25, size=2**18)
    assert _comparison.fastest(slow) == ("PyTorch", 1.25)
    assert [ratio for ratio, _ in _comparison.losses([fast, slow])] == [1.25]

    def verdicts(*records):
        lines = _comparison.targets(records, None)
        return [line for line in lines if "float32 sigmoid f" in line]

    assert [line.split()[0] for line in verdicts(fast)] == ["reached", "reached"]
    assert ["NOT" in line for line in verdicts(fast, slow)] == [True, False]
    text = told([fast, slow], ["PyTorch", "SciPy"])
    assert "1 of 2 cells" in text and "1.25 sigmoid float32 256 K" in text
    # Another dtype, distribution or size says nothing of it.
    for other in {"dtype": "float64"}, {"distribution": "saturated"}, {"size": 2**10}:
        assert all("not measured" in line for line in verdicts(made_up(9, **other)))


def test_targets_speak_of_what_there_is():
    suffixes = [operation.suffix for operation in OPERATIONS]
    known = {*_peers.PEERS, _targets.FASTEST, "relu", "np.copyto", "f + f_derivative"}
    for target in _targets.TARGETS:
        assert set(target.functions) <= set(ACTIVATIONS) and target.against in known
        assert target.operation in suffixes and set(target.sizes) <= set(peers.ALL_SIZES)


def test_the_readme_has_the_table():
    table = peers_table.table(
        [made_up(0.5, size=2**18), made_up(1.5, size=2**18, wrong={"JAX": ""})]
    )
    assert table.splitlines() == [
        "| ns an element | fastact | JAX | PyTorch | SciPy |",
        "| --- | --- | --- | --- | --- |",
        "| `sigmoid` | **0.50** |  | 1.00 | 100.00 |",
        "| `sigmoid` | 1.50 | wrong | **1.00** | 100.00 |",
    ]
    readme, results = ROOT / "README.md", ROOT / "benchmarks" / "results" / "peers.json"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        assert all(marker in text for marker in _readme.markers("peers"))
        if results.exists():
            table = peers_table.table(json.loads(results.read_text())["cells"])
            assert text == _readme.insert(text, "peers", table)


# The scripts ---------------------------------------------------------------------------------


def run(script, *arguments):
    command = [sys.executable, ROOT / "benchmarks" / script, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_peers_runs(tmp_path):
    tier = ["--tier", "baseline"] if "cython" in runnable() else []
    stem = "peers_baseline" if tier else "peers"
    chosen = [name for name in ("NumPy idiom", "SciPy") if name in _peers.available()]
    done = run(
        *("peers.py", "--quick", "--functions", "sigmoid", "tanh", "--sizes", "1 K"),
        *("--distributions", "ordinary", "subnormal", *tier, "--seconds", "0"),
        *("--peers", *chosen, "--output", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / f"{stem}.json").read_text())
    assert results["machine"]["tier"] == ("baseline" if tier else None)
    cells = results["cells"]
    assert len(cells) == 2 * 2 * 2 * 3  # functions, dtypes, distributions, operations
    assert all(set(cell["ns"]) >= {"fastact", chosen[0]} for cell in cells)
    assert np.median([cell["cpus"] for cell in cells]) < 1.2  # the progress bar has a thread
    for dtype in TOLERANCE:
        assert (tmp_path / f"{stem}_{dtype}.png").stat().st_size > 10_000
    assert "Targets" in done.stdout and "SciPy" in done.stdout


def test_a_peer_that_is_not_there_is_an_error(capsys):
    with pytest.raises(SystemExit):
        peers.main(["--peers", "Fortran"])
    assert _peers.IDIOM in capsys.readouterr().err


@pytest.mark.parametrize("tier", [None, "avx2", "baseline"])
def test_everybody_is_held(tier):
    variables = environment(tier, 1)
    assert variables["OMP_NUM_THREADS"] == "1"
    assert ("ATEN_CPU_CAPABILITY" in variables) == (tier is not None)
    assert variables.get("FASTACT_ISA") == tier
    assert all(flag.startswith("--") for flag in variables["XLA_FLAGS"].split())


def test_training_step_runs(tmp_path):
    done = run(
        *("training_step.py", "--activations", "silu", "--batches", 8, "--widths", 16, 32),
        *("--contenders", "NumPy idiom", "fastact", "PyTorch", "--seconds", 0.01),
        *("--output", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    steps = json.loads((tmp_path / "training_step.json").read_text())["steps"]
    by_contender = {step["contender"] for step in steps}
    assert by_contender >= {"NumPy idiom", "fastact"}
    if "PyTorch" not in by_contender:
        assert "without PyTorch: ModuleNotFoundError" in done.stdout
    assert all(0 < step["share"] < 1 and step["seconds"] > 0 for step in steps)


def test_a_network_that_learns_something_else_is_not_timed(monkeypatch):
    fakes = {_peers.IDIOM: Fake(error=0.01, has=["tanh"])}
    monkeypatch.setattr(training_step, "load", lambda names: fakes)
    networks, failures = training_step.contenders(
        training_step.Data(8, 16, 0), ACTIVATIONS["tanh"], 1, [_peers.IDIOM, "fastact"]
    )
    assert list(networks) == ["fastact"]
    assert failures == {_peers.IDIOM: "another result than fastact's"}
