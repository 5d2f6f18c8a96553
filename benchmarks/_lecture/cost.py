"""L4, L5: the price of exp."""

from time import perf_counter

import numpy as np
from _measure import SIZES, interleave, normal, timer
from _peers import IDIOM, Operands, load

import fastact
from fastact.activations import ACTIVATIONS

from .network import Network, digits, train
from .statement import Result, limit, statement


def times(functions, size, dtype="float32", seconds=0.5, seed=0):
    """Seconds a call, a round each, of functions by name, interleaved."""
    x = normal(SIZES[size], dtype, seed)
    out = np.zeros_like(x)
    timers = {
        name: timer(f, out, x) if f is np.copyto else timer(f, x, out=out)
        for name, f in functions.items()
    }
    return interleave(timers, seconds, seed)


def ratio_to(name, other, size, seconds=0.5, dtype="float32"):
    """The time of an activation over that of another or of a function: median within rounds."""
    other = getattr(fastact, other) if isinstance(other, str) else other
    found = times({"this": getattr(fastact, name), "other": other}, size, dtype, seconds)
    return float(np.median(found["this"] / found["other"]))


def contenders(x, out):
    idiom = load([IDIOM])[IDIOM]
    timers = {"copy": timer(np.copyto, out, x)}
    for name in ("relu", "sigmoid", "tanh"):
        timers[name] = timer(getattr(fastact, name), x, out=out)
        call = idiom.call(ACTIVATIONS[name], "", Operands(x, x, (out,)))
        timers[f"{name}, NumPy"] = call.timer()
    return timers


def table(sizes, seconds):
    """ns an element by (dtype, size), and the times behind them."""
    found = {}
    for dtype in ("float32", "float64"):
        for size in sizes:
            x = normal(SIZES[size], dtype, 0)
            found[dtype, size] = interleave(contenders(x, np.zeros_like(x)), seconds, 0)
    return found


def share_of_step(activation, epochs, hidden=(256, 256)):
    """The share of a training step spent in the activation's two kernels: the steps' median."""
    data, network = digits(), Network(activation, hidden, 0)
    spent, marks = 0.0, []

    def timed(function):
        def call(*args):
            nonlocal spent
            begin = perf_counter()
            result = function(*args)
            spent += perf_counter() - begin
            return result

        return call

    network.f, network.f_backward = timed(network.f), timed(network.f_backward)
    train(network, data, 0.01, epochs, watch=lambda _: marks.append((spent, perf_counter())))
    in_kernels, in_all = np.diff(marks, axis=0).T
    return float(np.median(in_kernels / in_all))


def ratios(found, a, b):
    return {f"{d}, {s}": float(np.median(t[a] / t[b])) for (d, s), t in found.items()}


def draw_times(found, names):
    def draw(figure):
        panels = figure.subplots(1, 2, sharey=True)
        for axes, dtype in zip(panels, ("float32", "float64")):
            sizes = [size for d, size in found if d == dtype]
            for name in names:
                ns = [1e9 * np.median(found[dtype, s][name]) / SIZES[s] for s in sizes]
                style = "o--" if "NumPy" in name else "o:" if name == "copy" else "o-"
                axes.loglog([SIZES[s] for s in sizes], ns, style, label=name)
            axes.set_xticks([SIZES[s] for s in sizes], sizes)
            axes.minorticks_off()
            axes.set(title=dtype, xlabel="elements")
        panels[0].set_ylabel("ns an element")
        panels[0].legend(fontsize="small")

    return draw


def summary(found):
    return {
        f"{dtype}, {size}": {n: float(1e9 * np.median(t) / SIZES[size]) for n, t in cell.items()}
        for (dtype, size), cell in found.items()
    }


@statement("L4", "Sigmoid is expensive to compute: exp.")
def price_of_exp(quick):
    found = table(
        ["1 K", "16 K", "256 K"] if quick else ["1 K", "16 K", "256 K", "4 M"],
        0.3 if quick else 1.5,
    )
    fast, naive = ratios(found, "sigmoid", "relu"), ratios(found, "sigmoid, NumPy", "relu, NumPy")
    shares = {name: share_of_step(name, 3 if quick else 20) for name in ("relu", "sigmoid")}
    least, most = min(fast, key=fast.get), max(fast, key=fast.get)
    return Result(
        f"Sigmoid takes {fast[least]:.1f} (at {least}) to {fast[most]:.1f} (at {most}) times as "
        "long as relu; as NumPy's 1 / (1 + exp(-x)) against np.maximum "
        f"{min(naive.values()):.1f} to {max(naive.values()):.1f} times. In a training step (256 and 256 units, batch 64) the "
        f"activation takes {shares['relu']:.1%} with relu and {shares['sigmoid']:.1%} with "
        "sigmoid.",
        fast[most] > 1.5,
        limit(
            fast[least] < 1.5,
            f"at {least} most of it hides behind the memory or the call ({fast[least]:.2f} times)",
        )
        + limit(
            shares["sigmoid"] < 0.1,
            f"in the whole step it is only {shares['sigmoid']:.1%}: the matrix products dominate",
        ),
        {"ns": summary(found), "sigmoid / relu": fast, "naive": naive, "share of a step": shares},
        draw_times(found, ("copy", "relu", "sigmoid", "relu, NumPy", "sigmoid, NumPy")),
    )


@statement("L5", "Tanh is zero-centred, still saturates, is dearer still.")
def tanh(quick):
    found = table(["16 K", "256 K"], 0.3 if quick else 2)
    fast, naive = ratios(found, "tanh", "sigmoid"), ratios(found, "tanh, NumPy", "sigmoid, NumPy")
    x = np.random.default_rng(0).standard_normal(10**6)
    mean = float(fastact.tanh(x).mean())
    slopes = {
        name: float(getattr(fastact, name + "_derivative")(5.0)) for name in ("tanh", "sigmoid")
    }
    middle = float(np.median(list(fast.values())))
    return Result(
        f"Mean output for x ~ N(0, 1): {mean:.4f} (its error {1 / np.sqrt(len(x)):.4f}). f'(5) is "
        f"{slopes['tanh']:.1e}, sigmoid's {slopes['sigmoid']:.1e}. Its time over sigmoid's: "
        + ", ".join(f"{ratio:.2f} ({where})" for where, ratio in fast.items())
        + "; np.tanh over the NumPy sigmoid: "
        + ", ".join(f"{ratio:.2f}" for ratio in naive.values())
        + ".",
        abs(mean) < 0.005 and slopes["tanh"] < 1e-3,
        limit(
            middle < 1.1,
            "it is not dearer: with a good kernel tanh takes "
            f"{middle:.2f} times as long as sigmoid",
        ),
        {
            "mean": mean,
            "slopes": slopes,
            "tanh / sigmoid": fast,
            "naive": naive,
            "ns": summary(found),
        },
        draw_times(found, ("relu", "sigmoid", "tanh", "sigmoid, NumPy", "tanh, NumPy")),
    )
