"""``python -m fastact``: what is installed and what of it runs here; ``diagnose`` reads a file."""

import argparse
import platform
from pathlib import Path

import numpy as np

import fastact
from fastact import backends


def tell():
    """Print what is installed and what of it runs here."""
    try:
        from fastact._cpu import FEATURES

        cpu = (
            " ".join(name for name, there in FEATURES.items() if there)
            or "none of the tiers' features"
        )
        built = " ".join(backends.cython.built())
        runnable = " ".join(backends.cython.runnable())
    except ImportError:
        cpu = built = runnable = "unknown, no extension is built, or none can be loaded"

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


def diagnose(file, activations, preset):
    """Report on saved activations; ValueError where the file is none of the kind."""
    from fastact.diagnostics import Monitor

    layers = {}
    for key, array in read(file):
        name, dot, kind = key.rpartition(".")
        if not dot:
            name, kind = key, "z"
        if kind not in ("z", "y", "grad", "weights", "update"):
            raise ValueError(f"{key}: an array is LAYER.z, .y, .grad, .weights or .update")
        layers.setdefault(name, {})[kind] = array

    chosen = {"": "relu"}
    for choice in activations:
        name, _, activation = choice.rpartition("=")
        if name and name not in layers:
            raise ValueError(f"{name}: no such layer in the file; there are {', '.join(layers)}")
        chosen[name] = activation
    monitor = Monitor({name: chosen.get(name, chosen[""]) for name in layers}, preset)
    for name, arrays in layers.items():
        if "z" not in arrays:
            raise ValueError(f"{name}: {name}.z is missing, the input of the activation")
        if ("weights" in arrays) != ("update" in arrays):
            raise ValueError(f"{name}: weights and update come together")
        monitor.layer(name, arrays["z"], arrays.get("y"), arrays.get("grad"))
        if "weights" in arrays:
            monitor.update(name, arrays["weights"], arrays["update"])
    return monitor.report()


def read(file):
    """The arrays of an .npz file: yields pairs of name and array."""
    try:
        with np.load(file) as saved:
            if not hasattr(saved, "files"):
                raise ValueError("one array without a name")
            yield from saved.items()
    except OSError as error:
        raise ValueError(error.strerror or error) from None
    except Exception:  # a broken file raises whatever it was that broke
        raise ValueError("not an .npz file of arrays of numbers") from None


def main():
    parser = argparse.ArgumentParser(prog="python -m fastact", description=__doc__)
    command = parser.add_subparsers(dest="command").add_parser(
        "diagnose",
        help="report dead units, saturation and gradient flow of saved activations",
        description="Report on the activations of one batch, saved with numpy.savez: for each "
        "layer LAYER.z (or just LAYER), the activation's input, and, where they were saved, "
        "LAYER.y, LAYER.grad (the gradient by z), LAYER.weights and LAYER.update. "
        "The layers in the file's order, the units along the last axis.",
    )
    command.add_argument("file", metavar="FILE.npz")
    command.add_argument(
        "--activation",
        action="append",
        default=[],
        metavar="[LAYER=]NAME",
        help="of all layers or of one; repeatable (default: relu)",
    )
    command.add_argument(
        "--preset", default="fastact", help="fastact, sagemaker, karpathy, fastai or redo"
    )
    options = parser.parse_args()
    if options.command is None:
        tell()
        return
    try:
        report = diagnose(options.file, options.activation, options.preset)
    except (TypeError, ValueError) as error:
        command.error(f"{options.file}: {error}")
    try:
        from rich import print as show
    except ImportError:
        show = print
    show(report)


if __name__ == "__main__":
    main()
