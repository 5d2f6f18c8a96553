"""L7 to L10: units that die, units that cannot, dropout, units born dead."""

from functools import cache
from itertools import pairwise

import numpy as np

import fastact

from .network import Network, digits, sgd, train
from .statement import Result, limit, statement

HIDDEN = [64, 64]
RATES = [0.03, 0.1, 0.3, 1.0, 1.25, 1.5, 1.75, 2.0]
#: A rate that kills many units before the training breaks down.
DEADLY = 1.5


@cache
def end_of_run(activation, rate, epochs, seed):
    """Dead share of the hidden units after training, and test accuracy."""
    data = digits()
    network = train(Network(activation, HIDDEN, seed), data, rate, epochs, seed)
    return float(np.mean(network.dead(data[0]))), network.accuracy(data[1], data[3])


def sweep(activation, rates, epochs, seeds):
    """Dead shares and accuracies by rate, means over the seeds."""
    runs = [[end_of_run(activation, rate, epochs, s) for s in range(seeds)] for rate in rates]
    return np.mean(runs, axis=1).T


def dead_by_epoch(activation, rate, epochs, seed):
    """The dead share after each epoch."""
    data = digits()
    network, shares = Network(activation, HIDDEN, seed), []
    for epoch in range(epochs):
        train(network, data, rate, 1, seed + epoch)
        shares.append(float(np.mean(network.dead(data[0]))))
    return shares


def after_death(activation, rate, epochs, seed, optimizer=sgd):
    """Train, note which units are dead, train as long again, and see what became of them.

    Returns
    -------
    dict
        How many hidden units were `dead`, how many of those `stayed` silent on every later batch,
        and how many `revived`; how many that stayed dead, and how many of the `living`, `kept`
        their incoming and outgoing weights to the last bit; the largest `gradient` by the input of
        a unit that stayed dead.
    """
    data = digits()
    network = train(Network(activation, HIDDEN, seed), data, rate, epochs, seed, optimizer)
    dead = np.concatenate(network.dead(data[0]))
    before, stayed, largest = weights_by_unit(network), dead.copy(), np.zeros(len(dead))

    def watch(network):
        nonlocal stayed
        stayed &= np.concatenate([(z <= 0).all(axis=0) for z in network.z])
        np.maximum(
            largest, np.concatenate([np.abs(g).max(axis=0) for g in network.delta]), out=largest
        )

    train(network, data, rate, epochs, seed + 1, optimizer, watch)
    after = weights_by_unit(network)
    kept = np.array([(a.view("u4") == b.view("u4")).all() for a, b in zip(before, after)])
    return {
        "dead": int(dead.sum()),
        "stayed": int(stayed.sum()),
        "revived": int((dead & ~stayed).sum()),
        "stayed, kept": int(kept[stayed].sum()),
        "living": int((~dead).sum()),
        "living, kept": int(kept[~dead].sum()),
        "gradient": float(largest[stayed].max(initial=0)),
    }


def weights_by_unit(network):
    """For each hidden unit its incoming weights, its bias and its outgoing weights."""
    layers = zip(network.weights, network.biases, network.weights[1:])
    return [
        np.concatenate([w[:, unit], b[[unit]], following[unit]])
        for w, b, following in layers
        for unit in range(len(b))
    ]


def one_step_of_bias(sign, rate, seed=0):
    """One relu neuron on digits, one step b - rate * grad with a gradient of that sign.

    Returns the share of examples it is active on before and after.
    """
    x = digits()[0]
    w = np.random.default_rng(seed).standard_normal(x.shape[1]) / 8
    b, z = 0.0, x @ w
    grad = float(fastact.relu_backward(np.full(len(z), sign / len(z)), z).sum())
    assert np.sign(grad) == sign
    return float(np.mean(z + b > 0)), float(np.mean(z + b - rate * grad > 0))


