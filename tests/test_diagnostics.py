"""Diagnostics: the counts are exact however the data come, and each planted fault is found."""

import doctest
import io
import json
import subprocess
import sys
from itertools import pairwise
from math import inf, isnan

import numpy as np
import pytest
from _lecture.network import OPTIMIZERS, Network, digits, train
from oracle import random_generator
from threadpoolctl import threadpool_limits

import fastact
from fastact.activations import ACTIVATIONS
from fastact.diagnostics import PRESETS, LayerStatistics, Monitor, _passes, flat_regions

UNITS = 300  # more than a tile of the compiled pass, and no multiple of its vectors
SUMS = [
    "mean",
    "variance",
    "mean_abs",
    "grad_abs",
    "grad_square",
    "same_sign",
    "offset",
    "grad_norm",
]
COUNTS = ["examples", "below", "above", "near_zero", "nonfinite", "active", "grad_nonfinite"]


def draw(rows, dtype="float64", units=UNITS, seed=0, broken=True):
    """Inputs, outputs and gradients of a tanh layer, some of them NaN or infinite."""
    rng = random_generator("diagnostics", rows, units, seed)
    z = rng.normal(0, 3, (rows, units)).astype(dtype)
    y, grad = fastact.tanh(z), rng.normal(0, 1e-3, (rows, units)).astype(dtype)
    if broken and rows:
        for array, value in (y, np.nan), (y, np.inf), (grad, -np.inf), (grad, np.nan):
            array[rng.integers(rows, size=5), rng.integers(units, size=5)] = value
    return z, y, grad


def statistics(*batches, units=UNITS):
    found = LayerStatistics(units, *flat_regions("tanh", 0.01), 0.05)
    for batch in batches:
        found.update(*batch)
    return found


def assert_same(found, expected, rtol=1e-12):
    for name in COUNTS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name in SUMS:
        # A mean near 0 is what large terms left of one another: it is as exact as their size is.
        cancelled = expected.mean_abs.max() if name == "mean" else 1e-3
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol, rtol * cancelled, err_msg=name
        )


# The accumulators ----------------------------------------------------------------------------


def test_against_the_definitions():
    z, y, grad = draw(500)
    found = statistics((z, y, grad))
    low, high = flat_regions("tanh", 0.01)
    finite, kept = np.isfinite(y), np.ma.masked_invalid(y)
    assert 0 < found.nonfinite.sum() == (~finite).sum() <= 10
    np.testing.assert_array_equal(found.below, (z <= low).sum(axis=0))
    np.testing.assert_array_equal(found.above, (z >= high).sum(axis=0))
    np.testing.assert_array_equal(found.near_zero, (y <= 0.05).sum(axis=0))
    np.testing.assert_array_equal(found.grad_nonfinite, (~np.isfinite(grad)).sum(axis=0))
    np.testing.assert_allclose(found.mean, kept.mean(axis=0), 1e-12, 1e-15)
    np.testing.assert_allclose(found.variance, kept.var(axis=0), 1e-12)
    np.testing.assert_allclose(found.mean_abs, abs(kept).mean(axis=0), 1e-12)
    assert found.offset == pytest.approx(abs(kept.mean()) / kept.std(), rel=1e-9)
    positive, negative = (y > 0).sum(axis=1), (y < 0).sum(axis=1)
    majority = np.maximum(positive, negative) / (positive + negative)
    assert found.same_sign == pytest.approx(majority.mean(), rel=1e-12)
    squares = np.ma.masked_invalid(grad) ** 2
    assert found.grad_norm == pytest.approx(np.sqrt(squares.sum(axis=1).mean()), rel=1e-12)
    assert found.grad_mean_abs == pytest.approx(abs(np.ma.masked_invalid(grad)).mean(), rel=1e-12)


@pytest.mark.parametrize("cuts", [(), (1,), (0, 0, 128), (7, 8, 9, 200), range(1, 500)], ids=str)
def test_any_chunking_gives_the_same(dtype, cuts):
    arrays = draw(500, dtype)
    edges = [0, *cuts, 500]
    batches = [tuple(a[i:j] for a in arrays) for i, j in pairwise(edges)]
    assert_same(statistics(*batches), statistics(arrays))


