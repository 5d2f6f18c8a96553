"""scikit-learn's perceptrons on these kernels: what they compute, and that all is undone."""

import copy
import doctest
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from test_selection import run

import fastact

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor, _base, _multilayer_perceptron

from fastact.compat import sklearn as compat
from fastact.compat.sklearn import accelerate, restore

BASE = _multilayer_perceptron.BaseMultilayerPerceptron
SKLEARNS = ["identity", "logistic", "relu", "tanh"]
X, LABEL = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
WIDE, TARGET = make_regression(30, 3, random_state=0)
TARGET = TARGET / TARGET.std()

every_activation = pytest.mark.only(having=lambda row: not row.required)
unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def name_of(row):
    return "logistic" if row.name == "sigmoid" else row.name


def perceptron(activation, estimator=MLPClassifier, **keywords):
    keywords = {"hidden_layer_sizes": (7, 5), "max_iter": 20, "random_state": 0} | keywords
    return estimator(activation=activation, **keywords)


def state():
    """Every object that an acceleration may put another in the place of, by place."""
    places = {}
    for module in _base, _multilayer_perceptron:
        places[module] = vars(module)
        places |= {(module, name): getattr(module, name) for name in ("ACTIVATIONS", "DERIVATIVES")}
    for estimator in BASE, MLPClassifier, MLPRegressor:
        places[estimator] = vars(estimator)
        places[estimator, "constraints"] = estimator._parameter_constraints
        places[estimator, "choice"] = {0: estimator._parameter_constraints["activation"][:]}
    return {
        (place, key): value if isinstance(value, list) else id(value)
        for place, items in places.items()
        for key, value in items.items()
        if key not in ("__warningregistry__", "__slotnames__")
    }


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = state()
    yield
    restore()
    assert state() == before


@every_activation
def test_the_kernels_are_fastacts(row):
    """Bit for bit, in place, in the forward pass; that of the backward pass is the gradient's."""
    for dtype in np.float32, np.float64:
        x = np.random.default_rng(0).normal(0, 4, (40, 9)).astype(dtype)
        with accelerate():
            y = x.copy()
            assert _base.ACTIVATIONS[name_of(row)](y) is None
        np.testing.assert_array_equal(y, getattr(fastact, row.name)(x), strict=True)


def parts_of(model):
    return model.coefs_ + model.intercepts_


def weights_of(model):
    return np.concatenate([part.ravel() for part in parts_of(model)])


@every_activation
def test_the_gradient_is_the_losss(row):
    """What a step of plain gradient descent subtracts, against differences of the loss."""

    def step(change=None):
        """The loss after a change of the weights, and its gradient there."""
        moved = copy.deepcopy(model)
        for part, by in zip(parts_of(moved), change or [0] * 6, strict=True):
            part += by
        before = weights_of(moved)
        moved.partial_fit(WIDE, TARGET)
        return moved.loss_, (before - weights_of(moved)) / moved.learning_rate_init

    model = perceptron(name_of(row), MLPRegressor, solver="sgd", momentum=0)
    with accelerate():
        model.partial_fit(WIDE, TARGET)
        gradient = step()[1]
        assert np.count_nonzero(gradient) > gradient.size / 2
        rng = np.random.default_rng(2)
        for _ in range(5):
            direction = [rng.normal(size=part.shape) for part in parts_of(model)]
            there, back = (step([sign * 1e-6 * d for d in direction])[0] for sign in (1, -1))
            slope = gradient @ np.concatenate([d.ravel() for d in direction])
            np.testing.assert_allclose(slope, (there - back) / 2e-6, rtol=1e-6, atol=1e-8)


@unconverged
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("activation", SKLEARNS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fits_as_without(activation, solver, dtype):
    model = perceptron(activation, solver=solver)
    without = clone(model).fit(X.astype(dtype), LABEL)
    assert weights_of(without).dtype == (np.float64 if solver == "lbfgs" else dtype)
    with accelerate():
        model.fit(X.astype(dtype), LABEL)
        within = model.predict_proba(X.astype(dtype))
    # Line searches enlarge roundings.
    tolerance = (1e5 if solver == "lbfgs" else 1e3) * np.finfo(dtype).eps
    np.testing.assert_allclose(weights_of(model), weights_of(without), atol=tolerance, strict=True)
    np.testing.assert_allclose(model.predict_proba(X.astype(dtype)), within, atol=tolerance)
    np.testing.assert_allclose(model.loss_, without.loss_, rtol=tolerance)


@unconverged
@every_activation
def test_every_activation_learns(row):
    x, label = load_digits(return_X_y=True)
    model = perceptron(name_of(row), hidden_layer_sizes=(30,), max_iter=8, learning_rate_init=0.01)
    with accelerate():
        model.fit((x[:600] / 16).astype(np.float32), label[:600])
        assert model.loss_ < 0.8 * model.loss_curve_[0]


def test_names_are_taken_only_while_accelerated():
    for _ in range(2):
        with pytest.raises(ValueError, match="'activation' parameter.*Got 'gelu'"):
            perceptron("gelu").fit(X, LABEL)
        with accelerate(), pytest.raises(ValueError, match="'gelu'.*Got 'glue'"):
            perceptron("glue").fit(X, LABEL)
        with accelerate(), pytest.raises(ValueError, match="Got 'sigmoid'"):
            perceptron("sigmoid").fit(X, LABEL)  # "logistic", which has an initial scale of its own
        with accelerate(), pytest.raises(ValueError, match="Got 'prelu'"):
            MLPRegressor(activation="prelu").fit(X, LABEL)  # its weight has no default


def test_all_is_restored():
    before = state()
    with accelerate():
        within = state()
        assert within != before
        with accelerate() as inner:
            assert state() == within
            inner.restore()
            assert state() == within
        assert state() == within
    assert state() == before
    with pytest.raises(ZeroDivisionError), accelerate():
        1 / 0  # noqa: B018
    assert state() == before


def test_a_plain_call_holds_until_it_is_ended():
    before = state()
    first, second = accelerate(), accelerate()
    with accelerate():
        pass
    first.restore()
    first.restore()
    assert state() != before
    second.restore()
    assert state() == before
    accelerate(), accelerate()
    with accelerate():
        restore()
        assert state() == before
    restore()
    assert state() == before


@unconverged
def test_the_estimators_are_scikit_learns(tmp_path):
    model = perceptron("mish", early_stopping=True, n_iter_no_change=3)
    assert clone(model).get_params() == model.get_params()
    with accelerate():
        model.fit(X, LABEL)
        assert len(model.validation_scores_) > 3
        expected = model.predict_proba(X)
        loaded = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(loaded.predict_proba(X), expected)
        partial = clone(model).set_params(early_stopping=False)
        for _ in range(3):
            partial.partial_fit(X, LABEL, classes=[0, 1, 2])
        assert np.isfinite(partial.loss_) and partial.loss_curve_[2] < partial.loss_curve_[0]
        warm = perceptron("softplus", warm_start=True, max_iter=2)
        assert warm.fit(X, LABEL).fit(X, LABEL).loss_curve_[-1] < warm.loss_curve_[0]
    joblib.dump(model, tmp_path / "model")
    with accelerate():
        loaded = joblib.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.predict_proba(X), expected)


