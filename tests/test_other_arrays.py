"""pandas, xarray, masked arrays and Dask keep their type and labels; pickles load anywhere."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import FUNCTIONS, IMPLEMENTATIONS
from oracle import as_tuple, assert_same
from test_selection import run

import fastact
from fastact import backends
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

SHAPE = 6, 4
#: Real ufuncs and what stands in for them; so all tiers, and Numba, whose functions take seconds.
BOTH = [name for name in IMPLEMENTATIONS if name in ("cython-baseline", "numpy")]


class Plain:
    """How to wrap an array in a library's type, take it out, and see that labels are kept."""

    library = "numpy"

    def wrap(self, a):
        return a

    def values(self, x):
        return np.asarray(x)

    def check(self, x, of):
        """x is of the type that the operand is, with its labels."""
        assert type(x) is type(of)


class Masked(Plain):
    mask = np.arange(24).reshape(SHAPE) % 3 == 0

    def wrap(self, a):
        return np.ma.masked_array(a, self.mask)

    def values(self, x):
        return x.filled(0)

    def check(self, x, of):
        super().check(x, of)
        assert (x.mask == of.mask).all()


class Series(Plain):
    library = "pandas"

    def wrap(self, a):
        pandas = pytest.importorskip("pandas")
        return pandas.Series(a.ravel(), [f"row {i}" for i in range(a.size)], name="unit")

    def check(self, x, of):
        super().check(x, of)
        assert x.index.equals(of.index) and x.name == of.name


class Frame(Plain):
    library = "pandas"

    def wrap(self, a):
        pandas = pytest.importorskip("pandas")
        return pandas.DataFrame(a, [f"row {i}" for i in range(len(a))], list("abcd"))

    def check(self, x, of):
        super().check(x, of)
        assert x.index.equals(of.index) and x.columns.equals(of.columns)


class Labelled(Plain):
    library = "xarray"

    def wrap(self, a):
        xarray = pytest.importorskip("xarray")
        return xarray.DataArray(a, {"time": np.arange(len(a))}, ("time", "unit"), name="z")

    def check(self, x, of):
        super().check(x, of)
        assert x.dims == of.dims and x.coords.equals(of.coords) and x.name == of.name


class Chunked(Plain):
    """A Dask array that may not be computed before it is asked for."""

    library = "dask"

    def __init__(self):
        self.may_compute = False

    def wrap(self, a):
        da = pytest.importorskip("dask.array")

        def chunk(block_info):
            assert self.may_compute, "the call was not lazy"
            place = block_info[None]["array-location"]
            return a[tuple(slice(*ends) for ends in place)]

        return da.map_blocks(
            chunk, chunks=da.core.normalize_chunks((3, 4), a.shape), dtype=a.dtype, meta=a[:0, :0]
        )

    def values(self, x):
        self.may_compute = True
        return x.compute(scheduler="synchronous")

    def check(self, x, of):
        super().check(x, of)
        assert x.chunks == of.chunks


class LabelledChunks(Chunked):
    """What xarray keeps of a file that is larger than the memory."""

    library = "xarray"

    def wrap(self, a):
        xarray = pytest.importorskip("xarray")
        return xarray.DataArray(super().wrap(a), dims=("time", "unit"))

    def values(self, x):
        return super().values(x.data)

    def check(self, x, of):
        assert type(x) is type(of) and x.dims == of.dims
        super().check(x.data, of.data)


KINDS = [Masked, Series, Frame, Labelled, Chunked, LabelledChunks]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param()


def operands_of(function, kind):
    """The inputs as arrays, wrapped, and typical values of parameters that a call has to give."""
    arrays = function.draw(SHAPE, np.float32)[: len(function.operation.inputs)]
    return arrays, [kind.wrap(a) for a in arrays], function.row.required


