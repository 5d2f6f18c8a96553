"""L3, L12, L13: outputs of one sign, weights that stay equal, means that are not 0."""

import numpy as np

import fastact
from fastact.activations import ACTIVATIONS

from .network import Network, digits, train
from .statement import Result, limit, statement


def same_sign_share(activation, batch, draws=40, offset=0.0, seed=0):
    """The share of a second-layer unit's weight gradients that have one sign, over batches."""
    x, _, label, _ = digits()
    network = Network(activation, [64, 64], seed, offset=offset)
    rng, shares = np.random.default_rng(seed), []
    for _ in range(draws):
        chosen = rng.choice(len(x), batch, replace=False)
        gradient = network.backward(network.forward(x[chosen]), label[chosen])[1][1]
        positive, negative = (gradient > 0).sum(axis=0), (gradient < 0).sum(axis=0)
        shares.append(np.maximum(positive, negative) / np.maximum(positive + negative, 1))
    return float(np.mean(shares))


def steps_to_loss(activation, rate, seed=0, target=0.1, most=1000, offset=0.0):
    """Steps of plain SGD until the training loss is below the target; `most` if it never is."""
    data, step = digits(), 0
    network = Network(activation, [64, 64], seed, offset=offset)

    def reached(network):
        nonlocal step
        step += 1
        # Every fourth step, for the loss over all the data costs more than a step.
        return step >= most or (step % 4 == 0 and network.loss(data[0], data[2]) < target)

    train(network, data, rate, most, seed, watch=reached)
    return step


def best_steps(activation, rates, seeds, offset=0.0):
    """The median over the seeds of the steps at each rate; the rate with the fewest."""
    found = {
        rate: float(
            np.median([steps_to_loss(activation, rate, s, offset=offset) for s in range(seeds)])
        )
        for rate in rates
    }
    rate = min(found, key=found.get)
    return found[rate], rate


def zigzag(centred, steps=60, rate=0.4, seed=0):
    """The path of two weights to a target that asks one to rise and one to fall.

    One linear neuron sees the outputs of two sigmoids, less a half where `centred`, one
    example at a time.
    """
    rng = np.random.default_rng(seed)
    inputs = fastact.sigmoid(rng.standard_normal((steps, 2)) * 2) - (0.5 if centred else 0.0)
    target, w = np.array([1.0, -1.0]), np.array([-1.0, 1.0])
    path = [w]
    for x in inputs:
        w = w - rate * 2 * (w - target) @ x * x
        path.append(w)
    return np.array(path)


def detour(path):
    """The length of a path over the distance it covers."""
    return float(
        np.linalg.norm(np.diff(path, axis=0), axis=1).sum() / np.linalg.norm(path[-1] - path[0])
    )


@statement(
    "L3",
    "Sigmoid is not zero-centred, so a neuron's weight gradients share one sign and convergence "
    "is longer.",
    "share 1.0 for one example",
)
def one_sign(quick):
    kinds = {"sigmoid": ("sigmoid", 0.0), "sigmoid - 1/2": ("sigmoid", 0.5), "tanh": ("tanh", 0.0)}
    batches, seeds = (1, 4, 16, 64, 256), 1 if quick else 5
    rates = (0.3, 1.0, 3.0)
    shares = {k: [same_sign_share(f, b, offset=o) for b in batches] for k, (f, o) in kinds.items()}
    steps = {k: best_steps(f, rates, seeds, o) for k, (f, o) in kinds.items()}
    paths = {"sigmoid": zigzag(False), "sigmoid - 1/2": zigzag(True)}
    slower = steps["sigmoid"][0] / steps["sigmoid - 1/2"][0]

    def draw(figure):
        left, right = figure.subplots(1, 2)
        for kind, path in paths.items():
            left.plot(*path.T, ".-", label=f"{kind}, detour {detour(path):.2f}")
        left.plot(1, -1, "x", markersize=10, color="C3")
        left.set(xlabel="w1", ylabel="w2", title="path to the target (x)", aspect="equal")
        for kind, numbers in shares.items():
            right.semilogx(batches, numbers, "o-", label=kind)
        right.set(xlabel="batch", title="share of gradients with one sign", ylim=(0.45, 1.02))
        left.legend(fontsize="small")
        right.legend(fontsize="small")

    return Result(
        "Share of a unit's weight gradients with one sign, for batches of "
        + ", ".join(map(str, batches))
        + ": "
        + "; ".join(f"{k} {', '.join(f'{s:.2f}' for s in v)}" for k, v in shares.items())
        + ". Steps to a training loss of 0.1 at the best rate: "
        + ", ".join(f"{kind} {n:.0f} (rate {rate:g})" for kind, (n, rate) in steps.items())
        + f". Detour in two dimensions: {detour(paths['sigmoid']):.2f} against "
        f"{detour(paths['sigmoid - 1/2']):.2f} centred.",
        shares["sigmoid"][0] == 1 and shares["tanh"][0] < 0.9 and slower > 1.1,
        limit(
            shares["sigmoid"][-1] < 0.95,
            f"sums over a batch soften it: {shares['sigmoid'][-1]:.2f} at {batches[-1]} examples",
        )
        + limit(
            steps["tanh"][0] < steps["sigmoid - 1/2"][0],
            f"the sign is not all: centring alone makes it {slower:.1f} times faster, tanh, with "
            f"four times the slope, {steps['sigmoid'][0] / steps['tanh'][0]:.1f} times",
        ),
        {
            "batches": batches,
            "shares": shares,
            "steps": steps,
            "detour": {k: detour(p) for k, p in paths.items()},
        },
        draw,
    )


