"""fastact.compat.jax, keras, onnx and scipy do as the real libraries, whose names they have.

The libraries evaluate their formulas step by step: where terms cancel, and in the tails, they
are off by some ulp of x, or of 1. So nothing finer is asked here; that the kernels are right
there too is shown elsewhere, for `logit` and `erf` below.
"""

import inspect
import pickle
from functools import partial

import numpy as np
import pytest
from oracle import as_tuple, assert_same, assert_within, exact, mp, random_generator, special_values
from test_selection import run

from fastact.activations import ACTIVATIONS, OPERATIONS
from fastact.axiswise import ROW_FUNCTIONS
from fastact.compat import jax, keras, onnx, scipy

MODULES = {"jax": jax, "keras": keras, "onnx": onnx, "scipy": scipy}
AXES = [-1, 0, (0, 2), (2, 0, 1), None]
SUFFIXES = [operation.suffix for operation in OPERATIONS]


def activations(module):
    """The module's activations, without the derivatives and `get`."""
    return [
        name for name in module.__all__ if not name.endswith(tuple(SUFFIXES[1:])) and name != "get"
    ]


def is_over_axis(name):
    return name.lower().replace("_", "") in ("softmax", "logsoftmax", "logsumexp", "glu")


def elementwise(module, functions=activations):
    """A mark that runs a test for each function."""
    names = [name for name in functions(module) if not is_over_axis(name) and name != "get"]
    return pytest.mark.parametrize("name", names)


#: Keras computes float64 in float32, but for TensorFlow.
of_keras = pytest.mark.parametrize("dtype", [np.dtype("float16"), np.dtype("float32")], ids=str)


@pytest.fixture(scope="session")
def real_jax():
    library = pytest.importorskip("jax")
    library.config.update("jax_enable_x64", True)
    return library


@pytest.fixture
def real_keras(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # there it writes its configuration
    library = pytest.importorskip("keras")
    assert library.config.backend() == "numpy"
    return library


@pytest.fixture(scope="session")
def real_scipy():
    return pytest.importorskip("scipy.special")


@pytest.fixture(scope="session")
def real_onnx():
    pytest.importorskip("onnx.reference")
    return pytest.importorskip("onnx")


def points(dtype):
    """Inputs: points at which some formula changes, both sides of them, and others.

    No subnormals, which XLA takes for 0, and nothing so near that x + 3 would be rounded.
    """
    info = np.finfo(dtype)
    kinks = np.array([0.25, 0.5, 0.75, 1, 2.5, 3, 6])
    around = [info.tiny, *(kinks * (1 - 8 * info.eps)), *(kinks * (1 + 8 * info.eps))]
    drawn = random_generator("compat").normal(0, 4, 200)
    x = np.concatenate([kinks, around, np.linspace(0, 20, 81), abs(drawn)]).astype(dtype)
    return np.concatenate([x, -x])


def assert_like(ours, theirs, x, ulps=16):
    """Fail unless type, shape and infinities are equal and the rest within ulps of the largest."""
    theirs = np.asarray(theirs)
    assert (ours.dtype, np.shape(ours)) == (theirs.dtype, theirs.shape)
    eps = 2.0**-7 if ours.dtype.name == "bfloat16" else np.finfo(ours.dtype).eps
    ours, theirs, x = (np.asarray(a, np.float64) for a in (ours, theirs, x))
    allowed = ulps * eps * np.maximum(1, np.maximum(np.abs(x), np.abs(theirs)))
    with np.errstate(invalid="ignore"):
        right = (np.abs(ours - theirs) <= allowed) | (ours == theirs)
    wrong = ~(right | (np.isnan(ours) & np.isnan(theirs)))
    if wrong.any():
        x, ours, theirs = (np.broadcast_to(a, wrong.shape)[wrong][0] for a in (x, ours, theirs))
        raise AssertionError(f"{wrong.sum()} of {wrong.size}; at {x}: {ours}, theirs {theirs}")


def cases(function):
    """Keywords for a function: its defaults, then another value for each parameter."""
    parameters = inspect.signature(function).parameters.values()
    required = {p.name: 0.75 for p in parameters if p.default is p.empty and p.name != "x"}
    yield required
    for p in parameters:
        if isinstance(p.default, bool):
            yield {p.name: not p.default}
        elif p.name == "approximate":
            yield {p.name: "tanh"}
        elif p.name not in ("x", "slope"):
            yield required | {p.name: 2.5 if p.name == "max_value" else 0.25}


def assert_same_arguments(ours, theirs):
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(function).parameters.values()]
        for function in (ours, theirs)
    )
    assert ours == theirs