def test_merging_is_streaming(dtype):
    arrays = draw(400, dtype)
    parts = [statistics(tuple(a[i : i + 100] for a in arrays)) for i in range(0, 400, 100)]
    parts[2].merge(parts[3])
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    assert_same(parts[0], statistics(arrays))


def test_strides_and_more_axes():
    z, y, grad = (np.asfortranarray(a) for a in draw(120))
    wide = [np.repeat(a, 2, axis=0)[::2] for a in (z, y, grad)]
    assert not wide[0].flags.c_contiguous or not z.flags.c_contiguous
    expected = statistics(tuple(np.ascontiguousarray(a) for a in (z, y, grad)))
    assert_same(statistics((z, y, grad)), expected)
    assert_same(statistics(tuple(a[::-1][::-1] for a in wide)), expected)
    assert_same(statistics(tuple(np.reshape(a, (4, 30, UNITS)) for a in (z, y, grad))), expected)


def test_a_mean_far_from_zero_costs_no_digits():
    """Where E y^2 - (E y)^2 has nothing left: the control shows that the data are hard."""
    rng = np.random.default_rng(0)
    y = 1e8 + rng.standard_normal((1000, 5))
    found = statistics((y[:300], y[:300]), (y[300:], y[300:]), units=5)
    np.testing.assert_allclose(found.variance, y.var(axis=0), 1e-8)
    assert np.abs((y**2).mean(axis=0) - y.mean(axis=0) ** 2 - y.var(axis=0)).max() > 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 3, 255, 256, 257, 1000])
def test_the_compiled_pass_counts_as_numpy_does(dtype, units):
    if _passes.compiled is None:
        pytest.skip("no extension is built")
    z, y, grad = draw(37, dtype, units)
    z[0, 0], z[1, 0], y[2, 0], y[3, 0] = 1, -1, 0.05, -0.0
    results = []
    for outputs, gradients in (
        (_passes.compiled.outputs, _passes.compiled.gradients),
        (_passes.numpy_outputs, _passes.numpy_gradients),
    ):
        counts, active = np.zeros((4, units), np.int64), np.full(units, 99)
        moments, grads = np.zeros((2, 3, units))
        for i, part in enumerate((slice(20), slice(20, None))):  # the second adds to the first
            signed, shares = outputs(
                z[part], y[part], -1.0, 1.0, 0.05, 20 * i, counts, moments, active
            )
            gradients(grad[part], grads)
        results.append((counts, active, signed, grads[0], moments, shares, grads))
    for found, expected in zip(*(result[:4] for result in results)):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(*(result[4:] for result in results)):
        np.testing.assert_allclose(found, expected, 1e-12, 1e-12)
    assert all(count.any() for count in results[0][0])


def test_integers_bools_and_readonly_are_taken():
    z = np.arange(-6, 6).reshape(4, 3)
    z.flags.writeable = False
    assert statistics((z, z > 0), units=3).near_zero.tolist() == [3, 2, 2]


@pytest.mark.parametrize(
    "z, y, error, words",
    [
        (np.ones((2, 4)), np.ones((2, 4)), ValueError, "4"),
        (np.ones((2, 3)), np.ones((5, 3)), ValueError, "y has 5 rows"),
        (np.ones((2, 3), complex), np.ones((2, 3)), TypeError, "complex128"),
        (np.full((2, 3), "x"), np.ones((2, 3)), TypeError, "<U1"),
        (np.ones((2, 3), np.longdouble), np.ones((2, 3)), TypeError, "longdouble|float128"),
        (1.0, 1.0, ValueError, r"shape \(\)"),
    ],
)
def test_bad_arrays(z, y, error, words):
    found = statistics(units=3)
    with pytest.raises(error, match=words):
        found.update(z, y)
    assert found.examples == 0


def test_only_like_is_merged():
    for other in LayerStatistics(4), LayerStatistics(3, low=1.0):
        with pytest.raises(ValueError, match="cannot be merged"):
            LayerStatistics(3).merge(other)
    LayerStatistics(3).merge(LayerStatistics(3))  # no thresholds: NaN, which equals itself here


# Where an activation is flat -----------------------------------------------------------------


