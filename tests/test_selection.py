"""Which backend and tier an import binds, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastact import backends
from fastact.tiers import TIERS

HERE = Path(__file__).parent
CYTHON = "cython" in backends.runnable()
compiled = pytest.mark.skipif(not CYTHON, reason="no extension is built")


def run(code, **environment):
    """Run code in a new process; its output, or what it wrote on failing."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FASTACT_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=inherited | environment,
        cwd=HERE,  # in the root of the source tree its fastact/ would be imported
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


@pytest.mark.parametrize("backend", backends.runnable())
def test_backend_is_what_the_environment_says(backend):
    code = "import fastact; print(fastact.backend, fastact.sigmoid(0.0))"
    assert run(code, FASTACT_BACKEND=backend) == f"{backend} 0.5"


def test_default_backend_is_the_compiled_one_if_there_is_one():
    assert run("import fastact; print(fastact.backend)") == ("cython" if CYTHON else "numpy")


@compiled
@pytest.mark.parametrize("tier", backends.cython.runnable() if CYTHON else [])
def test_tier_is_what_the_environment_says(tier):
    code = "import fastact; print(fastact.backends.cython.tier, fastact.tanh(0.0))"
    assert run(code, FASTACT_ISA=tier) == f"{tier} 0.0"


@compiled
def test_default_tier_is_the_fastest_that_runs():
    found = run("import fastact; print(fastact.backends.cython.tier)")
    assert found == backends.cython.runnable()[-1]


def test_unknown_backend_lists_those_that_run():
    error = run("import fastact", FASTACT_BACKEND="fortran").splitlines()[-1]
    assert error.startswith("ImportError: fastact: the backend 'fortran' is unknown")
    assert all(name in error for name in backends.runnable())


@compiled
def test_unknown_tier_lists_those_that_run():
    error = run("import fastact", FASTACT_ISA="avx1024").splitlines()[-1]
    assert error.startswith("ImportError: fastact: the tier 'avx1024' is unknown")
    assert all(name in error for name in backends.cython.runnable())


def test_tier_without_extensions_is_an_error_not_a_switch():
    hidden = "import sys; sys.modules.update({f'fastact._ufuncs_{t}': None for t in %r})" % [*TIERS]
    error = run(f"{hidden}\nimport fastact", FASTACT_ISA="baseline").splitlines()[-1]
    assert error.startswith("ImportError: fastact:")
    assert "numpy" in error


@compiled
@pytest.mark.parametrize("tier", [name for name, features in TIERS.items() if features])
def test_tier_that_the_cpu_lacks_is_an_error(tier):
    old_cpu = (
        "import sys, types; cpu = types.ModuleType('fastact._cpu')\n"
        f"cpu.FEATURES = dict.fromkeys({TIERS[tier]!r}, False)\n"
        "cpu.FEATURES |= dict.fromkeys(%r, False)\n"
        "sys.modules['fastact._cpu'] = cpu\n" % sorted({f for fs in TIERS.values() for f in fs})
    )
    error = run(f"{old_cpu}import fastact", FASTACT_ISA=tier).splitlines()[-1]
    assert error.startswith(f"ImportError: fastact: the tier {tier!r} ")
    assert "FASTACT_ISA may be baseline" in error
    assert run(f"{old_cpu}import fastact; print(fastact.backends.cython.tier)") == "baseline"


def test_numba_backend_without_numba_names_what_to_install():
    code = "import sys; sys.modules['numba'] = None\nimport fastact"
    error = run(code, FASTACT_BACKEND="numba").splitlines()[-1]
    assert error.startswith("ImportError:")
    assert "pip install fastact[numba]" in error


@pytest.mark.parametrize("backend", backends.runnable())
def test_import_brings_in_numpy_alone(backend):
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        "import fastact; new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    # A few Cython modules register themselves under names of their own.
    found = {name for name in run(code, FASTACT_BACKEND=backend).split() if "cython" not in name}
    assert found <= {"fastact"}


@pytest.mark.parametrize("backend", backends.runnable())
def test_import_and_calls_leave_the_process_alone(backend):
    code = (
        "import sys, threading, warnings, numpy as np\n"
        "state = lambda: (warnings.filters[:], threading.active_count(), np.geterr())\n"
        "before = state(); import fastact\n"
        "fastact.sigmoid(np.linspace(-1e4, 1e4, 9999, dtype='f4'))\n"
        "assert state() == before\n"
        "assert 5e-324 > 0 and np.float32(1e-45) > 0 and 5e-324 * 1.0 == 5e-324\n"
        "assert np.multiply(np.full(99, 1e-200), np.full(99, 1e-120)).min() > 0\n"
        "print('same')"
    )
    assert run(code, FASTACT_BACKEND=backend) == "same"


def test_module_as_script_tells_what_runs():
    done = subprocess.run(
        [sys.executable, "-m", "fastact"], capture_output=True, text=True, cwd=HERE
    )
    report = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert done.returncode == 0
    assert {"fastact", "backend", "tier", "CPU", "NumPy"} <= set(report)
    assert report["backend"].split()[0] in backends.BACKENDS