@statement(
    "L7",
    "ReLU neurons die: one large update, and they never fire and never move again; many die at a "
    "high learning rate.",
    "up to 40% dead (CS231n)",
)
def death(quick):
    epochs, seeds = (8, 2) if quick else (20, 5)
    rates = RATES[1::2] if quick else RATES
    shares, accuracies = sweep("relu", rates, epochs, seeds)
    course = dead_by_epoch("relu", DEADLY, epochs, 0)
    runs = [after_death("relu", DEADLY, epochs, seed) for seed in range(seeds)]
    total = {key: sum(run[key] for run in runs) for key in runs[0]}
    falling, rising = one_step_of_bias(1, 50.0), one_step_of_bias(-1, 50.0)
    worst, working = shares.max(), shares[accuracies > 0.9].max()

    def draw(figure):
        left, right = figure.subplots(1, 2)
        left.semilogx(rates, shares, "o-", label="dead units")
        left.semilogx(rates, accuracies, "o--", label="test accuracy")
        left.set(xlabel="learning rate", title=f"after {epochs} epochs", ylim=(-0.02, 1.02))
        left.legend()
        right.plot(range(1, epochs + 1), course, "o-")
        right.set(xlabel="epoch", title=f"dead units, rate {DEADLY}", ylim=(-0.02, 1.02))

    return Result(
        f"Dead after {epochs} epochs of plain SGD: "
        + ", ".join(f"{s:.0%} at rate {r:g}" for r, s in zip(rates, shares))
        + f". At rate {DEADLY} {total['stayed']} of {total['dead']} dead units were silent ever "
        "after; "
        f"{total['stayed, kept']} of these kept all incoming and outgoing weights bit for bit "
        f"({total['living, kept']} of the {total['living']} living), and the largest gradient "
        f"they passed on is {total['gradient']:g}. One large step: a unit active on "
        f"{falling[0]:.0%} of the data is active on "
        f"{falling[1]:.0%} where grad(b) > 0, on {rising[1]:.0%} where grad(b) < 0.",
        shares[0] < 0.05
        and worst > 0.2
        and total["stayed"] > 0
        and total["stayed, kept"] == total["stayed"]
        and total["living, kept"] < total["living"] / 2
        and total["gradient"] == 0
        and falling[1] == 0,
        limit(
            rising[1] > rising[0],
            "where grad(b) < 0 a high rate raises b and the unit survives",
        )
        + limit(
            total["revived"],
            f"death is for good only while the layer below stays: {total['revived']} of "
            f"{total['dead']} dead units revived as it moved",
        )
        + limit(
            worst > 2 * working,
            f"the rates that kill most units also spoil the training: where the accuracy is above "
            f"90% at most {working:.0%} are dead",
        ),
        {
            "rates": rates,
            "dead": shares.tolist(),
            "accuracy": accuracies.tolist(),
            "by epoch": course,
            "after death": total,
        },
        draw,
    )


@statement("L8", "Leaky ReLU lets a small gradient through and avoids the death.")
def leaky(quick):
    epochs, seeds = (8, 2) if quick else (20, 5)
    rates = RATES[1::2] if quick else RATES
    found = {name: sweep(name, rates, epochs, seeds) for name in ("relu", "leaky_relu")}
    slope = float(fastact.leaky_relu_derivative(-1.0))
    (_, relu), (shares, leaky) = found["relu"], found["leaky_relu"]
    broken = [r for r, a in zip(rates, leaky) if a < 0.5]

    def draw(figure):
        for axes, which, title in zip(
            figure.subplots(1, 2), (0, 1), ("dead units", "test accuracy")
        ):
            for name, numbers in found.items():
                axes.semilogx(rates, numbers[which], "o-", label=name)
            axes.set(xlabel="learning rate", title=title, ylim=(-0.02, 1.02))
        figure.axes[0].legend()

    return Result(
        f"Dead units: {shares.max():.0%} at every rate up to {rates[-1]:g} (relu: up to "
        f"{found['relu'][0].max():.0%}); f'(-1) = {slope:g}. Test accuracy, leaky against relu: "
        + ", ".join(f"{a:.1%} : {b:.1%} at {r:g}" for r, a, b in zip(rates, leaky, relu))
        + ".",
        shares.max() == 0 and slope > 0,
        limit(
            broken,
            "it does not make every rate usable: at "
            + ", ".join(f"{r:g}" for r in broken)
            + " the training fails with it too",
        ),
        {"rates": rates} | {name: numbers.tolist() for name, numbers in found.items()},
        draw,
    )