def assert_same_names(module, library):
    """Fail unless names and arguments are the library's, and no row that it has is missing."""
    assert len(activations(module)) > 25
    for name in activations(module):
        assert_same_arguments(getattr(module, name), getattr(library, name))
    aliases = [alias for row in ACTIVATIONS.values() for alias in row.aliases]
    for name in [*ACTIVATIONS, *aliases, *ROW_FUNCTIONS]:
        assert hasattr(module, name) or not hasattr(library, name), name


def theirs_of(function, *args, **keywords):
    """What a library's function gives; its warnings of overflow are its own."""
    with np.errstate(all="ignore"):
        return function(*args, **keywords)


def draw(dtype):
    return random_generator("rows").normal(0, 5, (2, 3, 4)).astype(dtype)


# All -----------------------------------------------------------------------------------------


def test_no_library_is_imported():
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(['jax', 'keras', 'onnx', 'scipy', 'torch', 'tensorflow'])\n"
        "from fastact.compat import jax, keras, onnx, scipy\n"
        "print(jax.gelu(1.0) < keras.gelu(1.0) == onnx.Gelu(1.0), scipy.expit(0.0))"
    )
    assert run(code) == "True 0.5"


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_functions_are_documented_and_pickle(module):
    for name in module.__all__:
        function = getattr(module, name)
        assert function.__doc__, name
        assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_nothing_warns_and_nan_stays(module, dtype):
    x = np.concatenate([special_values(dtype), [np.nan]]).astype(dtype)
    for name in module.__all__:
        function = getattr(module, name)
        if is_over_axis(name) or name == "get":
            continue
        operands = [x, x] if "_backward" in name or name == "PRelu" else [x]
        if name.startswith("threshold"):
            operands += [0.5, -1.0]
        with np.errstate(all="raise"):
            results = as_tuple(function(*operands))
        for result in results:
            assert result.dtype == dtype and np.isnan(result[-1]), name


# JAX -----------------------------------------------------------------------------------------


def test_all_of_the_table_that_jax_has_is_there(real_jax):
    assert_same_names(jax, real_jax.nn)


@elementwise(jax)
def test_jax_values(real_jax, name, dtype):
    function, x = getattr(jax, name), points(dtype)
    for keywords in cases(function):
        assert_like(function(x, **keywords), getattr(real_jax.nn, name)(x, **keywords), x)
        assert_same(function(x, *keywords.values()), function(x=x, **keywords))


@elementwise(jax)
def test_jax_bfloat16(real_jax, name):
    x = points(np.float16).astype(pytest.importorskip("ml_dtypes").bfloat16)
    assert_like(getattr(jax, name)(x), getattr(real_jax.nn, name)(x), x)


@elementwise(jax)
def test_jax_derivatives_at_kinks_too(real_jax, name):
    x, grad = points(np.float64), random_generator("grad").normal(0, 1, points(np.float64).size)
    for keywords in cases(getattr(jax, name)):
        original = partial(getattr(real_jax.nn, name), **keywords)
        theirs = real_jax.vmap(real_jax.grad(original))
        slopes = getattr(jax, name + "_derivative")(x, **keywords)
        assert_like(slopes, real_jax.jit(theirs)(x), x, ulps=64)  # of gelu_tanh they lose so much
        value, slope = getattr(jax, name + "_with_derivative")(x, **keywords)
        assert_same(value, getattr(jax, name)(x, **keywords))
        assert_same(slope, slopes)
        assert_same(getattr(jax, name + "_backward")(grad, x, **keywords), grad * slopes)


def test_kinks_of_scalars_and_other_dtypes():
    assert_same(jax.leaky_relu_derivative(0.0), np.float64(1))
    assert_same(jax.leaky_relu_derivative([0, -1]), np.array([1, 0.01]))
    grad = np.array([3, 3], np.float32)
    assert_same(jax.leaky_relu_backward(grad, np.zeros(2, "f4")), grad)
    assert_same(jax.leaky_relu_backward(2, [0, -1], 0.5), np.array([2.0, 1.0]))
    assert not hasattr(jax, "leaky_relu_backward_from_output")  # y does not tell -0.0 from 0.0


