"""The public functions in nopython code: the Numba backend's bits, vectorised, cached, refused."""

import importlib.metadata
import pickle
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest
from conftest import FUNCTIONS, IMPLEMENTATIONS
from oracle import as_tuple, assert_same, assert_within

import fastact
from fastact import backends
from fastact.activations import ACTIVATIONS, aliases
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

numba = pytest.importorskip("numba")

from fastact import _nopython, elementary

_nopython.init()  # what the entry point does where the distribution is installed
INSTALLED = any(
    found.value == "fastact._nopython:init"
    for found in importlib.metadata.entry_points(group="numba_extensions")
)
BACKEND = IMPLEMENTATIONS["numba"]
WIDE = [np.dtype("float32"), np.dtype("float64")]
#: A row with every operation and the most parameters: around a formula all is the same for all.
USUAL = max(
    (row for row in ACTIVATIONS.values() if not row.required),
    key=lambda row: (len(row.operations()), len(row.parameters)),
)
X86 = platform.machine() in ("x86_64", "AMD64")


def user_loops(row):
    """Loops as a user writes them, one for each operation of the table."""
    f, derivative, pair, backward = (
        getattr(fastact, row.name + suffix)
        for suffix in ("", "_derivative", "_with_derivative", "_backward")
    )
    from_output = getattr(fastact, row.name + "_backward_from_output", backward)
    p = row.required

    @numba.njit
    def loops(x, grad, y, out):
        for i in range(x.size):
            out[0][i] = f(x[i], *p)
        for i in range(x.size):
            out[1][i] = derivative(x[i], *p)
        for i in range(x.size):
            out[2][i], out[3][i] = pair(x[i], *p)
        for i in range(x.size):
            out[4][i] = backward(grad[i], x[i], *p)
        for i in range(x.size):
            out[5][i] = from_output(grad[i], y[i], *p)

    return loops


def innermost_loops(dispatcher):
    """The innermost loops of the machine code of a dispatcher's only signature, as text."""
    lines = dispatcher.inspect_asm(dispatcher.signatures[0]).splitlines()
    labels, spans = {}, []
    for i, line in enumerate(lines):
        if match := re.match(r"(\.L\w+):", line):
            labels[match[1]] = i
        elif (match := re.match(r"\s+j\w+\s+(\.L\w+)", line)) and match[1] in labels:
            spans.append((labels[match[1]], i))
    return [
        "\n".join(lines[a : b + 1])
        for a, b in spans
        if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in spans)
    ]


def packed(dispatcher, dtype):
    """How many innermost loops compute on whole vector registers of the dtype."""
    wide = "[yz]" if "%ymm" in dispatcher.inspect_asm(dispatcher.signatures[0]) else "x"
    suffix = {"float32": "ps", "float64": "pd"}[dtype.name]
    operation = rf"\sv?(\w*(add|sub|mul|div|min|max|cmp\w*)|and|blend\w*){suffix}\s.*%{wide}mm"
    return sum(bool(re.search(operation, loop)) for loop in innermost_loops(dispatcher))


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_scalars_in_a_users_loop(row, dtype):
    """The Numba backend's bits; every loop vectorised, whatever it computes."""
    x = np.append(oracle.points(row, dtype, oracle.defaults(row, dtype)), dtype.type(np.nan))
    rng = oracle.random_generator(row.name, dtype)
    y, grad = rng.permutation(x), rng.normal(0, 1, x.size).astype(dtype)
    out = tuple(np.zeros_like(x) for _ in range(6))
    loops = user_loops(row)
    loops(x, grad, y, out)
    expected = []
    for operation in row.operations():
        inputs = [{"x": x, "y": y, "grad": grad}[name] for name in operation.inputs]
        expected += as_tuple(getattr(BACKEND, row.name + operation.suffix)(*inputs, *row.required))
    for actual, same in zip(out, expected):
        assert np.unique(same).size > 1
        assert_same(actual, same)
    if X86:
        copied = row.cost == "copy"
        assert packed(loops, dtype) >= 5 - copied


