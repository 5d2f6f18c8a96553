"""``python -m fastact``: what is installed and what of it runs here."""

import platform
from pathlib import Path

import numpy as np

import fastact
from fastact import backends

if "cython" in backends.runnable():
    from fastact._cpu import FEATURES

    cpu = (
        " ".join(name for name, there in FEATURES.items() if there) or "none of the tiers' features"
    )
    built = " ".join(backends.cython.built())
    runnable = " ".join(backends.cython.runnable())
else:
    cpu = built = runnable = "unknown, no extension is built"

tier = backends.cython.tier if fastact.backend == "cython" else "none, the backend has no tiers"

print(
    f"fastact   {fastact.__version__} in {Path(fastact.__file__).parent}\n"
    f"backend   {fastact.backend} (of {' '.join(backends.runnable())})\n"
    f"tier      {tier}\n"
    f"built     {built}\n"
    f"runnable  {runnable}\n"
    f"CPU       {platform.machine()}: {cpu}\n"
    f"NumPy     {np.__version__}\n"
    f"Python    {platform.python_version()} on {platform.system()}"
)