@pytest.mark.parametrize("axis", [1, (0, 2), None])
def test_jax_over_axes(real_jax, axis):
    x = draw(np.float32)
    mask = random_generator("mask").random(x.shape) < 0.7
    mask[0, :, 0] = mask[:, 1] = False
    weighted = {"b": -x, "keepdims": True, "return_sign": True}
    for where in None, mask, mask[1]:
        for name, keywords in ("softmax", {}), ("log_softmax", {}), ("logsumexp", weighted):
            ours, theirs = (getattr(nn, name) for nn in (jax, real_jax.nn))
            keywords = {"axis": axis, "where": where, **keywords}
            expected = real_jax.jit(partial(theirs, **keywords))(x)
            for pair in zip(as_tuple(ours(x, **keywords)), as_tuple(expected), strict=True):
                assert_like(*pair, 20, ulps=64)
    assert_like(jax.glu(x, 2), real_jax.nn.glu(x, 2), 20)
    assert_like(jax.logsumexp(x, axis), real_jax.nn.logsumexp(x, axis), 20)


# SciPy ---------------------------------------------------------------------------------------


def test_scipy_arguments(real_scipy):
    for name in "softmax", "log_softmax", "logsumexp", "softplus":
        assert_same_arguments(getattr(scipy, name), getattr(real_scipy, name))


@elementwise(scipy)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scipy_ufuncs(real_scipy, name, dtype):
    ours, theirs = getattr(scipy, name), getattr(real_scipy, name)
    x = points(dtype)
    if name == "logit":
        x = np.concatenate([real_scipy.expit(x), x])
    assert_like(ours(x), theirs(x), 1)
    assert_same(ours(x[3]), ours(x)[3])
    assert_like(ours([0, 1]), theirs([0, 1]), 1)
    out = np.empty_like(x)
    assert ours(x, out=out) is out
    assert_same(out, ours(x))
    if name != "softplus":
        assert ours(x[::-2], out[::2]).base is out
        assert_same(out[::2], ours(x)[::-2])
    above = x > 0.75
    out[...] = -7
    assert_same(ours(x, out=out, where=above)[above], ours(x)[above])
    assert (out[~above] == -7).all()
    assert ours(x, dtype=np.float32, casting="same_kind").dtype == np.float32
    assert_same(ours(x.copy(), out=x), x)
    with pytest.raises(TypeError, match=ours.__name__):
        ours(1j)


@pytest.mark.parametrize("axis", [*AXES, ()])
def test_scipy_over_axes(real_scipy, axis, dtype):
    x = draw(dtype)
    weights = random_generator("weights").normal(0, 1, (3, 4)).astype(dtype)
    weights[0] = 0
    for name in "softmax", "log_softmax":
        for data in (x, x.T, x[:, ::-2], x.tolist()):
            assert_like(getattr(scipy, name)(data, axis), getattr(real_scipy, name)(data, axis), 20)
    for b in (None, abs(weights), weights, -1):
        for keepdims in (False, True):
            keywords = {"axis": axis, "b": b, "keepdims": keepdims}
            if b is None or np.min(b) >= 0:
                assert_like(scipy.logsumexp(x, **keywords), real_scipy.logsumexp(x, **keywords), 20)
            pairs = zip(
                *(f.logsumexp(x, return_sign=True, **keywords) for f in (scipy, real_scipy))
            )
            for ours, theirs in pairs:
                assert_like(ours, theirs, 20, ulps=64)  # where what is left of the sum is small


def test_scipy_over_special_rows(real_scipy):
    inf, nan = np.inf, np.nan
    rows = [[-inf, -inf], [inf, 1], [inf, -inf], [nan, 1], [nan, inf], [inf, inf], [-inf, 3]]
    for b in (None, [1, 1], [1, -1], [-1, -2]):
        for row in rows:
            for return_sign in (False, True):
                ours = as_tuple(scipy.logsumexp(row, b=b, return_sign=return_sign))
                theirs = as_tuple(real_scipy.logsumexp(row, b=b, return_sign=return_sign))
                for one, other in zip(ours, theirs, strict=True):
                    assert type(one) is np.float64
                    np.testing.assert_array_equal(one, other, err_msg=f"{row} {b}")
    assert scipy.logsumexp([nan, 3], b=[0, 1]) == real_scipy.logsumexp([nan, 3], b=[0, 1]) == 3
    assert scipy.logsumexp([]) == -inf
    # A sum near 1 keeps what is small in it.
    assert_like(scipy.logsumexp([0, -40.0], b=[1, 2]) / (2 * np.exp(-40)), 1.0, 1)


