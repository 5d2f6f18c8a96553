"""The backends: the same names and signatures over Cython, Numba and NumPy."""

import importlib
import importlib.util
import os
import warnings

import numpy as np

BACKENDS = ("cython", "numba", "numpy")

if int(np.__version__.partition(".")[0]) < 2:
    raise ImportError(
        f"fastact needs NumPy 2.0 or newer, here is {np.__version__}: pip install 'numpy>=2'"
    )


def load(name):
    """Import a backend by name; ImportError says what there is instead."""
    if name not in BACKENDS:
        raise ImportError(f"fastact: the backend {name!r} is unknown; {_choice()}")
    try:
        return importlib.import_module(f"fastact.backends.{name}")
    except ImportError as error:
        raise ImportError(f"{error}; {_choice()}") from error


def default():
    """The name of the backend that ``import fastact`` binds: Cython if built, else NumPy.

    ``FASTACT_BACKEND`` names another; ``FASTACT_ISA`` asks for a tier and so for Cython.
    """
    if os.environ.get("FASTACT_BACKEND"):
        return os.environ["FASTACT_BACKEND"]
    if os.environ.get("FASTACT_ISA"):
        return "cython"
    if "cython" in runnable():
        try:
            importlib.import_module("fastact.backends.cython")
            return "cython"
        except ImportError as error:
            warn_of(error)
    return "numpy"


def warn_of(error):
    """Warn of an extension module that is there but cannot be loaded."""
    file = "" if not error.path or error.path in str(error) else f" ({error.path})"
    warnings.warn(
        f"fastact: an extension module cannot be loaded, the next best computes: {error}{file}",
        RuntimeWarning,
        stacklevel=2,
    )


def runnable():
    """The names of the backends that can run here."""
    found = {
        "cython": has_extension("_ufuncs_baseline"),
        "numba": importlib.util.find_spec("numba"),
        "numpy": True,
    }
    return [name for name in BACKENDS if found[name]]


def has_extension(name):
    """Whether this copy of the package has it; an editable install answers for any other copy."""
    spec = importlib.util.find_spec(f"fastact.{name}")
    here = os.path.dirname(os.path.dirname(__file__))
    return spec is not None and os.path.dirname(spec.origin) == here


def implementations():
    """Everything that can run here, as namespaces: each Cython tier, Numba, NumPy."""
    found = {}
    for name in runnable():
        backend = load(name)
        if name == "cython":
            found |= {f"cython-{tier}": backend.load_tier(tier) for tier in backend.runnable()}
        else:
            found[name] = backend
    return found


def _choice():
    return f"FASTACT_BACKEND may be {' or '.join(runnable())}"


def __getattr__(name):
    if name in BACKENDS:
        return load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