def hidden_rank(equal, epochs, dtype="float64", seed=0):
    """Rank of the hidden weights after training, the widest gap between units, test accuracy.

    `equal` starts every unit of the hidden layer from the same weights. The gap is relative to the
    largest weight.
    """
    data = digits()
    network = Network("tanh", [32], seed, dtype=np.dtype(dtype))
    if equal:
        network.weights[0][:] = network.weights[0][:, :1]
        network.weights[1][:] = network.weights[1][:1]
    train(network, data, 0.1, epochs, seed)
    w = network.weights[0].astype(np.float64)
    rank = np.linalg.matrix_rank(w, tol=1e-4 * np.linalg.norm(w))
    gap = np.abs(w - w[:, :1]).max() / np.abs(w).max()
    return int(rank), float(gap), network.accuracy(data[1], data[3])


@statement("L12", "Symmetry: equal initial weights stay equal.")
def symmetry(quick):
    epochs = 10 if quick else 30
    found = {
        "equal": hidden_rank(True, epochs),
        "equal, float32": hidden_rank(True, epochs, "float32"),
        "random": hidden_rank(False, epochs),
    }
    (rank, gap, accuracy), (_, gap32, _), (free, _, better) = found.values()

    def draw(figure):
        left, right = figure.subplots(1, 2)
        left.bar(list(found), [f[0] for f in found.values()])
        left.set(title="rank of the hidden weights (of 32)")
        right.bar(list(found), [f[2] for f in found.values()])
        right.set(title="test accuracy", ylim=(0, 1.02))

    return Result(
        f"After {epochs} epochs in float64 the weights of 32 hidden units have rank {rank} from an "
        f"equal start and {free} from a random one; test accuracy {accuracy:.1%} and {better:.1%}. "
        f"Two units differ by at most {gap:.0e} of the largest weight; in float32 by {gap32:.0e}.",
        rank == 1 and free > 20 and better > accuracy,
        limit(
            gap32 > 1e-3,
            "rounding breaks it in the end: a matrix product sums different columns in different "
            f"orders, and in float32 training has grown the difference to {gap32:.0%}",
        ),
        {kind: {"rank": r, "gap": g, "accuracy": a} for kind, (r, g, a) in found.items()},
        draw,
    )


def at_zero_and_mean(name):
    """f(0) and E f(x) for x ~ N(0, 1), by the trapezoidal rule."""
    required = ACTIVATIONS[name].required

    def f(x):
        return getattr(fastact, name)(x, *required)

    x = np.linspace(-12, 12, 48_001)
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    return float(f(0.0)), float(np.sum(f(x) * density) * (x[1] - x[0]))


@statement(
    "L13",
    "Zero-centred means no input, no output; sigmoid gives 0.5; ReLU's mean is not 0 though "
    "f(0) = 0.",
    "E relu(x) = 1 / sqrt(2 pi) = 0.3989",
)
def means(quick):
    found = {name: at_zero_and_mean(name) for name in ACTIVATIONS}
    apart = [name for name, (zero, mean) in found.items() if zero == 0 and abs(mean) > 1e-6]

    def draw(figure):
        figure.set_size_inches(8, max(3.2, 0.25 * len(found)))
        axes = figure.subplots()
        place = np.arange(len(found))
        axes.barh(place - 0.2, [zero for zero, _ in found.values()], 0.4, label="f(0)")
        axes.barh(place + 0.2, [mean for _, mean in found.values()], 0.4, label="E f(x)")
        axes.set_yticks(place, list(found), fontsize="small")
        axes.invert_yaxis()
        axes.legend()
        axes.set(title="x ~ N(0, 1)")

    return Result(
        "f(0) and E f(x): "
        + "; ".join(f"{name} {zero:.4g}, {mean:.4f}" for name, (zero, mean) in found.items())
        + ".",
        found["sigmoid"][0] == 0.5
        and found["relu"][0] == 0
        and abs(found["relu"][1] - 1 / np.sqrt(2 * np.pi)) < 1e-5
        and abs(found["tanh"][1]) < 1e-12,
        limit(
            apart,
            "no input, no output is not enough to be zero-centred: f(0) = 0 but the mean is not in "
            + ", ".join(apart),
        ),
        {name: {"f(0)": zero, "mean": mean} for name, (zero, mean) in found.items()},
        draw,
    )