def test_flat_regions_are_the_derivatives(row):
    """Flat beyond the ends, steep just inside them, and there are ends where the row saturates."""

    def derivative(z):
        return getattr(fastact, row.name + "_derivative")(z, *row.required)

    low, high = flat_regions(row.name, 0.01)
    most = np.abs(derivative(np.linspace(-30, 30, 60_001))).max()
    for end, sign in (low, -1), (high, 1):
        assert isnan(end) == (sign * inf not in row.saturates)
        if not isnan(end):
            beyond = end + sign * np.concatenate([[0], np.geomspace(1e-3, 300, 200)])
            assert np.abs(derivative(beyond)).max() <= 0.01 * most * 1.01
            assert np.abs(derivative(np.nextafter(end, -sign * inf))) >= 0.01 * most * 0.99


def test_known_regions():
    assert flat_regions("relu", 0.01)[0] == 0
    low, high = flat_regions("tanh", PRESETS["karpathy"].flatness)
    assert np.tanh([low, high]) == pytest.approx([-0.97, 0.97], rel=1e-9)
    assert PRESETS["sagemaker"].flat["tanh"] == (-9.4999, 9.4999)


# The monitor ---------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
HEALTHY = RNG.standard_normal((200, 50))
SIZES = {"h1": 1.0, "h2": 1.0, "h3": 1.0}


def report(activation="relu", steps=5, grads=SIZES, change=None, preset="fastact", update=1e-3):
    """A report of layers of normal inputs; `change` alters the second layer's z and y."""
    monitor = Monitor(dict.fromkeys(SIZES, activation), preset)
    weights = RNG.standard_normal((50, 50))
    for _ in range(steps):
        for name, size in grads.items():
            z = RNG.standard_normal((64, 50))
            y = None
            if name == "h2" and change:
                z, y = change(z)
            monitor.layer(name, z, y, size * RNG.standard_normal((64, 50)))
            monitor.update(name, weights, update * RNG.standard_normal((50, 50)))
    return monitor.report()


def kill(z):
    z[:, :30] = -5
    return z, None


def poison(z):
    y = fastact.relu(z)
    y[3, 4] = np.nan
    return z, y