def test_scalar_code_is_told_from_vector_code():
    @numba.njit
    def scalar(x, y, out):
        for i in range(x.size):
            out[i] = 1 / (1 + np.exp(-x[i]))

    x = np.ones(9, np.float32)
    scalar(x, x, x.copy())
    assert innermost_loops(scalar)
    assert packed(scalar, x.dtype) == 0


@pytest.mark.only(having=lambda function: function.row.name == USUAL.name)
def test_arrays(function):
    """Strided, and with `out`; the parameters as arrays that broadcast."""
    f, expected = getattr(fastact, function.name), function.on(BACKEND)
    arrays = [a[::2, ::-1] for a in function.draw((6, 5), np.float32)]
    count = len(function.operation.inputs)
    arrays[count:] = [a[:, :1] for a in arrays[count:]]
    inputs = tuple(arrays)
    out = tuple(np.empty((3, 5), np.float32) for _ in range(function.nout))

    @numba.njit
    def call(inputs, out):
        return f(*(inputs + (out,)))

    result = call(inputs, out if len(out) > 1 else out[0])
    for a, b in zip(as_tuple(result), out, strict=True):
        assert a.ctypes.data == b.ctypes.data
    assert_all_same(out, expected(*inputs))
    if len(out) > 1:
        assert_all_same(call(inputs, None), out)


def assert_all_same(actual, expected):
    for a, b in zip(as_tuple(actual), as_tuple(expected), strict=True):
        assert_same(a, b)


@numba.njit
def sigmoid(x):
    return fastact.sigmoid(x)


@numba.njit
def sigmoid_into(x, out):
    return fastact.sigmoid(x, out=out)


@numba.njit
def leaky_relu(x, slope):
    return fastact.leaky_relu(x, negative_slope=slope)


@pytest.mark.parametrize(
    "x",
    [
        np.float32(0.7),
        np.float64(0.7),
        3,
        True,
        np.array(2.5),
        np.array([], np.float32),
        np.arange(-2, 4),
        np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4),
        np.asfortranarray(np.linspace(-3, 3, 24).reshape(4, 6)),
        np.frombuffer(np.linspace(-3, 3, 9, dtype=np.float32).tobytes(), np.float32),
    ],
    ids=lambda x: f"{type(x).__name__}-{np.asarray(x).dtype}-{np.ndim(x)}",
)
def test_types_and_layouts(x):
    expected = BACKEND.sigmoid(x)
    if expected.dtype == np.float16:  # which Numba has no arithmetic for
        expected = BACKEND.sigmoid(np.asarray(x, np.float32))[()]
    actual = sigmoid(x)
    assert np.ndim(actual) == np.ndim(x)
    # What leaves compiled code as a number is a Python float.
    assert_same(expected.dtype.type(actual) if np.ndim(x) == 0 else actual, expected)


def test_out_of_any_kind():
    x = np.linspace(-3, 3, 12, dtype=np.float32)
    expected = BACKEND.sigmoid(x)
    for shift in 1, -1:  # in the place of its own input, a little off
        memory = np.concatenate([x[:1], x, x[-1:]])
        moved = memory[1 + shift : 13 + shift]
        sigmoid_into(memory[1:13], moved)
        assert_same(moved, expected)
    inside = x.copy()
    assert sigmoid_into(inside, inside).ctypes.data == inside.ctypes.data
    assert_same(inside, expected)
    strided, double = np.zeros((12, 2), np.float32), np.zeros((3, 12))
    sigmoid_into(x, strided[:, 1])
    assert_same(strided[:, 1].copy(), expected)
    assert not strided[:, 0].any()
    sigmoid_into(x[None], double)
    assert_same(double, np.tile(expected, (3, 1)).astype(np.float64))
    for wrong in np.zeros(11, np.float32), np.zeros((1, 11), np.float32):
        with pytest.raises(ValueError, match=r"fastact\.sigmoid\(\)"):
            sigmoid_into(x, wrong)
        assert not wrong.any()


def test_parameters_broadcast_and_do_not_widen():
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    assert_same(leaky_relu(x, 0.2), BACKEND.leaky_relu(x, 0.2))
    slopes = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    assert_same(leaky_relu(x, slopes), BACKEND.leaky_relu(x, slopes))
    assert_same(leaky_relu(-2.0, slopes), BACKEND.leaky_relu(np.float32(-2), slopes))
    wide = slopes.astype(np.float64)
    assert_same(leaky_relu(x, wide), BACKEND.leaky_relu(x, wide))
    with pytest.raises(ValueError, match=r"fastact\.leaky_relu\(\)"):
        leaky_relu(x, slopes[:3])


