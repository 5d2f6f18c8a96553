"""torch.nn.functional's names, on arrays and on tensors, against torch itself."""

import inspect
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from fastact.activations import ACTIVATIONS

torch = pytest.importorskip("torch")

import torch.nn.functional as theirs

import fastact.compat.torch.functional as ours
import fastact.compat.torch.numpy as arrays
from fastact.compat.torch.numpy import MAKERS

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
LABELS = torch.tensor([2, 0, -100, 5, 1])
#: What is called beside the defaults, of each function that takes more than an input.
ARGUMENTS = {
    "leaky_relu": [(0.2,), (-0.5,)],
    "threshold": [(0.5, -1.0), (-1.0, 2.0)],
    "elu": [(2.5,), (-0.5,)],
    "celu": [(2.5,)],
    "hardtanh": [(-0.25, 2.0)],
    "prelu": [(torch.tensor(0.25),), (torch.linspace(-0.5, 0.5, 8),)],
    "softplus": [(2.0,), (0.5, 1.0)],
    "softshrink": [(0.0,), (2.0,)],
    "hardshrink": [(0.0,), (2.0,)],
    "gelu": [("tanh",)],
    "softmax": [(0,), (-1,)],
    "log_softmax": [(0,), (-1,)],
    "glu": [(1,)],
    "cross_entropy": [(LABELS,)],
}
REQUIRED = ("threshold", "prelu", "softmax", "log_softmax", "cross_entropy")
CALLS = [
    pytest.param(name, arguments, id=f"{name}-{i}")
    for name in MAKERS
    for i, arguments in enumerate(([] if name in REQUIRED else [()]) + ARGUMENTS.get(name, []))
]
every_call = pytest.mark.parametrize("name, arguments", CALLS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def tensor_arguments(arguments, dtype):
    """The arguments with PReLU's weight in the input's dtype."""
    return [
        a.to(dtype) if isinstance(a, torch.Tensor) and a.is_floating_point() else a
        for a in arguments
    ]


def array_arguments(arguments):
    return [ours._array(a) if isinstance(a, torch.Tensor) else a for a in arguments]


def inputs(dtype):
    """Ordinary values, large and small ones, and the kinks of all functions."""
    rng = np.random.default_rng(7)
    x = rng.normal(0, 4, (5, 8))
    x[0] = [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 0.5]
    x[1] = [-0.5, 2.0, -2.0, 20.0, 10.0, -20.0, 2.5, -0.25]
    x[2] = [-12.0, -40.0, 60.0, 1e-4, -1e-4, 1e-6, -8.5, 17.0]
    return torch.tensor(x).to(dtype)


def of_torch(name):
    """torch's function; of gelu's approximation it takes only the name."""
    if name == "gelu":
        return lambda x, approximate="none": theirs.gelu(x, approximate=approximate)
    return getattr(theirs, name)


def with_gradient(function, x, arguments, grad):
    x = x.clone().requires_grad_()
    y = function(x, *arguments)
    y.backward(grad)
    return y.detach(), x.grad


def tolerances(name, dtype, gradient=False):
    """Of torch's errors: fastact's own are tested with mpmath.

    torch loses the tails (gelu as 1 + erf, the derivatives from saved outputs as y * (1 - y)), so
    that what is left of them is wrong by an ulp of 1; in 16 bits it rounds in between.
    """
    eps = torch.finfo(dtype).eps
    if name == "hardsigmoid" and gradient and dtype is torch.float64:
        eps = torch.finfo(torch.float32).eps  # torch's 1 / 6 is a float32
    return dict(rtol=8 * eps, atol=8 * eps)


@every_call
@every_dtype
def test_values_and_gradients(name, arguments, dtype):
    x = inputs(dtype)
    arguments = tensor_arguments(arguments, dtype)
    y = of_torch(name)(x, *arguments)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    grad = grad if grad.ndim else torch.ones((), dtype=dtype)
    expected = with_gradient(of_torch(name), x, arguments, grad)
    results = with_gradient(getattr(ours, name), x, arguments, grad)
    for i, (result, right) in enumerate(zip(results, expected, strict=True)):
        torch.testing.assert_close(result, right, **tolerances(name, dtype, gradient=i == 1))

    on_arrays = getattr(arrays, name), getattr(arrays, name + "_backward")
    if dtype is torch.bfloat16 and name in ours._WITHOUT_BFLOAT16:
        return
    x, grad, *arguments = array_arguments([x, grad, *arguments])
    for f, operands, right in zip(on_arrays, [(x,), (grad, x)], expected, strict=True):
        result = f(*operands, *arguments)
        assert result.dtype == x.dtype
        gradient = len(operands) == 2
        torch.testing.assert_close(
            torch.tensor(np.asarray(result, np.float64)),
            right.double(),
            **tolerances(name, dtype, gradient),
        )
        out = np.full_like(result, 7)
        assert f(*operands, *arguments, out=out) is out
        np.testing.assert_array_equal(np.asarray(out, "d"), np.asarray(result, "d"))


@pytest.mark.parametrize(
    "name, arguments",
    [call for call in CALLS if call.values[0] not in ("prelu", *ours._WITHOUT_BFLOAT16)],
)
def test_special_values(name, arguments):
    """NaN gives NaN, its derivative too; a limit at infinity is torch's where torch has it."""
    x = torch.tensor([np.inf, -np.inf, 1e37, -1e37, 1e-45, np.nan])  # 6 * x is finite
    expected = with_gradient(of_torch(name), x, arguments, torch.ones_like(x))
    results = with_gradient(getattr(ours, name), x, arguments, torch.ones_like(x))
    for i, (result, right) in enumerate(zip(results, expected, strict=True)):
        assert result.isnan().tolist() == [False] * 5 + [True]
        known = ~right.isnan()
        known[-1] = False
        torch.testing.assert_close(
            result[known], right[known], **tolerances(name, x.dtype, gradient=i == 1)
        )


TORCH_NAMES = {
    row.name: row.name if row.name in MAKERS else row.name.replace("_", "")
    for row in ACTIVATIONS.values()
}


@every_dtype
@pytest.mark.parametrize(
    "row", [row for row in ACTIVATIONS.values() if row.kinks and TORCH_NAMES[row.name] in MAKERS]
)
def test_kinks(row, dtype):
    """At each kink of the table, and of softplus, the gradient is exactly torch's."""
    name = TORCH_NAMES[row.name]
    parameters = {p.name: p.typical for p in row.parameters}
    points = torch.tensor([eval(x, {}, parameters) for x, _ in row.kinks], dtype=dtype)
    arguments = list(parameters.values())
    if name == "prelu":
        arguments = [torch.tensor(arguments[0], dtype=dtype)]
    _, expected = with_gradient(of_torch(name), points, arguments, torch.ones_like(points))
    _, result = with_gradient(getattr(ours, name), points, arguments, torch.ones_like(points))
    torch.testing.assert_close(result, expected, rtol=torch.finfo(dtype).eps, atol=0)
    gradient = getattr(arrays, name + "_backward")(
        np.float32(1), ours._array(points), *array_arguments(arguments)
    )
    np.testing.assert_allclose(
        np.asarray(gradient, "d"), expected.double(), rtol=torch.finfo(dtype).eps
    )


def test_softplus_is_linear_beyond_its_threshold():
    """Where fastact.softplus is not: at 4, above it and below."""
    x = torch.tensor([3.999, 4.0, 4.001, 100.0], dtype=torch.float64)
    grad = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    expected = with_gradient(theirs.softplus, x, (0.5, 2.0), grad)
    assert expected[0][2] == x[2] and expected[1][2] == grad[2]
    results = with_gradient(ours.softplus, x, (0.5, 2.0), grad)
    torch.testing.assert_close(results, expected, rtol=1e-15, atol=0)
    x = x.numpy().copy()
    np.testing.assert_allclose(arrays.softplus(x, 0.5, 2.0, out=x), expected[0], rtol=1e-15)


def signature_of(function):
    """The parameters of one of torch's functions, of a builtin from its docstring."""
    try:
        return inspect.signature(function)
    except ValueError:
        text = re.search(r"\w+\((.*)\) -> Tensor", function.__doc__).group(1)
        return inspect.signature(eval(f"lambda {text}: None"))


@pytest.mark.parametrize("name", MAKERS)
def test_signatures(name):
    def parameters(signature):
        return [(p.name, p.default) for p in signature.parameters.values() if p.name != "out"]

    expected = parameters(signature_of(getattr(theirs, name)))
    for module in ours, arrays:
        f = getattr(module, name)
        assert parameters(inspect.signature(f)) == expected
        assert pickle.loads(pickle.dumps(f)) is f


@every_call
def test_gradcheck(name, arguments):
    arguments = tensor_arguments(arguments, torch.float64)
    generator = torch.Generator().manual_seed(3)
    wide = torch.randn(10, 16, dtype=torch.float64, generator=generator) * 3 + 0.0123
    f = getattr(ours, name)
    for x in wide[:5, :8].clone(), wide[::2, ::2], wide[:8, :5].t():
        x = x.detach().requires_grad_()
        assert torch.autograd.gradcheck(lambda x: f(x, *arguments), x)
    # Not even the values of the elements are stored apart; nor are those of sum's gradient.
    x = wide[:5, :1].requires_grad_()
    expected, result = (f(x, *arguments) for x in (x.repeat(1, 8), x.expand(5, 8)))
    assert torch.equal(result, expected)
    gradients = [torch.autograd.grad(y.sum(), x) for y in (result, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("shape", [(), (1,), (6,)])
def test_gradcheck_of_prelus_weight(shape):
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_()
    for of_input in (4, 6), (2, 6, 3), (2, 6, 3, 2):
        x = torch.randn(of_input, dtype=torch.float64, generator=generator).requires_grad_()
        assert torch.autograd.gradcheck(ours.prelu, (x, weight))
        torch.testing.assert_close(ours.prelu(x, weight), theirs.prelu(x, weight))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 6, 3), (2, 6, 3, 2)])
