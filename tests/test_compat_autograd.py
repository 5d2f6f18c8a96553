"""Gradients for autograd: its own checks, and its own gradients of the table's formulas."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest

import fastact
import fastact.backends
from fastact.activations import ACTIVATIONS, aliases, functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

autograd = pytest.importorskip("autograd")

from autograd import numpy as anp
from autograd.scipy.special import erfc
from autograd.test_util import check_grads

import fastact.compat.autograd as compat

#: What of the package has to be seen by autograd: the bound backend, and one of no real ufuncs.
NAMESPACES = {"fastact": fastact, "numpy": fastact.backends.numpy}
compat.register(fastact.backends.numpy)

every_row = pytest.mark.parametrize("row", ACTIVATIONS.values(), ids=ACTIVATIONS)
everywhere = pytest.mark.parametrize("namespace", NAMESPACES.values(), ids=NAMESPACES)

#: autograd's functions under the names that the formulas have for them.
FORMULA = {name: getattr(anp, name) for name in ("exp", "expm1", "log1p", "tanh", "sqrt")}
FORMULA |= dict(erfc=erfc, pi=math.pi, abs=abs, max=max, min=min)

X = np.array([[-3.7, -1.1, -0.3, 0.2], [0.6, 1.2, 2.3, 5.9], [-0.7, 0.05, 3.4, -8.1]])


def typical(row):
    return [parameter.typical for parameter in row.parameters]


def arrays(row):
    """The parameters as arrays that broadcast the input too."""
    values = np.linspace(1, 1.5, 8).reshape(2, 1, 4)
    return [value * values for value in typical(row)]


@every_row
@everywhere
def test_check_grads(row, namespace):
    f = getattr(namespace, row.name)
    for x in X, X.T[::2], np.float64(0.7), -1.3, X[:, :0]:
        check_grads(lambda x: f(x, *typical(row)), order=1)(x)
    check_grads(lambda x: f(x, *arrays(row)), order=1)(X)


@every_row
def test_the_gradient_of_the_formula(row):
    """autograd's own, of the text that the docstrings print; and its value."""
    parameters = dict(zip((parameter.name for parameter in row.parameters), typical(row)))
    f = getattr(fastact, row.name)

    def formula(x):
        return eval(row.formula, FORMULA, parameters | {"x": x}) + 0 * x  # it may be constant

    for x in X.ravel():
        expected = autograd.value_and_grad(formula)(x)
        result = autograd.value_and_grad(lambda x: f(x, **parameters))(x)
        np.testing.assert_allclose(result, expected, rtol=1e-11)


@every_row
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_and_kinks(row, dtype):
    """The gradient is the derivative, bit for bit, in the input's dtype."""
    names = {parameter.name: parameter.typical for parameter in row.parameters}
    kinks = [eval(x, {}, names) for x, _ in row.kinks]
    x = np.array([*kinks, *X.ravel(), -100, 100, np.inf, -np.inf], dtype)
    gradient = autograd.elementwise_grad(getattr(fastact, row.name))(x, *typical(row))
    assert gradient.dtype == dtype
    expected = getattr(fastact, row.name + "_derivative")(x, *typical(row))
    np.testing.assert_array_equal(gradient, expected)


@every_row
@everywhere
def test_what_has_no_gradient(row, namespace):
    """Second derivatives and those by parameters are errors, not zeros."""
    for operation in row.operations():
        f = getattr(namespace, row.name + operation.suffix)
        operands = [X] * len(operation.inputs)
        # Of two outputs each is asked by itself.
        name = f.__name__.replace("_with_derivative", r"(_\w+)?")
        if operation.suffix:

            def of_last(x):
                result = f(*operands[:-1], x, *typical(row))
                return result[0] if type(result) is tuple else result

            message = f"{name} has no gradient by {operation.inputs[-1]}"
            for differentiate in autograd.elementwise_grad, autograd.make_jvp:
                with pytest.raises(TypeError, match=message):
                    differentiate(of_last)(X)(X)
        for place, parameter in enumerate(row.parameters, len(operands)):
            if f.__name__ == "prelu":
                continue
            arguments = [*operands, *typical(row)]
            with pytest.raises(TypeError, match=f"{name} has no gradient by {parameter.name}"):
                autograd.grad(lambda *a: f(*a)[0, 0], place)(*arguments)
    f = getattr(namespace, row.name)
    with pytest.raises(TypeError, match=f"{row.name}_backward has no gradient by x"):
        check_grads(lambda x: f(x, *typical(row)), modes=["rev"], order=2)(X)


@every_row
def test_backward_is_linear_in_the_gradient(row):
    for operation in row.operations():
        if operation.inputs[0] == "grad":
            f = getattr(fastact, row.name + operation.suffix)
            x = X if operation.inputs[1] == "x" else getattr(fastact, row.name)(X, *typical(row))
            check_grads(lambda grad: f(grad, x, *typical(row)), order=1)(X + 0.5)
            check_grads(lambda grad: f(grad, x, *typical(row)), order=2)(X[0])