def known(name):
    """What Numba knows a public function as."""
    context = numba.core.registry.cpu_target.typing_context
    context.refresh()
    (template,) = context.resolve_value_type(getattr(fastact, name)).templates
    return template.function


def cast(name, *args, **keywords):
    """The types to which the arguments of a call are cast."""
    return known(name).bind(args, keywords)[0]


def test_parameters_by_position_by_name_and_by_default():
    for function in FUNCTIONS:
        names = [parameter.name for parameter in function.row.parameters]
        inputs = [numba.float32] * len(function.operation.inputs)
        given = [numba.float64] * len(names)
        expected = [numba.float32] * function.nin
        assert cast(function.name, *inputs, *given) == expected
        assert cast(function.name, *inputs, **dict(zip(names, given))) == expected
        if function.row.required:
            with pytest.raises(numba.TypingError, match=rf"{function.name}\(\).*{names[0]}"):
                cast(function.name, *inputs)
        else:
            assert cast(function.name, *inputs) == expected
        with pytest.raises(numba.TypingError, match=rf"{function.name}\(\).*'where'"):
            cast(function.name, *inputs, *given, where=numba.boolean)


def test_promotion_is_that_of_ufuncs():
    for function in FUNCTIONS:
        for name in "?bBhHiIlLqQfd":
            dtype = numba.from_dtype(np.dtype(name))
            expected = np.result_type(np.tanh(np.zeros((), name)), np.float32)
            found = cast(function.name, *[dtype] * function.nin)
            assert found == [numba.from_dtype(expected)] * function.nin


def test_aliases_are_known():
    for alias, name in aliases():
        assert known(alias) is known(name)


