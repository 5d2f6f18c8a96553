"""The Cython backend: real ufuncs, built once per instruction-set tier."""

import importlib
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fastact import _public, _rowwise, channels
from fastact.activations import functions
from fastact.backends import has_extension, warn_of
from fastact.tiers import TIERS

if TYPE_CHECKING:
    from fastact import *


def built():
    """The tiers whose extension module is installed, slowest first."""
    return [name for name in TIERS if has_extension(f"_ufuncs_{name}")]


def runnable():
    """The tiers that are built and that this CPU has the instructions for, slowest first."""
    found = built()
    if not found:
        return []
    from fastact._cpu import FEATURES

    return [name for name in found if all(FEATURES[feature] for feature in TIERS[name])]


def load_tier(name):
    """A namespace of the public functions of one tier."""
    if name not in TIERS or name not in runnable():
        raise ImportError(
            f"fastact: the tier {name!r} {_why_not(name)}; "
            f"FASTACT_ISA may be {' or '.join(runnable()) or 'nothing here: no tier is built'}"
        )
    module = importlib.import_module(f"fastact._ufuncs_{name}")
    public = {
        name: _public.publish(module.UFUNCS[name], row, operation)
        for name, row, operation in functions()
    }
    return SimpleNamespace(
        **public,
        **channels.public_functions(public, module),
        **_rowwise.public_functions(module.UFUNCS),
    )


def _why_not(name):
    if name not in TIERS:
        return "is unknown"
    if name not in built():
        return "is not built"
    return f"needs a CPU with {', '.join(TIERS[name])}"


def fastest():
    """The fastest tier that can be loaded and its functions; of broken ones a warning."""
    for name in reversed(runnable()):
        try:
            return name, load_tier(name)
        except ImportError as error:
            warn_of(error)
            broken = error
    raise broken


if not runnable():
    raise ImportError("fastact: the Cython backend is not built")

tier = os.environ.get("FASTACT_ISA")
tier, _functions = (tier, load_tier(tier)) if tier else fastest()
globals().update(vars(_functions))