def test_logit_is_within_2_ulp(dtype):
    rng, info = random_generator("logit"), np.finfo(dtype)
    tiny = np.exp2(rng.uniform(info.minexp - info.nmant, 0, 2000))
    half = np.exp2(rng.uniform(-info.nmant, -2, 2000)) * rng.choice([-1, 1], 2000)
    x = np.concatenate([tiny, 1 - tiny, 0.5 + half, rng.random(2000)]).astype(dtype)
    x = np.unique(x[(x > 0) & (x < 1)])
    assert x.size > 1500
    expected = [mp.log(mp.mpf(p)) - mp.log1p(-mp.mpf(p)) for p in x.tolist()]
    assert_within(scipy.logit(x), exact(expected, dtype), 2, x)
    ends = {0.0: -np.inf, 1.0: np.inf, 0.5: 0.0, -1.0: np.nan, 1.5: np.nan, np.inf: np.nan}
    assert_same(scipy.logit(np.array([*ends], dtype)), np.array([*ends.values()], dtype))


@pytest.mark.parametrize(
    "ours, formula, promise",
    [
        (scipy.erf, mp.erf, 2),
        (keras.exponential, mp.exp, 3),
        (keras.sparse_sigmoid, lambda x: min(max(mp.mpf(x) + 1, 0), 2) / 2, 3),
        (keras.sparse_plus, lambda x: max(x, 0) if abs(x) >= 1 else (mp.mpf(x) + 1) ** 2 / 4, 3),
    ],
    ids=["erf", "exponential", "sparse_sigmoid", "sparse_plus"],
)
def test_what_else_is_no_row_is_exact_to_some_ulp(ours, formula, promise, dtype):
    rng, info = random_generator("beyond the table"), np.finfo(dtype)
    tiny = np.exp2(rng.uniform(info.minexp - info.nmant, 0, 1000))
    x = np.concatenate([tiny, -tiny, 1 - tiny, tiny - 1, rng.uniform(-6, 6, 3000)]).astype(dtype)
    x = np.unique(x)
    assert x.size > 1500
    assert_within(ours(x), exact([formula(v) for v in x.tolist()], dtype), promise, x)


@pytest.mark.parametrize("sign", [-1, 1])
def test_erf_at_its_ends(sign, dtype):
    x = sign * np.array([0, np.inf], dtype)
    assert_same(scipy.erf(x), sign * np.array([0, 1], dtype))


# ONNX ----------------------------------------------------------------------------------------


def evaluate(real_onnx, name, inputs, **attributes):
    """An operator as its reference implementation has it."""
    helper = real_onnx.helper
    names = ["x", "y"][: len(inputs)]
    kind = helper.np_dtype_to_tensor_dtype(inputs[0].dtype)
    values = [helper.make_tensor_value_info(n, kind, None) for n in [*names, "z"]]
    node = helper.make_node(name, names, ["z"], **attributes)
    graph = helper.make_graph([node], name, values[:-1], values[-1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)])
    (result,) = real_onnx.reference.ReferenceEvaluator(model).run(None, dict(zip(names, inputs)))
    return result


@pytest.mark.parametrize("name", activations(onnx))
def test_onnx_attributes(real_onnx, name):
    schema = real_onnx.defs.get_schema(name)
    parameters = inspect.signature(getattr(onnx, name)).parameters.values()
    attributes = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert len(parameters) - len(attributes) == schema.min_input
    assert {p.name for p in attributes} == set(schema.attributes)
    for p in attributes:
        default = real_onnx.helper.get_attribute_value(schema.attributes[p.name].default_value)
        assert default == (p.default.encode() if type(p.default) is str else np.float32(p.default))


@pytest.mark.parametrize("name", activations(onnx))
def test_onnx_values(real_onnx, name, dtype):
    function, x = getattr(onnx, name), points(dtype)
    if is_over_axis(name):
        x = draw(dtype)
        for attributes in {}, {"axis": 0}, {"axis": 1}:
            assert_like(function(x, **attributes), evaluate(real_onnx, name, [x], **attributes), 20)
        return
    inputs = [x, np.full_like(x, 0.25)] if name == "PRelu" else [x]
    parameters = inspect.signature(function).parameters.values()
    # The reference multiplies float64 by float32 defaults, and goes through float32 in these.
    rounded = {p.name: float(np.float32(p.default)) for p in parameters if type(p.default) is float}
    ulps = 16 if dtype != np.float64 or name not in ("Erf", "Gelu", "HardSwish") else 2.0**32
    for attributes in cases(function):
        attributes.pop("slope", None)
        if dtype == np.float64:
            attributes = rounded | attributes
        theirs = theirs_of(evaluate, real_onnx, name, inputs, **attributes)
        assert_like(function(*inputs, **attributes), theirs, x, ulps)


# Keras ---------------------------------------------------------------------------------------


def test_all_of_the_table_that_keras_has_is_there(real_keras):
    assert_same_names(keras, real_keras.activations)


