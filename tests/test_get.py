"""Activations by name: their functions, what to save, and clear errors."""

import doctest
import pickle

import numpy as np
import pytest
from oracle import as_tuple, assert_same

import fastact
from fastact.activations import ACTIVATIONS

X = np.linspace(-5, 5, 101, dtype=np.float32)
GRAD = np.cos(X)


def selected(row):
    return fastact.get(row.name, **{p.name: p.typical for p in row.parameters})


def test_the_functions_are_the_packages(row):
    """Without parameters the same objects, with them the same results."""
    f = selected(row)
    assert f.row is row
    for operation, attribute in zip(
        row.operations(),
        "forward derivative with_derivative backward_from_input backward_from_output".split(),
    ):
        function = getattr(fastact, row.name + operation.suffix)
        found = getattr(f, attribute)
        assert (found is function) == (not row.parameters)
        operands = [GRAD, X][-len(operation.inputs) :]
        expected = as_tuple(function(*operands, *f.parameters.values()))
        for result, same in zip(as_tuple(found(*operands)), expected, strict=True):
            assert_same(result, same)
        out = tuple(np.empty_like(X) for _ in expected)
        assert as_tuple(found(*operands, out=out))[0] is out[0]


def test_the_loop(row):
    """As the docstring has it: f'(x) comes back from what `saves` says."""
    f = selected(row)
    y = f.forward(X)
    saved = {"input": X, "output": y}[f.saves]
    grad = f.backward(GRAD, saved)
    np.testing.assert_allclose(grad, GRAD * f.derivative(X), rtol=1e-3, atol=1e-5)
    if f.saves == "output":
        assert row.from_output is not None and f.backward is f.backward_from_output
    else:
        assert f.backward is f.backward_from_input and f.backward_from_output is None


def test_what_is_saved_follows_the_parameters():
    assert fastact.get("sigmoid").saves == fastact.get("elu").saves == "output"
    assert fastact.get("gelu").saves == "input"
    assert fastact.get("elu", alpha=-1.0).saves == "input"
    assert fastact.get("leaky_relu", negative_slope=0).saves == "output"
    slopes = np.full(101, 0.1)
    assert fastact.get("leaky_relu", negative_slope=slopes).saves == "output"
    slopes[3] = -0.1
    assert fastact.get("leaky_relu", negative_slope=slopes).saves == "input"


def test_aliases():
    for row in ACTIVATIONS.values():
        for alias in row.aliases:
            parameters = {p.name: p.typical for p in row.parameters}
            assert fastact.get(alias, **parameters).row is row


def test_it_pickles_and_tells_how_it_was_made(row):
    f = selected(row)
    again = pickle.loads(pickle.dumps(f))
    assert again.parameters == f.parameters and again.row is row
    assert repr(again) == repr(f) and eval(repr(f)).parameters == f.parameters
    assert_same(again.forward(X), f.forward(X))


@pytest.mark.parametrize(
    "wrong, nearest",
    [("gleu", "gelu"), ("ReLU", "relu"), ("LeakyReLU", "leaky_relu"), ("hard-swish", "hard_swish")],
)
def test_an_unknown_name_tells_the_nearest(wrong, nearest):
    with pytest.raises(ValueError, match=rf"'{wrong}'; the nearest are .*\b{nearest}\b"):
        fastact.get(wrong)


@pytest.mark.parametrize(
    "error, name, parameters, message",
    [
        (ValueError, "zzz", {}, "the nearest are "),
        (TypeError, None, {}, "None"),
        (TypeError, "relu", {"alpha": 1}, "relu takes no parameter, not 'alpha'"),
        (TypeError, "leaky_relu", {"alpha": 1}, "leaky_relu takes negative_slope, not 'alpha'"),
        (TypeError, "elu", {"alpha": "1"}, "alpha of elu is '1', not a number"),
        (TypeError, "elu", {"alpha": None}, "alpha of elu is None"),
        (TypeError, "elu", {"alpha": 1j}, "alpha of elu is 1j"),
        (TypeError, "prelu", {}, "prelu needs weight"),
        (TypeError, "threshold", {"value": 1}, "threshold needs threshold"),
        (ValueError, "softplus", {"beta": 0}, "softplus: beta is 0, but beta > 0"),
    ],
)
def test_wrong_use_fails_clearly(error, name, parameters, message):
    with pytest.raises(error, match=f"fastact.get: .*{message}"):
        fastact.get(name, **parameters)


def test_the_docstrings_example():
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(fastact.get, "get"):
        runner.run(example)
    assert runner.tries > 4 and runner.failures == 0
