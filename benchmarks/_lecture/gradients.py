"""L1, L2, L6, L11: slopes, saturation, and what is left of a gradient at depth."""

import numpy as np

import fastact
from fastact.activations import ACTIVATIONS

from .cost import ratio_to
from .network import Network, digits, train
from .statement import Result, limit, statement


def start(activation, hidden, seed, scale=1.0, biases=0.0, data=None):
    """A network after the first forward and backward pass on the digits."""
    x, _, label, _ = data or digits()
    network = Network(activation, hidden, seed, scale)
    for b in network.biases:
        b += biases * network.rng.standard_normal(b.shape).astype(np.float32)
    network.gradients = network.backward(network.forward(x), label)[1]
    return network


def gradient_norms(activation, hidden, seeds, **how):
    """The norm of each hidden layer's bias gradient, first to last, a row a seed."""
    depth = len(hidden)
    found = []
    for seed in range(seeds):
        biases = start(activation, hidden, seed, **how).gradients[depth + 1 :]
        found.append([np.linalg.norm(g.astype(np.float64)) for g in biases[:depth]])
    return np.array(found)


def fall(norms):
    """How many times the gradient shrinks a layer: the geometric mean."""
    depth = norms.shape[1] - 1
    return float(np.exp(np.mean(np.log(norms[:, -1] / norms[:, 0])) / depth))


def saturated_share(network):
    """The share of hidden outputs that are flat, over the digits."""
    layers = network.statistics(digits()[0])
    return float(np.mean([1 - layer.active.sum() / layer.finite.sum() for layer in layers]))


@statement(
    "L1",
    "Sigmoid saturates, and saturated neurons make gradients vanish.",
    "norms 0.012, 0.060, 0.283 in three hidden layers, so 4 to 5 times a layer (Nielsen)",
)
def sigmoid_vanishes(quick):
    seeds, deep = (5 if quick else 30), [30] * 8
    nielsen = {"biases": 1.0}  # his biases are N(0, 1), his weights as good as Glorot's
    norms = gradient_norms("sigmoid", [30] * 3, seeds, **nielsen)
    fell = fall(norms)
    depths = {name: gradient_norms(name, deep, seeds) for name in ("sigmoid", "tanh", "relu")}
    falls = {name: fall(found) for name, found in depths.items()}
    saturated = saturated_share(start("sigmoid", [30] * 3, 0, **nielsen))
    slopes = {x: float(fastact.sigmoid_derivative(float(x))) for x in (0, 2, 5, 10, 20)}

    def draw(figure):
        left, right = figure.subplots(1, 2)
        x = np.linspace(-10, 10, 401)
        for name in ("sigmoid", "tanh", "relu"):
            left.plot(x, getattr(fastact, name + "_derivative")(x), label=name)
            norm = np.exp(np.log(depths[name]).mean(axis=0))
            right.semilogy(range(1, len(deep) + 1), norm / norm[-1], "o-", label=name)
        left.set(xlabel="x", ylabel="f'(x)", title="slope")
        right.set(xlabel="layer", title="gradient norm / last layer's")
        left.legend()

    return Result(
        f"f'(x) is {slopes[0]:.2f} at 0, {slopes[5]:.1e} at 5, {slopes[10]:.1e} at 10. In three "
        f"hidden layers of 30 the gradient shrinks {fell:.1f} times a layer (norms "
        f"{', '.join(f'{n:.2g}' for n in np.exp(np.log(norms).mean(axis=0)))}); in eight layers "
        + ", ".join(f"{name} {number:.1f}" for name, number in falls.items())
        + " times a layer.",
        slopes[10] < 1e-4 and falls["sigmoid"] > 3 and falls["relu"] < 1.5,
        limit(
            saturated < 0.1,
            f"saturation is not the only cause: only {saturated:.1%} of the units' outputs are "
            "saturated at the start, the slope of at most 1/4 does the rest",
        ),
        {"fall": fell, "norms": norms.mean(axis=0).tolist(), "deep falls": falls, "slopes": slopes},
        draw,
    )


def by_scale(activation, scales, seeds, epochs):
    """For each scale of the initial weights: saturated share, gradient norm, accuracy."""
    rows = []
    for scale in scales:
        per_seed = []
        for seed in range(seeds):
            network = start(activation, [64] * 3, seed, scale)
            gradient = float(np.linalg.norm(network.delta[0], axis=1).mean()) * len(
                network.delta[0]
            )
            silent = float(
                np.mean(np.median(np.abs(network.delta[0]), axis=0) * len(network.delta[0]))
            )
            saturated = saturated_share(network)
            data = digits()
            train(network, data, 0.1, epochs, seed)
            per_seed.append([saturated, gradient, silent, network.accuracy(data[1], data[3])])
        rows.append(np.mean(per_seed, axis=0))
    return dict(zip(("saturated", "gradient", "median", "accuracy"), np.array(rows).T.tolist()))


@statement("L2", "Large initial weights saturate the neurons at once.")
def large_weights(quick):
    scales = [0.3, 1, 3, 10, 30] if quick else [0.1, 0.3, 1, 3, 10, 30, 100]
    found = {
        n: by_scale(n, scales, 2 if quick else 5, 5 if quick else 15) for n in ("sigmoid", "tanh")
    }
    one, large = scales.index(1), scales.index(30)

    def draw(figure):
        for axes, key in zip(figure.subplots(1, 3), ("saturated", "gradient", "accuracy")):
            for name, numbers in found.items():
                axes.plot(scales, numbers[key], "o-", label=name)
            axes.set(xscale="log", xlabel="scale of the weights", title=key)
            if key == "gradient":
                axes.set_yscale("log")
        figure.axes[0].legend()

    tell = [
        f"{name}: {n['saturated'][one]:.1%} of the outputs saturated at Glorot's scale, "
        f"{n['saturated'][large]:.0%} at 30 times that; test accuracy {n['accuracy'][one]:.1%} and "
        f"{n['accuracy'][large]:.1%}; first layer's gradient norm {n['gradient'][one]:.2g} and "
        f"{n['gradient'][large]:.2g}"
        for name, n in found.items()
    ]
    growing = [n for n, f in found.items() if f["gradient"][large] > f["gradient"][one]]
    return Result(
        "; ".join(tell) + ".",
        all(f["saturated"][large] > 0.5 for f in found.values())
        and all(f["saturated"][one] < 0.05 for f in found.values()),
        limit(
            growing,
            f"the gradient does not vanish with it: in {' and '.join(growing)} its mean norm "
            "grows, for the few units on the slope pass it on through large weights",
        ),
        {"scales": scales, **found},
        draw,
    )


