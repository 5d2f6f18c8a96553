"""The backends: the same names and signatures over Cython, Numba and NumPy."""

import importlib
import importlib.util
import os

BACKENDS = ("cython", "numba", "numpy")


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
    if os.environ.get("FASTACT_ISA") or "cython" in runnable():
        return "cython"
    return "numpy"


def runnable():
    """The names of the backends that can run here."""
    found = {
        "cython": importlib.util.find_spec("fastact._ufuncs_baseline"),
        "numba": importlib.util.find_spec("numba"),
        "numpy": True,
    }
    return [name for name in BACKENDS if found[name]]


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