def assert_kept(results, expected, of, kind):
    """The results have the bits of NumPy's and the type and labels of an operand."""
    results, expected = as_tuple(results), as_tuple(expected)
    for result in results:
        kind.check(result, of)
    for result, same in zip(results, expected, strict=True):
        found = kind.values(result)
        hidden = kind.values(kind.wrap(same)) if type(kind) is Masked else same
        assert_same(found.reshape(SHAPE), hidden)
        assert np.unique(found).size > 1 or np.unique(hidden).size == 1


@pytest.mark.parametrize("kind", KINDS, indirect=True, ids=lambda kind: kind.__name__)
def test_every_function_keeps_type_and_labels(kind):
    for function in FUNCTIONS:
        call = function.on(fastact)
        arrays, wrapped, parameters = operands_of(function, kind)
        kind.may_compute = False
        results = call(*wrapped, *parameters)
        assert_kept(results, call(*arrays, *parameters), wrapped[-1], kind)


@pytest.mark.of_each_kind
@pytest.mark.parametrize("implementation", BOTH)
def test_ufuncs_and_stand_ins(function, call, kind):
    """Parameters given by name too, and the operands of two kinds."""
    arrays, wrapped, _ = operands_of(function, kind)
    parameters = {p.name: p.typical for p in function.row.parameters}
    expected = call(*arrays, **parameters)
    assert_kept(call(*wrapped, **parameters), expected, wrapped[-1], kind)
    if len(wrapped) == 2 and not isinstance(kind, Series):
        kind.may_compute = False
        assert_kept(call(arrays[0], wrapped[1], **parameters), expected, wrapped[-1], kind)


@pytest.mark.parametrize("label", BOTH)
def test_out_of_dask(label):
    """An output of Dask's is what comes back, one of two or the only one."""
    da = pytest.importorskip("dask.array")
    namespace = IMPLEMENTATIONS[label]
    a = np.linspace(-3, 3, 8, dtype=np.float32)
    x = da.from_array(a, chunks=3)
    outs = da.zeros_like(x), da.zeros_like(x)
    for results in namespace.tanh_with_derivative(x, out=outs), outs:
        for result, output, same in zip(results, outs, namespace.tanh_with_derivative(a)):
            assert result is output
            assert_same(result.compute(scheduler="synchronous"), same)
    with pytest.raises((TypeError, ValueError)):
        namespace.tanh_with_derivative(x, out=outs[:1])
    assert namespace.tanh(x, out=outs[1]) is outs[1]


@pytest.mark.parametrize("label", IMPLEMENTATIONS)
def test_types_that_refuse_are_a_type_error(label):
    class Refuses:
        __array_ufunc__ = None

    class KnowsNone:
        def __array_ufunc__(self, *arguments, **keywords):
            return NotImplemented

    namespace = IMPLEMENTATIONS[label]
    for thing in Refuses(), KnowsNone():
        for f in namespace.tanh_with_derivative, namespace.elu_with_derivative, namespace.elu:
            with pytest.raises(TypeError, match=type(thing).__name__):
                f(thing)


# The bias ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", BOTH)
def test_bias_keeps_type_and_labels(label, kind):
    """Forward, and backward with a bias along each axis, both, or none."""
    namespace = IMPLEMENTATIONS[label]
    rng = np.random.default_rng(0)
    grad, x = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    for shape in [(4,), (6, 1), (6, 4), ()]:
        if isinstance(kind, Series) and shape != ():
            continue
        b = rng.normal(size=shape).astype(np.float32)
        wrapped = kind.wrap(grad), kind.wrap(x), b
        for name, row, operation in channel_functions():
            kind.may_compute = False
            function = getattr(namespace, name)
            operands = wrapped[-len(operation.inputs) :]
            results = as_tuple(function(*operands))
            kind.check(results[0], wrapped[0]) if "weight" not in name else None
            if isinstance(kind, Chunked):
                assert all(type(result) is type(wrapped[0]) for result in results)
            plain = (grad, x, b)
            if isinstance(kind, Masked):  # what is masked is not there
                plain = np.where(kind.mask, 0, grad), x, b
            expected = as_tuple(function(*plain[-len(operation.inputs) :]))
            for result, same in zip(results, expected, strict=True):
                if not (isinstance(kind, Masked) and operation.name(row) == f"bias_{row.name}"):
                    own = type(result) is type(wrapped[0])
                    found = kind.values(result) if own else np.asarray(result)
                    assert found.dtype == np.float32
                    np.testing.assert_allclose(
                        found.reshape(same.shape), same, rtol=2e-6, atol=1e-6
                    )


