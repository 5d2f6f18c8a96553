"""A package built against the installed fastact, its loops run and their machine code read."""

import importlib
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import oracle
import pytest
from disassembly import functions, loops_in
from oracle import as_tuple, assert_same, random_generator
from test_selection import compiled, run
from test_vectorised import POWER_OF_TWO

import fastact
from fastact import activations, backends

HERE = Path(__file__).parent
DTYPES = ["float32", "float64"]

pytestmark = [
    pytest.mark.skipif(
        not (find_spec("Cython") and find_spec("setuptools")), reason="needs Cython and setuptools"
    ),
    pytest.mark.skipif(
        not shutil.which((sysconfig.get_config_var("CC") or "cl").split()[0]),
        reason="needs a C compiler",
    ),
]


def everything():
    """A module that computes any function of the table, for arguments as rows of an array."""
    names = [name for name, _, _ in activations.functions()]
    yield "# cython: language_level=3, boundscheck=False, wraparound=False"
    yield "# distutils: extra_compile_args = -O1 -UCYTHON_INLINE"  # it computes the same, sooner
    yield "from cython cimport floating"
    yield f"from fastact.scalar cimport {', '.join(names)}"
    for name, row, operation in activations.functions():
        count = len(operation.inputs) + len(row.parameters)
        arguments = ", ".join(f"x[{i}]" for i in range(count))
        yield f"cdef void of_{name}(floating *x, floating *out) noexcept nogil:"
        if len(operation.outputs) == 2:
            yield f"    {name}({arguments}, out, out + 1)"
        else:
            yield f"    out[0] = {name}({arguments})"
    yield "def compute(str name, floating[:, ::1] x, floating[:, ::1] out):"
    yield "    cdef void (*f)(floating *, floating *) noexcept nogil"
    yield "    cdef Py_ssize_t i"
    for name in names:
        yield f"    if name == {name!r}:"
        yield f"        f = of_{name}[floating]"
    yield "    for i in range(x.shape[0]):"
    yield "        f(&x[i, 0], &out[i, 0])"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder into which pip has installed the package."""
    folder = tmp_path_factory.mktemp("downstream")
    shutil.copytree(HERE / "downstream", folder / "source")
    (folder / "source" / "everything.pyx").write_text("\n".join(everything()))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    done = subprocess.run(
        [*pip, "--verbose", "--target", folder / "built", folder / "source"],
        cwd=folder,  # in the root of the source tree its fastact/ would be imported
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "built"


@pytest.fixture
def downstream(built, monkeypatch):
    monkeypatch.syspath_prepend(built)
    return importlib.import_module("downstream")


@pytest.fixture
def baseline():
    """The tier that is built without flags of its own, as the package is: the same bits."""
    return backends.cython.load_tier("baseline")


def test_it_runs_in_a_process_of_its_own(built):
    """Compiled into the loop, the formulas need fastact no more."""
    code = (
        f"import sys; sys.path.insert(0, {str(built)!r}); import downstream, numpy as np; "
        "x = np.linspace(-3, 3, 7); downstream.values(x, x); print(*x, 'fastact' in sys.modules)"
    )
    expected = fastact.sigmoid(np.linspace(-3, 3, 7))
    *found, imported = run(code).split()
    np.testing.assert_allclose(np.array(found, float), expected, rtol=4 * 2**-52)
    assert imported == "False"


@compiled
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_loops_compute_what_the_ufuncs_do(downstream, baseline, dtype):
    x, grad = random_generator("downstream").normal(0, 4, (2, 1001)).astype(dtype)
    y, dy, parameter = np.empty_like(x), np.empty_like(x), x.dtype.type(0.5)
    downstream.values(x, y)
    assert_same(y, baseline.sigmoid(x))
    downstream.derivatives(x, dy)
    assert_same(dy, baseline.sigmoid_derivative(x))
    downstream.pairs(x, y, dy)
    for found, expected in zip((y, dy), baseline.gelu_with_derivative(x), strict=True):
        assert_same(found, expected)
    found = grad.copy()
    downstream.gradients(found, x, parameter)
    assert_same(found, baseline.leaky_relu_backward(grad, x, parameter))
    found = grad.copy()
    downstream.gradients_from_output(found, abs(x), parameter)
    assert_same(found, baseline.softplus_backward_from_output(grad, abs(x), parameter))


@compiled
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_function_is_there_with_the_ufuncs_bits(
    built, baseline, function, dtype, monkeypatch
):
    monkeypatch.syspath_prepend(built)
    compute = importlib.import_module("everything").compute
    row, operation, dtype = function.row, function.operation, np.dtype(dtype)
    x = oracle.points(row, dtype, oracle.defaults(row, dtype))
    x = np.concatenate([x, oracle.special_values(dtype), np.array([np.nan], dtype)])
    grad = random_generator(function.name).normal(0, 4, x.size).astype(dtype)
    for parameters in oracle.parameter_values(row, operation, dtype):
        arguments = np.column_stack(
            [{"grad": grad}.get(name, x) for name in operation.inputs]
            + [np.full_like(x, parameter) for parameter in parameters]
        )
        out = np.empty((x.size, 2), dtype)
        compute(function.name, arguments, out)
        with np.errstate(all="ignore"):
            expected = function.on(baseline)(*arguments.T)
        for found, same in zip(out.T, as_tuple(expected)):
            assert_same(np.ascontiguousarray(found), same)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 code")
@pytest.mark.skipif(not shutil.which("objdump"), reason="needs binutils")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", ["values", "derivatives", "pairs", "gradients", "gradients_from_output"]
)
def test_the_loops_are_vectorised(downstream, name, dtype):
    symbol = rf"__pyx_fuse_{DTYPES.index(dtype)}__pyx_p[fw]_\w*\d{name}(\.\w+)*"
    code = {k: v for k, v in functions(downstream.__file__).items() if re.fullmatch(symbol, str(k))}
    loops = [loop for instructions in code.values() for loop in loops_in(instructions)]
    packed = [loop for loop in loops if loop.is_packed("baseline", dtype)]
    assert packed and not any(loop.has("cvtps2pd|cvtss2sd") for loop in packed)
    if name != "gradients":
        assert any(loop.has(POWER_OF_TWO) for loop in packed)


def test_get_include_is_where_the_formulas_are():
    assert (Path(fastact.get_include()) / "fastact" / "scalar.pxd").is_file()


def test_the_build_writes_no_name_but_the_tables():
    """scalar.pxd declares each function of the table, as its operands and parameters say."""
    text = (Path(fastact.get_include()) / "fastact" / "scalar.pxd").read_text()
    found = dict(re.findall(r"^cdef inline real (\w+)\((.*)\) noexcept nogil:$", text, re.M))
    expected = {}
    for name, row, operation in activations.functions():
        names = [*operation.inputs, *(parameter.name for parameter in row.parameters)]
        if len(operation.outputs) == 1:
            expected[name] = ", ".join(f"real {name}" for name in names)
        else:
            assert f"    {name},\n" in text
    assert found == expected