@of_keras
@elementwise(keras)
def test_keras_values(real_keras, name, dtype):
    function, x = getattr(keras, name), points(dtype)
    for keywords in cases(function):
        theirs = theirs_of(getattr(real_keras.activations, name), x, **keywords)
        assert_like(function(x, **keywords), theirs, x)


@of_keras
def test_keras_relu_with_several_arguments(real_keras, dtype):
    x = points(dtype)
    for slope in 0.0, 0.25:
        for most in None, 2.5, 6.0:
            for threshold in 0.0, 0.5, -0.75, 3.0:
                ours = keras.relu(x, slope, most, threshold)
                assert_like(ours, real_keras.activations.relu(x, slope, most, threshold), x)


@of_keras
@pytest.mark.parametrize("axis", AXES[:-1])
def test_keras_over_axes(real_keras, axis, dtype):
    x, library = draw(dtype), real_keras.activations
    for name in "softmax", "log_softmax":
        assert_like(getattr(keras, name)(x, axis), getattr(library, name)(x, axis), 20)
    assert_like(keras.glu(x), library.glu(x), 20)


@elementwise(keras)
def test_keras_derivatives(name):
    """Against difference quotients, but at kinks, of which Keras says nothing."""
    x, step = random_generator("differences").normal(0, 3, 500), 1e-6
    derivative = getattr(keras, name + "_derivative")
    for keywords in cases(getattr(keras, name)):
        left, right = (getattr(keras, name)(x + s, **keywords) for s in (-step, step))
        slopes = derivative(x, **keywords)
        np.testing.assert_allclose(slopes, (right - left) / (2 * step), atol=1e-8, rtol=1e-7)
        assert_same(getattr(keras, name + "_with_derivative")(x, **keywords)[1], slopes)
        assert_same(getattr(keras, name + "_backward")(x, x, **keywords), x * slopes)


def test_keras_kinks():
    def slopes(x, *arguments):
        return keras.relu_derivative(np.float32(x), *arguments).tolist()

    assert slopes([0.0, 5.0]) == [0, 1]
    assert slopes([1.0, 4.0, 2.0], 0.25, 4.0, 1.0) == [0.25, 0, 1]
    assert slopes([-1.0, -0.5, 0.5], 0.0, 4.0, -1.0) == [0, 0, 1]
    assert keras.sparse_sigmoid_derivative(np.array([-1.0, 0, 1])).tolist() == [0, 0.5, 0]
    assert_same(keras.leaky_relu_backward_from_output(1.0, -1.0), np.float64(0.2))


def test_keras_get(real_keras):
    for name in activations(keras):
        assert keras.get(name) is getattr(keras, name)
        assert real_keras.activations.get(name) is getattr(real_keras.activations, name)
    assert keras.get(None) is keras.linear and keras.get(np.sin) is np.sin


# Wrong use -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: jax.gelu(1.0, approximate="tanh"),
            ValueError,
            "gelu: approximate is 'tanh', .*True",
        ),
        (
            lambda: onnx.Gelu(1.0, approximate="erf"),
            ValueError,
            "'erf', but must be 'none' or 'tanh'",
        ),
        (lambda: jax.elu(), TypeError, r"elu\(x, alpha=1.0\): missing .*'x'"),
        (lambda: jax.relu(1.0, 2.0), TypeError, r"relu\(x\): too many positional"),
        (lambda: jax.hard_tanh(1.0, min_val=0), TypeError, r"hard_tanh\(x\): .*'min_val'"),
        (lambda: jax.relu(1j), TypeError, "relu"),
        (lambda: jax.glu(np.ones(3)), ValueError, "glu: the axis 0 has the odd length 3"),
        (lambda: jax.softmax(np.ones(3), (0, 1)), np.exceptions.AxisError, "axis 1"),
        (lambda: keras.threshold(1.0), TypeError, "threshold.*missing.*'threshold'"),
        (lambda: keras.relu(1.0, max_value=-1), ValueError, "relu: max_value is -1"),
        (lambda: keras.get("leakyrelu"), ValueError, "'leakyrelu'; perhaps 'leaky_relu'"),
        (lambda: onnx.LeakyRelu(1.0, 0.1), TypeError, r"LeakyRelu\(x, /, \*, alpha=0.01\)"),
        (lambda: onnx.Celu(1.0, alpha=-1.0), ValueError, "alpha > 0"),
        (lambda: scipy.softplus(1.0, beta=2.0), TypeError, "beta"),
        (lambda: scipy.logsumexp([1j]), TypeError, "logsumexp"),
        (lambda: scipy.logsumexp([1.0], b=["1"]), TypeError, "logsumexp .*<U1"),
    ],
)
def test_wrong_use_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