@everywhere
def test_weights_and_biases(namespace):
    x = np.stack([X, X[::-1]])
    for weight in 0.25, np.array([0.1, 0.2, -0.3, 0.4]), X[:, :1]:
        check_grads(namespace.prelu, (0, 1), order=1)(x, weight)
        check_grads(namespace.prelu, (0, 1), order=1)(X[0], weight)
    for row in ACTIVATIONS.values():
        if row.fused_bias:
            f = getattr(namespace, "bias_" + row.name)
            for b in 0.25, np.array([0.1, 0.2, -0.3, 0.4]), X[:, :1], x:
                check_grads(f, (0, 1), order=1)(X, b)
            with pytest.raises(TypeError, match=f"{f.__name__}_backward has no gradient by"):
                check_grads(f, (0, 1), modes=["rev"], order=2)(X, X)


AXISWISE = [name for name in ROW_FUNCTIONS if name + "_backward" in ROW_FUNCTIONS]
PROBABILITIES = fastact.softmax(X[::-1])


@pytest.mark.parametrize("name", AXISWISE)
@everywhere
def test_functions_over_an_axis(name, namespace):
    f = compat.register(namespace)[name]
    if "labels" in ROW_FUNCTIONS[name].inputs:
        for keywords in [{}, {"reduction": "mean"}, {"reduction": "sum"}]:
            for labels in [3, 0, 1], PROBABILITIES:
                check_grads(lambda x: f(x, labels, **keywords), modes=["rev"], order=1)(X)
        with pytest.raises(TypeError, match=f"{name} has no gradient by labels"):
            autograd.grad(lambda p: f(X, p, reduction="sum"))(PROBABILITIES)
        return
    for axis in -1, 1, 0:
        x = X if axis else X.T
        check_grads(lambda x: f(x, axis), modes=["rev"], order=1)(x)
        check_grads(lambda x: f(x, axis=axis), modes=["rev"], order=1)(x)
    if name == "logsumexp":
        check_grads(lambda x: f(x, axis=0, keepdims=True), modes=["rev"], order=1)(X)
    with pytest.raises(TypeError, match=f"{name}_backward has no gradient by grad"):
        check_grads(f, modes=["rev"], order=2)(X)


@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
def test_keywords():
    """A result that is not f(x) has no gradient of f's."""
    with pytest.raises(TypeError, match="sigmoid: where= has no gradient"):
        autograd.grad(lambda x: fastact.sigmoid(x, where=X > 0)[0, 0])(X)
    with pytest.raises(TypeError, match="softmax: out= has no gradient"):
        autograd.grad(lambda x: compat.softmax(x, out=np.empty_like(X))[0, 0])(X)
    with pytest.raises(TypeError):  # by NumPy, which does not ask
        autograd.grad(lambda x: fastact.sigmoid(x, out=np.empty_like(X))[0, 0])(X)
    gradient = autograd.elementwise_grad(lambda x: fastact.elu(x, alpha=2.0))(X)
    np.testing.assert_array_equal(gradient, fastact.elu_derivative(X, 2.0))


def test_names():
    """Those of the tables: the package's own objects where autograd sees them, else wrapped."""
    elementwise = [name for name, _, _ in (*functions(), *channel_functions())]
    assert set(compat.__all__) == {*elementwise, *ROW_FUNCTIONS, *dict(aliases()), "register"}
    for name in elementwise:
        f = getattr(fastact, name)
        is_ufunc = not re.fullmatch("bias_.*_backward|prelu_weight_backward", name)
        assert (getattr(compat, name) is f) == is_ufunc
    assert compat.expit is fastact.sigmoid
    np.testing.assert_array_equal(compat.softmax(X), fastact.softmax(X))


def test_training():
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(64, 5)), rng.integers(0, 3, 64)
    weights = [rng.normal(size=(5, 16)), rng.normal(size=(16, 3))]

    def loss(weights):
        h = fastact.gelu(anp.dot(x, weights[0]))
        return compat.softmax_cross_entropy(anp.dot(h, weights[1]), label, reduction="mean")

    before = loss(weights)
    for _ in range(20):
        weights = [w - 0.2 * g for w, g in zip(weights, autograd.grad(loss)(weights))]
    assert loss(weights) < before / 2


def test_without_autograd():
    for hide in (
        "sys.modules['autograd'] = None",
        "import autograd.numpy.numpy_boxes as boxes; del boxes.ArrayBox.__array_ufunc__",
    ):
        code = (
            f"import sys; {hide}; import fastact; fastact.relu(1.0); import fastact.compat.autograd"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        expected = r"ImportError: .*autograd 1.9.* pip install \"fastact\[autograd\]\"\n$"
        assert re.search(expected, done.stderr), done.stderr