FAULTS = {
    "dead": dict(change=kill),
    "saturated": dict(activation="tanh", change=lambda z: (50 * z, None)),
    "not centred": dict(activation="sigmoid", change=lambda z: (0.1 * z, None)),
    "vanishing": dict(grads={"h1": 1e-4, "h2": 1e-2, "h3": 1.0}),
    "exploding": dict(grads={"h1": 1e4, "h2": 1e2, "h3": 1.0}),
    "not finite": dict(change=poison),
    "large updates": dict(update=0.5),
    "small updates": dict(update=1e-9),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_found(kind):
    findings = report(**FAULTS[kind]).findings
    assert {finding.kind for finding in findings} == {kind}
    layers = {finding.layer for finding in findings}
    assert layers == set(
        SIZES if "updates" in kind else ["h1"] if kind in ("vanishing", "exploding") else ["h2"]
    )
    for finding in findings:
        assert finding.layer in finding.text and "threshold" in finding.text and ";" in finding.text
        above = finding.value > finding.threshold
        assert above == (kind not in ("vanishing", "small updates"))


def test_the_control_of_the_faults_has_none():
    assert report().findings == []
    assert report("tanh").findings == []


def test_death_is_dated():
    monitor = Monitor({"h": "relu"}, window=10)
    for step in range(40):
        z = RNG.standard_normal((64, 50))
        if step >= 12:
            z[:, :20] = -1
        if step >= 23:
            z[:, 20:31] = -1
        monitor.layer("h", z)
        if step == 21:
            (finding,) = monitor.report().findings
            assert finding.text.startswith("h: 40 % of the units are dead since step 12 (")
    (finding,) = monitor.report().findings
    assert finding.text.startswith("h: 62 % of the units are dead since step 23 (threshold 10 %)")
    assert "leaky_relu" in finding.text
    assert monitor.dead("h").tolist() == [True] * 31 + [False] * 19


def test_a_window_forgets():
    monitor = Monitor({"h": "relu"}, window=10)
    for step in range(30):
        z = RNG.standard_normal((64, 50))
        monitor.layer("h", kill(z)[0] if step < 15 else z)
        dead = bool(monitor.report().findings)
        assert dead == (1 <= step < 15)  # a first batch of 64 is too small to tell


def test_presets_disagree_where_they_should():
    """Each calls its own kind of unit dead."""
    z = RNG.standard_normal((1000, 50))
    z[1:, :20] = -1  # active once: not silent, but on less than one in a hundred
    z[0, :20] = 1
    z[:, 20:30] = 0.001  # always active, always near zero
    dead = {}
    for preset in PRESETS:
        monitor = Monitor({"h": "relu"}, preset)
        monitor.layer("h", z)
        dead[preset] = int(monitor.dead("h").sum())
    assert dead == {"fastact": 0, "sagemaker": 20, "karpathy": 0, "fastai": 10, "redo": 30}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_can_be_monitored(activation):
    monitor = Monitor({"h": activation})
    monitor.layer("h", HEALTHY, grad=HEALTHY)
    assert not {"dead", "not finite"} & {f.kind for f in monitor.report().findings}


@pytest.mark.parametrize("seed", range(10))
def test_no_false_alarm_on_a_healthy_run(seed):
    """He's initialisation, relu, Adam, digits: nothing is reported, at any time."""
    monitor = Monitor({"h1": "relu", "h2": "relu", "h3": "relu"}, window=40)
    network, alarms = Network("relu", [64, 64, 64], seed), []
    before = [w.copy() for w in network.weights]

    def watch(network):
        for i, name in enumerate(["h1", "h2", "h3"]):
            monitor.layer(name, network.z[i], network.h[i + 1], network.delta[i])
            monitor.update(name, before[i], network.weights[i] - before[i])
            before[i] = network.weights[i].copy()
        alarms.extend(monitor.report().findings)

    data = digits(seed)
    with threadpool_limits(1):
        train(network, data, 1e-3, 8, seed, OPTIMIZERS["Adam"], watch)
    assert network.accuracy(data[1], data[3]) > 0.9
    assert not alarms


def test_a_deadly_run_is_reported():
    """The control of the false alarms: the same network where units do die."""
    monitor = Monitor({"h1": "relu", "h2": "relu"})
    network = Network("relu", [64, 64], 0)

    def watch(network):
        for i, name in enumerate(["h1", "h2"]):
            monitor.layer(name, network.z[i], network.h[i + 1], network.delta[i])

    train(network, digits(), 2.0, 20, 0, watch=watch)
    assert "dead" in {finding.kind for finding in monitor.report().findings}


def test_wrong_calls():
    with pytest.raises(ValueError, match="'rellu' is unknown; there are identity"):
        Monitor({"h": "rellu"})
    with pytest.raises(ValueError, match="there are fastact, sagemaker"):
        Monitor({"h": "relu"}, "keras")
    with pytest.raises(ValueError, match="window"):
        Monitor({"h": "relu"}, window=1)
    with pytest.raises(ValueError, match="no layers"):
        Monitor({})
    monitor = Monitor({"h": "relu"})
    with pytest.raises(KeyError, match="'g' is unknown; there are h"):
        monitor.layer("g", HEALTHY)
    with pytest.raises(ValueError, match="layer\\(\\) comes before"):
        monitor.update("h", HEALTHY, HEALTHY)
    with pytest.raises(ValueError, match="nothing was seen"):
        monitor.statistics("h")
    monitor.layer("h", HEALTHY)
    with pytest.raises(ValueError, match="h: z has shape \\(200, 49\\), the layer 50 units"):
        monitor.layer("h", HEALTHY[:, 1:])
    with pytest.raises(ValueError, match="h: grad has 100 rows, z has 200"):
        monitor.layer("h", HEALTHY, grad=HEALTHY[:100])
    with pytest.raises(ValueError, match="h: weights have shape"):
        monitor.update("h", HEALTHY, HEALTHY.T)
    assert monitor.statistics("h").examples == 200


def test_an_empty_batch_is_no_step():
    monitor = Monitor({"h": "relu"})
    monitor.layer("h", HEALTHY[:0])
    monitor.layer("h", HEALTHY)
    (row,) = monitor.report().rows
    assert row["steps"] == 1 and row["examples"] == 200


def test_memory_is_constant():
    """A long run keeps no more than a short one, and its plot still spans it."""
    monitor, z = Monitor({"h": "relu"}, window=2), HEALTHY[:2, :3]
    for _ in range(3000):
        monitor.layer("h", z)
    history = monitor._layers["h"].history
    steps = [point["step"] for point in history]
    assert 100 < len(history) < 256
    assert steps[-1] > 2900 and len(set(np.diff(steps))) == 1


# The report ----------------------------------------------------------------------------------


def test_the_report_in_its_forms():
    from rich.console import Console

    found = report(change=kill)
    told = json.loads(json.dumps(found.to_dict()))
    assert [layer["layer"] for layer in told["layers"]] == list(SIZES)
    assert told["layers"][1]["dead"] == 0.6 and told["findings"][0]["kind"] == "dead"
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(found)
    for text in str(found), console.export_text(), found._repr_html_():
        assert "h3" in text and "60.0%" in text and "60 % of the units are dead" in text
    html = report(change=kill)._repr_html_()
    assert html.count("<tr>") == 4 and "<li>h2: " in html
    assert "Nothing is wrong." in str(report())


def test_names_are_escaped():
    monitor = Monitor({"<b>": "relu"})
    monitor.layer("<b>", HEALTHY)
    assert "<b>" not in monitor.report()._repr_html_()


def test_the_plot_has_a_line_a_layer():
    monitor = Monitor(dict.fromkeys(SIZES, "relu"), window=4)
    for _ in range(9):
        for name in SIZES:
            monitor.layer(name, HEALTHY, grad=HEALTHY)
    figure = monitor.plot()
    figure.canvas.draw()
    assert [len(axes.lines) for axes in figure.axes] == [3] * 4
    assert list(figure.axes[2].lines[0].get_xdata()) == [2, 4, 6, 8, 9]


def test_the_docstring_s_example():
    failed, attempted = doctest.testmod(sys.modules[Monitor.__module__])
    assert attempted > 4 and not failed


def test_nothing_is_imported_before_it_is_used():
    code = (
        "import sys, fastact; assert 'fastact.diagnostics' not in sys.modules\n"
        "m = fastact.diagnostics.Monitor({'h': 'relu'}); m.layer('h', [[1.0, -1.0]])\n"
        "str(m.report()); m.report()._repr_html_()\n"
        "print({'rich', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# The command ---------------------------------------------------------------------------------


def diagnose(*arguments):
    command = [sys.executable, "-m", "fastact", "diagnose", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_reports_on_a_file(tmp_path):
    saved = {"h1.z": kill(HEALTHY.copy())[0], "h1.grad": HEALTHY, "h2": 99 * HEALTHY}
    np.savez(tmp_path / "run.npz", **saved)
    done = diagnose(tmp_path / "run.npz", "--activation", "h2=tanh")
    text = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "h1: 60 % of the units are dead" in text and "h2: 98 % of the outputs are sat" in text


def test_the_command_says_what_is_wrong_with_a_file(tmp_path):
    file = tmp_path / "run.npz"
    assert "No such file" in diagnose(file).stderr
    cases = [
        ({}, [], "no layers to monitor"),
        ({"h.y": HEALTHY}, [], "h.z is missing"),
        ({"h.q": HEALTHY}, [], "h.q: an array is LAYER.z"),
        ({"h": HEALTHY, "h.grad": HEALTHY.T}, [], "h: grad has shape"),
        ({"h": HEALTHY, "h.weights": HEALTHY}, [], "weights and update come together"),
        ({"h": np.array(["text"])}, [], "h: ufunc 'relu'"),
        ({"h": np.array([{}])}, [], "not an .npz file of arrays of numbers"),
        ({"h": HEALTHY}, ["--activation", "rellu"], "'rellu' is unknown"),
        ({"h": HEALTHY}, ["--activation", "g=relu"], "no such layer"),
        ({"h": HEALTHY}, ["--preset", "keras"], "the preset 'keras' is unknown"),
    ]
    for arrays, arguments, words in cases:
        np.savez(file, **arrays)
        done = diagnose(file, *arguments)
        assert done.returncode == 2 and words in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr
    file.write_bytes(b"PK\x03\x04 broken")
    assert "not an .npz file" in diagnose(file).stderr
    np.save(tmp_path / "one.npy", HEALTHY)
    assert "not an .npz file" in diagnose(tmp_path / "one.npy").stderr