BAD = {
    "list": [1.0],
    "str": "abc",
    "None": None,
    "complex": np.ones(3, complex),
    "complex scalar": 1j,
    "float16": np.ones(3, np.float16),
    "tuple": (1.0, 2.0),
    "datetime64": np.ones(3, "M8[s]"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_wrong_operands_are_refused_by_name(bad):
    """In the place of each input."""
    wrong = numba.typeof(bad)
    for function in FUNCTIONS:
        for place in range(function.nin):
            types = [wrong if i == place else numba.float64 for i in range(function.nin)]
            with pytest.raises(numba.TypingError) as caught:
                cast(function.name, *types)
            assert str(caught.value).startswith(f"fastact.{function.name}(): ")
            assert f"{wrong};" in str(caught.value)


def test_the_error_reaches_the_user():
    with pytest.raises(numba.TypingError, match=r"fastact\.sigmoid\(\): x is array\(complex128"):
        sigmoid(np.ones(3, complex))
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    for out in [1.0], np.zeros(3, int), read_only, (np.zeros(3),):
        out = numba.typed.List(out) if isinstance(out, list) else out
        with pytest.raises(numba.TypingError, match=r"fastact\.sigmoid\(\): out is "):
            sigmoid_into(np.zeros(3), out)


@pytest.mark.parametrize("name", [*ROW_FUNCTIONS, *(name for name, *_ in channel_functions())])
def test_what_is_not_elementwise_says_so(name):
    f = getattr(fastact, name)
    with pytest.raises(numba.TypingError, match=rf"fastact\.{name}\(\) has no form"):
        numba.njit(lambda x: f(x))(np.ones((2, 2)))


# In other processes --------------------------------------------------------------------------

MODULE = """
import numba, numpy as np, fastact
from fastact import gelu

@numba.njit(cache=True)
def one(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = gelu(x[i])
    return out

@numba.njit(cache=True, fastmath=True)
def two(x):
    return fastact.tanh_shrink(x)

@numba.njit(cache=True, parallel=True, fastmath=True)
def three(x):
    out = np.empty_like(x)
    for i in numba.prange(x.size):
        out[i] = fastact.softplus(x[i], beta=2.0)
    return out

EXPECTED = {
    "one": lambda f, x: f.gelu(x),
    "two": lambda f, x: f.tanh_shrink(x),
    "three": lambda f, x: f.softplus(x, beta=2.0),
}

def check(name, hits):
    x = np.linspace(-9, 9, 1001, dtype=np.float32)
    function = globals()[name]
    np.testing.assert_array_equal(function(x), EXPECTED[name](fastact.backends.numba, x))
    assert sum(function.stats.cache_hits.values()) == hits, name
"""


def run(folder, code, numba=True):
    if numba and not INSTALLED:
        code = f"from fastact import _nopython; _nopython.init()\n{code}"
    here = str(Path(fastact.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; sys.path.append({here!r})\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_cached_in_one_process_and_loaded_in_another(tmp_path):
    """Two compiled apart and loaded together: no symbol of one is taken for the other's."""
    (tmp_path / "module.py").write_text(MODULE)
    for name in "one", "two", "three":
        run(tmp_path, f"import module; module.check({name!r}, 0)")
    run(tmp_path, "import module; [module.check(name, 1) for name in module.EXPECTED]")


@pytest.mark.parametrize("backend", backends.runnable())
def test_whatever_backend_is_bound(tmp_path, backend, monkeypatch):
    """A ufunc, a `Blockwise` and a function with defaults."""
    monkeypatch.setenv("FASTACT_BACKEND", backend)
    code = "import fastact, numba; f = numba.njit(lambda x: fastact.leaky_relu(fastact.relu(x)))"
    run(tmp_path, f"{code}\nassert fastact.backend == {backend!r} and f(-1.0) == 0 and f(2.0) == 2")


@pytest.mark.skipif(not INSTALLED, reason="no entry point: the distribution is not installed")
def test_nothing_but_the_import_is_needed(tmp_path):
    run(tmp_path, "import fastact, numba; assert numba.njit(lambda x: fastact.relu(x))(2.0) == 2")


# fastact.elementary --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", WIDE, ids=str)
@pytest.mark.parametrize("name", elementary.FUNCTIONS)
def test_elementary_function(name, dtype):
    """Within the promise, vectorised, and the same bits inside nopython code as outside."""
    row, function = elementary.FUNCTIONS[name], getattr(elementary, name)
    rng = oracle.random_generator(name, dtype)
    near = [rng.normal(centre, scale, 500) for centre in (0, -1, 0.75) for scale in (0.1, 1, 30)]
    # From all binades, and close by.
    x = np.concatenate([oracle.points(ACTIVATIONS["sigmoid"], dtype), *near]).astype(dtype)
    x = x[(x > -1 if name == "log1p" else abs(x) < 2000) & np.isfinite(x)]
    expected = oracle.exact([oracle.value(row, v) for v in x.tolist()], dtype)

    @numba.njit
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    y = np.empty_like(x)
    loop(x, y)
    assert_within(y, expected, row.max_ulp, x)
    assert_same(function(x), y)
    assert np.unique(y).size > x.size // 4
    assert not X86 or packed(loop, dtype) == 1


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_elementary_functions_at_the_ends(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1, -2, 3000, -3000], dtype)
    with np.errstate(all="ignore"):
        expected = {"exp": np.exp(x), "expm1": np.expm1(x), "log1p": np.log1p(x)}
    expected["erf"] = np.array([0, -0.0, 1, -1, np.nan, -0.8427007929, -0.995322265, 1, -1], dtype)
    for name in elementary.FUNCTIONS:
        y = getattr(elementary, name)(x)
        np.testing.assert_allclose(y, expected[name], 1e-6)
        assert (np.signbit(y) == np.signbit(expected[name]))[~np.isnan(y)].all()


def test_elementary_functions_are_ufuncs_outside():
    assert elementary.exp(np.zeros((2, 2), np.float16)).dtype == np.float16
    assert pickle.loads(pickle.dumps(elementary.erf)) is elementary.erf
    with pytest.raises(TypeError, match="exp"):
        elementary.exp(1j)


def test_without_numba_the_error_names_what_to_install(tmp_path):
    code = """
import sys
sys.modules["numba"] = None
try:
    import fastact.elementary
except ImportError as error:
    assert "pip install fastact[numba]" in str(error), error
else:
    raise AssertionError
"""
    run(tmp_path, code, numba=False)