def silent_overlap(kind, steps=50, share=0.3, seed=0):
    """The share of one step's silent units that are silent in the next step too.

    `kind` is "dropout" (each step drops that share anew) or "dead" (that share was killed).
    """
    data = digits()
    network = Network("relu", HIDDEN, seed, dropout=share if kind == "dropout" else 0)
    if kind == "dead":
        kill(network, share)
    sets = []

    def watch(network):
        silent = ~network.masks[0] if network.masks else (network.z[0] <= 0).all(axis=0)
        sets.append(silent.copy())

    train(network, data, 0.05, 1 + steps // (len(data[0]) // 64), seed, watch=watch)
    return float(np.mean([(a & b).sum() / a.sum() for a, b in pairwise(sets)]))


def kill(network, share):
    """Make that share of each hidden layer's units silent on any digits."""
    for b in network.biases[:-1]:
        b[: int(share * len(b))] = -1e3


def gaps(kind, epochs, seeds, examples=300):
    """Test loss less training loss, and test accuracy, of a net trained on few examples."""
    x, x_test, label, label_test = digits()
    data = x[:examples], x_test, label[:examples], label_test
    found = []
    for seed in range(seeds):
        network = Network("relu", HIDDEN, seed, dropout=0.5 if kind == "dropout" else 0)
        if kind == "dead":
            kill(network, 0.5)
        train(network, data, 0.1, epochs, seed)
        gap = network.loss(x_test, label_test) - network.loss(data[0], data[2])
        found.append([gap, network.accuracy(x_test, label_test)])
    return np.array(found)


@statement(
    "L9",
    "Is a dead neuron a form of dropout? No: dropout is drawn anew each step, death is permanent.",
)
def dropout(quick):
    epochs, seeds = (30, 3) if quick else (100, 10)
    share = 0.3  # not a half, where the rate dropped is the rate kept
    overlap = {kind: silent_overlap(kind, share=share) for kind in ("dropout", "dead")}
    found = {kind: gaps(kind, epochs, seeds) for kind in ("neither", "dead", "dropout")}
    mean = {kind: numbers.mean(axis=0) for kind, numbers in found.items()}
    error = {kind: numbers[:, 0].std(ddof=1) / np.sqrt(seeds) for kind, numbers in found.items()}

    def narrows(kind):
        gain = mean["neither"][0] - mean[kind][0]
        return gain > 2 * np.hypot(error["neither"], error[kind])

    def draw(figure):
        left, right = figure.subplots(1, 2)
        left.bar(list(overlap), list(overlap.values()))
        left.set(title="silent again in the next step", ylim=(0, 1.05))
        right.bar(list(mean), [m[0] for m in mean.values()], yerr=list(error.values()))
        right.set(title="test loss - training loss")

    return Result(
        f"Of the units silent in one step, {overlap['dropout']:.0%} are silent in the next with "
        f"dropout of {share:.0%}, and {overlap['dead']:.0%} of the dead ones. Test less "
        "training loss, 300 examples: "
        + ", ".join(
            f"{kind} {m[0]:.3f} ± {error[kind]:.3f} ({m[1]:.1%} right)" for kind, m in mean.items()
        )
        + "; it narrows with "
        + (" and ".join(kind for kind in ("dead", "dropout") if narrows(kind)) or "neither")
        + ".",
        overlap["dead"] == 1 and abs(overlap["dropout"] - share) < 0.1,
        limit(narrows("dead"), "death does regularise, as a smaller network would"),
        {"overlap": overlap, "gap": {k: m.tolist() for k, m in mean.items()}, "error": error},
        draw,
    )


def born_dead(width, depth, networks, seed=0, activation="relu"):
    """The share of random networks, N(0, 1) weights and no bias, silent on a random input."""
    rng = np.random.default_rng(seed)
    f = getattr(fastact, activation)
    h = rng.standard_normal((networks, 1, width))
    for _ in range(depth):
        h = f(h @ rng.standard_normal((networks, width, width)))
    return float(np.mean(~(h != 0).any(axis=(1, 2))))


def born_dead_formula(width, depth):
    return 1 - (1 - 2.0**-width) ** depth


@statement(
    "L10",
    "Nets can be born dead from their initialisation: P = 1 - (1 - 2^-N)^L for one input.",
    "94.37% for width N = 2, depth L = 10",
)
def born(quick):
    networks = 5_000 if quick else 40_000
    cases = [(2, 1), (2, 3), (2, 10), (3, 10), (5, 10), (10, 10)]
    found = {case: born_dead(*case, networks) for case in cases}
    known = {case: born_dead_formula(*case) for case in cases}
    errors = {c: np.sqrt(p * (1 - p) / networks) for c, p in known.items()}
    worst = max(abs(found[c] - known[c]) / errors[c] for c in cases)
    leaky = born_dead(2, 10, networks, activation="leaky_relu")

    def draw(figure):
        axes = figure.subplots()
        depths = np.arange(1, 21)
        for width in (2, 3, 5, 10):
            (line,) = axes.plot(depths, born_dead_formula(width, depths), label=f"N = {width}")
            for (n, depth), share in found.items():
                if n == width:
                    axes.errorbar(
                        depth, share, 3 * errors[n, depth], fmt="o", color=line.get_color()
                    )
        axes.set(xlabel="depth L", ylabel="born dead", title="formula (lines), measured (points)")
        axes.legend()

    return Result(
        f"{found[2, 10]:.2%} of {networks} networks of width 2 and depth 10 ({known[2, 10]:.2%} by "
        f"the formula, binomial error {errors[2, 10]:.2%}); worst deviation of {len(cases)} cases "
        f"{worst:.1f} errors. Width 10: {found[10, 10]:.2%}. leaky_relu: {leaky:.0%}.",
        worst < 4 and leaky == 0,
        limit(
            found[10, 10] < 0.02,
            f"only narrow nets: {found[10, 10]:.2%} at width 10, depth 10",
        ),
        {"found": {f"N={n}, L={d}": p for (n, d), p in found.items()}, "worst deviation": worst},
        draw,
    )