def test_sums_over_named_axes():
    """xarray's axes go by name: the bias of the first axis, with its coordinates."""
    xarray = pytest.importorskip("xarray")
    x = xarray.DataArray(np.ones(SHAPE), {"time": range(6)}, ("time", "unit"))
    b = xarray.DataArray(np.arange(6.0), {"time": range(6)}, ("time",))
    x[2, 1] = np.nan
    grad_x, grad_b = fastact.bias_sigmoid_backward(x, x, b)
    assert grad_x.dims == x.dims and grad_b.dims == ("time",) and grad_b.coords.equals(b.coords)
    assert_same(
        grad_b.values, fastact.bias_sigmoid_backward(x.values, x.values, b.values[:, None])[1][:, 0]
    )
    assert np.isnan(grad_b[2]) and np.isnan(grad_b).sum() == 1


def test_bad_use_of_the_bias_is_named():
    xarray = pytest.importorskip("xarray")
    x = xarray.DataArray(np.ones(SHAPE))
    with pytest.raises(TypeError, match="bias_relu_backward.*'out'.*DataArray"):
        fastact.bias_relu_backward(x, x, np.ones(4), out=(np.empty(SHAPE), None))
    data = xarray.Dataset({"x": x})
    with pytest.raises(TypeError, match="bias_relu_backward.*Dataset"):
        fastact.bias_relu_backward(data, data, np.ones(4))


# Over an axis ------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", BOTH)
def test_rows_of_dask_are_lazy(label):
    """The gated units and the losses are for arrays; the others go chunk by chunk."""
    da = pytest.importorskip("dask.array")
    namespace = IMPLEMENTATIONS[label]
    for axis in range(2):
        x, grad = np.random.default_rng(axis).normal(size=(2, *SHAPE)).astype(np.float32)
        for name, row in ROW_FUNCTIONS.items():
            if row.activation or "labels" in row.inputs:
                continue
            arrays = [grad, x][-len(row.inputs) :]
            if name == "logsumexp_backward":
                arrays[0] = np.take(grad, 0, axis)
            chunks = [6 if axis == 0 else 2, 4 if axis == 1 else 2]
            wrapped = [
                da.from_array(a, chunks=chunks if a.ndim == 2 else 2, asarray=False) for a in arrays
            ]
            result = getattr(namespace, name)(*wrapped, axis=axis)
            assert type(result) is da.Array
            expected = getattr(namespace, name)(*arrays, axis=axis)
            assert_same(result.compute(scheduler="synchronous"), expected)
            if len(row.inputs) == 1:
                with pytest.raises(ValueError, match="chunks"):
                    getattr(namespace, name)(*wrapped, axis=1 - axis)


# Pickles ----------------------------------------------------------------------------------------

PUBLIC = """
import fastact, pickle, sys
from fastact.activations import aliases
functions = {name: getattr(fastact, name) for name in fastact._names + [a for a, _ in aliases()]}
functions |= {name + ".ufunc": f.ufunc for name, f in functions.items() if hasattr(f, "ufunc")}
selected = fastact.get("leaky_relu", negative_slope=0.25), fastact.get("prelu", weight=[0.5])
"""
SETTINGS = [{"FASTACT_BACKEND": name} for name in backends.runnable()]
if "cython" in backends.runnable():
    SETTINGS += [{"FASTACT_ISA": tier} for tier in backends.cython.runnable()]