@statement("L6", "ReLU does not saturate for positive input and is cheap to compute.")
def relu_flows(quick):
    x = np.ldexp(np.float32(1), np.arange(-126, 128)).astype(np.float32)
    slope = fastact.relu_derivative(x)
    deep, seeds = [64] * 16, 3 if quick else 10
    norms = {name: gradient_norms(name, deep, seeds) for name in ("relu", "tanh", "sigmoid")}
    falls = {name: fall(found) for name, found in norms.items()}
    to_copy = ratio_to("relu", np.copyto, "256 K", 0.2 if quick else 1)
    to_exp = ratio_to("relu", "sigmoid", "256 K", 0.2 if quick else 1)

    def draw(figure):
        axes = figure.subplots()
        for name, found in norms.items():
            norm = np.exp(np.log(found).mean(axis=0))
            axes.semilogy(range(1, len(deep) + 1), norm / norm[-1], "o-", label=name)
        axes.set(xlabel="layer", title="gradient norm / last layer's, 16 layers of 64")
        axes.legend()

    return Result(
        f"f' is 1 for every positive power of two of float32. Over 16 layers the gradient shrinks "
        f"{falls['relu']:.2f} times a layer (tanh {falls['tanh']:.2f}, sigmoid "
        f"{falls['sigmoid']:.2f}). At 256 K float32 elements relu takes {to_copy:.2f} times as long "
        f"as a copy and {to_exp:.2f} times as long as sigmoid.",
        bool((slope == 1).all()) and 0.67 < falls["relu"] < 1.5 and to_copy < 2 and to_exp < 1,
        [],
        {"falls": falls, "relu / copy": to_copy, "relu / sigmoid": to_exp},
        draw,
    )


def path_products(activation, depth, seed=0, scale=1.0, paths=2**16):
    """Products of the derivatives along random paths into a network: (paths, depth)."""
    network = start(activation, [64] * depth, seed, scale)
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(network.z[0]), size=paths)
    derivative = getattr(fastact, activation + "_derivative")
    slopes = [
        derivative(z[rows, rng.integers(z.shape[1], size=paths)].astype(np.float64))
        for z in network.z
    ]
    return np.cumprod(np.transpose(slopes), axis=1)


def steepest(name):
    """The largest slope of an activation."""
    x = np.linspace(-20, 20, 400_001)
    return float(
        np.abs(getattr(fastact, name + "_derivative")(x, *ACTIVATIONS[name].required)).max()
    )


@statement(
    "L11",
    "Derivatives multiply through depth: sigmoid' <= 1/4 gives (1/4)^L; tanh' <= 1.",
    "(1/4)^L as the bound",
)
def products(quick):
    depth = 12
    cases = {
        (n, s): path_products(n, depth, scale=s)
        for n in ("sigmoid", "tanh", "relu")
        for s in (1, 3)
    }
    bounds = {name: steepest(name) for name in ACTIVATIONS}
    kept = all(
        (p <= bounds[name] ** np.arange(1, depth + 1) * (1 + 1e-12)).all()
        for (name, _), p in cases.items()
    )
    grown = 1 / fall(gradient_norms("tanh", [64] * depth, 2 if quick else 5, scale=3.0))
    tanh = cases["tanh", 3][:, -1].mean()

    def draw(figure):
        axes = figure.subplots()
        for (name, scale), found in cases.items():
            style = "o-" if scale == 1 else "o--"
            axes.semilogy(
                range(1, depth + 1), found.mean(axis=0), style, label=f"{name}, scale {scale}"
            )
        axes.semilogy(range(1, depth + 1), 0.25 ** np.arange(1, depth + 1), ":", label="(1/4)^L")
        axes.set(xlabel="depth L", title="mean product of the derivatives along a path")
        axes.legend(fontsize="small")

    return Result(
        f"After {depth} layers the mean product is {cases['sigmoid', 1][:, -1].mean():.1e} for "
        f"sigmoid (bound {0.25**depth:.1e}), {cases['tanh', 1][:, -1].mean():.1e} for tanh, "
        f"{cases['relu', 1][:, -1].mean():.1e} for relu (a path is open with probability 2^-L); "
        f"no path of {sum(map(len, cases.values()))} passes its bound. Steepest slopes: "
        + ", ".join(f"{name} {slope:.3g}" for name, slope in bounds.items())
        + ".",
        kept and abs(bounds["sigmoid"] - 0.25) < 1e-6 and bounds["tanh"] <= 1,
        limit(
            tanh < 0.1 and grown > 1,
            "the weights multiply too: tanh's product at three times Glorot's scale is "
            f"{tanh:.1e}, and yet the gradient grows {grown:.2f} times a layer",
        ),
        {
            "products": {f"{n}, scale {s}": p.mean(axis=0).tolist() for (n, s), p in cases.items()},
            "steepest": bounds,
            "tanh growth at scale 3": grown,
        },
        draw,
    )