@unconverged
def test_threads_do_not_share_what_is_kept():
    models = [perceptron("gelu", random_state=seed) for seed in range(8)]
    with accelerate():
        expected = [weights_of(clone(model).fit(X, LABEL)) for model in models]
        with ThreadPoolExecutor(4) as pool:
            fitted = pool.map(lambda model: weights_of(model.fit(X, LABEL)), models)
            for found, same in zip(fitted, expected, strict=True):
                np.testing.assert_array_equal(found, same)


@unconverged
@pytest.mark.parametrize(
    "backend, keywords",
    [("threading", {}), ("loky", {"initializer": accelerate})],
    ids=["threading", "loky"],
)
def test_parallel_fits(backend, keywords):
    search = GridSearchCV(perceptron("relu"), {"activation": ["gelu", "elu"]}, cv=2, n_jobs=2)
    with accelerate(), joblib.parallel_config(backend, **keywords):
        search.fit(X, LABEL)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@unconverged
def test_a_prediction_keeps_nothing():
    with accelerate():
        model = perceptron("gelu").fit(X, LABEL)
        model.predict(X)
        assert not hasattr(compat._pass, "kept")


def test_another_order_of_layers_is_an_error():
    def wrong_order():
        for layer in z:
            _base.ACTIVATIONS["silu"](layer)
        _base.DERIVATIVES["silu"](z[0], delta)

    def no_backward_pass():
        _base.ACTIVATIONS["silu"](z[0])

    z, delta = np.ones((2, 3, 4)), np.ones((3, 4))
    with accelerate():
        for function, what in (wrong_order, "other layers"), (no_backward_pass, "leaves out"):
            with pytest.raises(RuntimeError, match=what):
                compat._keeping(function)()
        with pytest.raises(RuntimeError, match="other layers"):
            _base.DERIVATIVES["silu"](z[0], delta)


@pytest.mark.parametrize(
    "place, name, value, what",
    [
        (_multilayer_perceptron, "DERIVATIVES", dict(_base.DERIVATIVES), "two DERIVATIVES"),
        (BASE, "_forward_pass_fast", len, "_forward_pass_fast .* into ACTIVATIONS"),
        (BASE, "_backprop", None, "_backprop does not look into DERIVATIVES"),
        (MLPRegressor, "_parameter_constraints", {}, "MLPRegressor takes other names"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_layout_is_an_error(monkeypatch, place, name, value, what):
    before = dict(_base.DERIVATIVES)
    monkeypatch.setattr(place, name, value)
    with pytest.raises(RuntimeError, match=f"knows scikit-learn 1.5 to .*; in .* {what}"):
        accelerate()
    assert _base.DERIVATIVES == before
    monkeypatch.undo()
    with accelerate():
        pass


def test_without_scikit_learn_the_extra_is_named():
    for code, reason in {
        "import sys; sys.modules['sklearn'] = None": "",
        "import sklearn; sklearn.__version__ = '1.4.2'": "this is 1.4.2",
    }.items():
        error = run(f"{code}; import fastact; import fastact.compat.sklearn").splitlines()[-1]
        assert error.startswith("ImportError: fastact.compat.sklearn needs scikit-learn 1.5")
        assert 'pip install "fastact[sklearn]"' in error and reason in error


@unconverged
def test_examples_of_the_docstrings():
    failed, attempted = doctest.testmod(compat)
    assert attempted and not failed


def test_scikit_learns_own_tests_pass():
    """Its gradient check, fits with every solver, partial_fit, early stopping, with it on."""
    tests = [f"sklearn.neural_network.tests.{name}" for name in ("test_mlp", "test_base")]
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider"]
    # The test left out takes as long as all others, five times over.
    command += ["-p", "accelerated_sklearn", "-k", "not n_iter_no_change_inf", "--pyargs", *tests]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "accelerated to the end" in done.stdout, done.stdout