def test_cross_entropy(shape, reduction):
    """Labels, some of them ignored, and probabilities, over axis 1."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(shape, dtype=torch.float64, generator=generator) * 4
    classes = 0 if len(shape) == 1 else 1
    labels = torch.randint(0, 6, shape[:classes] + shape[classes + 1 :], generator=generator)
    for target in labels, torch.softmax(x.flip(classes), classes):
        keywords = dict(target=target, reduction=reduction)
        if target is labels and len(shape) > 1:
            keywords["ignore_index"] = int(labels.flatten()[0])
        grad = torch.randn_like(theirs.cross_entropy(x, **keywords))
        expected = with_gradient(lambda x: theirs.cross_entropy(x, **keywords), x, (), grad)
        results = with_gradient(lambda x: ours.cross_entropy(x, **keywords), x, (), grad)
        torch.testing.assert_close(results, expected, rtol=1e-12, atol=1e-15)
        loss = arrays.cross_entropy(x.numpy(), target.numpy(), reduction=reduction)
        right = theirs.cross_entropy(x, target, reduction=reduction)
        np.testing.assert_allclose(loss, right, rtol=1e-12)
    ignored = torch.full_like(labels, -100)
    assert torch.equal(
        ours.cross_entropy(x, ignored, reduction=reduction).isnan(),
        theirs.cross_entropy(x, ignored, reduction=reduction).isnan(),
    )


@every_call
def test_what_is_saved(name, arguments):
    """The output where the table says that it determines the derivative, else the input."""
    x = torch.randn(5, 8, requires_grad=True) * 1
    y = getattr(ours, name)(x, *arguments)
    rows = [row for row, torchs in TORCH_NAMES.items() if torchs == name]
    if rows and name != "softplus":  # whose threshold is one of the input
        row = ACTIVATIONS[rows[0]]
        parameters = dict(zip((p.name for p in row.parameters), arguments))
        parameters = {p.name: p.default for p in row.parameters} | parameters
        of_output = row.from_output is not None and (
            not row.from_output or eval(row.from_output, {}, parameters)
        )
    else:
        of_output = name in ("softmax", "log_softmax")
    assert y.grad_fn.saved_tensors[0].data_ptr() == (y if of_output else x).data_ptr()


@every_dtype
def test_memory_is_shared(dtype):
    wide = torch.zeros(6, 8, dtype=dtype)
    for tensor in wide, wide.t(), wide[::2, 1::3], wide[0, 0], wide[:, :1].expand(6, 5):
        array = ours._array(tensor.requires_grad_() if tensor is wide else tensor)
        assert array.__array_interface__["data"][0] == tensor.data_ptr()
        assert array.shape == tensor.shape
        assert array.strides == tuple(s * tensor.element_size() for s in tensor.stride())


INPLACE = [
    name for name, maker in MAKERS.items() if "inplace" in inspect.signature(maker).parameters
]


@pytest.mark.parametrize("name", INPLACE)
def test_inplace(name):
    arguments = ARGUMENTS[name][0] if name in REQUIRED else ()
    f = getattr(ours, name)
    x = inputs(torch.float64) + 0.0123
    before = f(x, *arguments)

    def in_place(x):
        y = x * 1
        assert f(y, *arguments, inplace=True) is y and y._version == 1
        return y

    torch.testing.assert_close(in_place(x), before, rtol=0, atol=0)
    assert torch.autograd.gradcheck(in_place, x.requires_grad_())
    x = x.detach().numpy().copy()
    assert getattr(arrays, name)(x, *arguments, inplace=True) is x
    np.testing.assert_array_equal(x, before.numpy())
    with pytest.raises(TypeError, match=f"{name}.*inplace and out"):
        getattr(arrays, name)(x, *arguments, inplace=True, out=x)
    with pytest.raises(TypeError, match=f"{name}_backward.*inplace"):
        getattr(arrays, name + "_backward")(x, x, *arguments, inplace=True)


def test_inplace_where_torch_forbids_it():
    x = torch.full((3,), -1.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="relu: input is a leaf"):
        ours.relu(x, inplace=True)
    with pytest.raises(RuntimeError, match="relu: elements of input share memory"):
        ours.relu(x.detach()[:1].expand(4), inplace=True)
    assert (x == -1).all()
    saved = torch.exp(x)
    ours.relu(saved, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()


def test_targets_that_change_are_noticed():
    x, target = torch.randn(5, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1])
    loss = ours.cross_entropy(x, target)
    target += 0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@every_call
def test_second_derivatives(name, arguments):
    x = torch.randn(5, 8, requires_grad=True)
    y = getattr(ours, name)(x, *arguments).sum()
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(y, x, create_graph=True)


def test_softmax_without_dim_and_with_dtype():
    for shape in (4,), (4, 5), (2, 3, 4), (2, 3, 4, 5):
        x = torch.randn(shape)
        for name in "softmax", "log_softmax":
            with pytest.warns(UserWarning, match="Implicit dimension"):
                expected = getattr(theirs, name)(x)
            for module, argument in (ours, x), (arrays, x.numpy()):
                with pytest.warns(UserWarning, match=f"{name}: without dim=") as caught:
                    result = getattr(module, name)(argument)
                assert caught[0].filename == __file__
                torch.testing.assert_close(torch.as_tensor(result), expected)
    x = torch.randn(4, 5, requires_grad=True)
    y = ours.softmax(x, 1, dtype=torch.float64)
    assert y.dtype is torch.float64
    y[:, 0].sum().backward()
    assert x.grad.dtype is torch.float32
    torch.testing.assert_close(y, theirs.softmax(x, 1, dtype=torch.float64))
    assert arrays.softmax(x.detach().numpy(), 1, dtype=np.float64).dtype == np.float64


X = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(3, 4)
WRONG = {
    "an array": (lambda: ours.relu(X.numpy()), TypeError, "relu: .*ndarray.* torch.Tensor"),
    "another device": (lambda: ours.gelu(X.to("meta")), TypeError, "gelu: .*on meta.*CPU"),
    "sparse": (lambda: ours.relu(X.to_sparse()), TypeError, "relu: .*sparse"),
    "integers": (lambda: ours.tanh(X.long()), TypeError, "tanh: .*torch.int64"),
    "complex": (lambda: ours.tanh(X.cfloat()), TypeError, "tanh: .*torch.complex64"),
    "approximate": (lambda: ours.gelu(X, approximate="tan"), ValueError, "gelu: .*'tan'.*'tanh'"),
    "too many": (lambda: ours.elu(X, 1.0, False, 3), TypeError, r"elu\(input, alpha=1.0.*too many"),
    "unknown": (lambda: ours.elu(X, slope=1.0), TypeError, "elu.*slope"),
    "no dtype": (lambda: ours.relu(X, dtype=torch.float32), TypeError, "relu.*dtype"),
    "missing": (lambda: ours.threshold(X), TypeError, "threshold.*missing.*'threshold'"),
    "beta": (lambda: ours.softplus(X, 0), ValueError, "softplus: beta is 0, but beta > 0"),
    "lambd": (lambda: ours.softshrink(X, -1), ValueError, "lambd is -1"),
    "odd": (lambda: ours.glu(X, 0), ValueError, "glu: .*odd length 3"),
    "no axis": (lambda: ours.softmax(X, 2), np.exceptions.AxisError, "axis 2"),
    "channels": (lambda: ours.prelu(X, X[0, :3]), ValueError, r"prelu: .*\(3,\).*\(4,\)"),
    "weight": (lambda: ours.prelu(X, 0.2), TypeError, "prelu: weight is a float"),
    "mixed": (lambda: ours.prelu(X, X[0].float()), TypeError, "weight is of torch.float32"),
    "label": (lambda: ours.cross_entropy(X, torch.tensor([0, 4, 1])), ValueError, "label 4"),
    "labels": (lambda: ours.cross_entropy(X, torch.tensor([0, 1])), ValueError, r"\(2,\)"),
    "reduction": (
        lambda: ours.cross_entropy(X, X, reduction="man"),
        ValueError,
        "cross_entropy: reduction is 'man'",
    ),
    "smoothing": (
        lambda: ours.cross_entropy(X, X, label_smoothing=0.1),
        NotImplementedError,
        "cross_entropy: label_smoothing",
    ),
    "classes' weight": (
        lambda: ours.cross_entropy(X, X, torch.ones(4)),
        NotImplementedError,
        "cross_entropy: weight",
    ),
    "gradient by target": (
        lambda: ours.cross_entropy(X, X.clone().requires_grad_()),
        TypeError,
        "no gradient by target",
    ),
}


@pytest.mark.parametrize("call, error, message", WRONG.values(), ids=WRONG)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_torch():
    """The arrays' module does without; the tensors' says what to install."""
    hidden = "import sys; sys.modules['torch'] = None\n"
    done = run(
        hidden + "import fastact.compat.torch.numpy as F; F.gelu([1.0], 'tanh')\n"
        "import fastact.compat.torch.functional"
    )
    assert re.search(r"ImportError: .*pip install \"fastact\[torch\]\"", done.stderr), done.stderr
    done = run("import sys, fastact.compat.torch.numpy; assert 'torch' not in sys.modules")
    assert not done.returncode, done.stderr


def test_bfloat16_without_ml_dtypes(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r'ml_dtypes: pip install "fastact\[torch\]"'):
        ours.relu(X.bfloat16())


def test_training():
    """A network trained with fastact's functions is the one trained with torch's."""

    def train(functions):
        torch.manual_seed(0)
        hidden, last = torch.nn.Linear(8, 16), torch.nn.Linear(16, 3)
        x, labels = torch.randn(64, 8), torch.randint(0, 3, (64,))
        losses = []
        for _ in range(20):
            loss = functions.cross_entropy(last(functions.gelu(hidden(x))), labels)
            loss.backward()
            losses.append(loss.item())
            for p in *hidden.parameters(), *last.parameters():
                p.data -= 0.5 * p.grad
                p.grad = None
        return losses

    losses = train(ours)
    assert losses[-1] < 0.9 * losses[0]
    assert losses == pytest.approx(train(theirs), rel=1e-4)