def test_pickles_load_with_another_backend_or_tier(tmp_path):
    """A pickle refers to what fastact has by a name, and not to where that comes from."""
    texts = set()
    for i, setting in enumerate(SETTINGS):
        dump = (
            f"{PUBLIC}\npickles = {{name: pickle.dumps(f) for name, f in functions.items()}}\n"
            f"pickles['selected'] = pickle.dumps(selected)\n"
            f"open({str(tmp_path / str(i))!r}, 'wb').write(pickle.dumps(pickles))\n"
            "print(len(pickles))"
        )
        assert int(run(dump, **setting)) > 250  # functions, and ufuncs under them
        texts.add((tmp_path / str(i)).read_bytes())
    assert len(texts) == 1, "the same whoever wrote it"
    for setting in SETTINGS:
        load = (
            f"{PUBLIC}\npickles = pickle.loads(open({str(tmp_path / '0')!r}, 'rb').read())\n"
            "loaded = pickle.loads(pickles.pop('selected'))\n"
            "assert repr(loaded) == repr(selected)\n"
            "assert loaded[0].forward(-2.0) == -0.5 and loaded[0].saves == 'output'\n"
            "assert loaded[1].backward(1.0, [-2.0]) == [0.5] and loaded[1].saves == 'input'\n"
            "assert all(pickle.loads(p) is functions[name] for name, p in pickles.items())\n"
            "assert b'_ufuncs' not in b''.join(pickles.values())\n"
            "print(fastact.backend)"
        )
        assert run(load, **setting) in backends.BACKENDS


def test_every_protocol_pickles():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for f in fastact.tanh, fastact.elu, fastact.elu.ufunc, fastact.bias_leaky_relu.ufunc:
            assert pickle.loads(pickle.dumps(f, protocol)) is f


def test_the_module_of_ufuncs_has_nothing_else():
    assert fastact.ufuncs.tanh is fastact.tanh and fastact.ufuncs.elu is fastact.elu.ufunc
    for name in "__all__", "__path__", "get", "backends", "glu", "no_such_name":
        with pytest.raises(AttributeError, match=name):
            getattr(fastact.ufuncs, name)


# Dask's workers ---------------------------------------------------------------------------------


def test_tokens_tell_functions_apart():
    """Dask calls results by a hash of the function: one for each and always the same."""
    tokenize = pytest.importorskip("dask.base").tokenize
    for namespace in {**IMPLEMENTATIONS, "bound": fastact}.values():
        ufuncs = [getattr(f.on(namespace), "ufunc", f.on(namespace)) for f in FUNCTIONS]
        tokens = [tokenize(ufunc) for ufunc in ufuncs]
        assert len({*tokens}) == len(tokens)
        assert tokens == [tokenize(ufunc) for ufunc in ufuncs] or namespace is not fastact


@pytest.mark.parametrize("elements", [3_000_000])
def test_on_worker_processes(elements):
    """The example: two processes, each with memory for a few chunks however many there are."""
    pytest.importorskip("distributed")
    example = Path(__file__).parents[1] / "examples" / "dask_array.py"
    done = subprocess.run(
        [sys.executable, example, f"--elements={elements}", "--chunk=250000"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = done.stdout.splitlines()
    assert report[0] == "fastact.get('leaky_relu'): 12 MB in 12 chunks"
    numbers = {line[:28].strip(): float(line[28:]) for line in report[1:4]}
    # Half of the gradient is 1, half 0.01: exact but for the draw.
    assert abs(numbers["norm of the gradient"] / (elements * 0.50005) ** 0.5 - 1) < 0.01
    assert abs(numbers["mean of f(x)"] - 0.99 * (2 * np.pi) ** -0.5) < 0.003
    assert abs(numbers["share with |f'(x)| < 0.1"] - 0.5) < 0.003
    assert len(report) == 6
