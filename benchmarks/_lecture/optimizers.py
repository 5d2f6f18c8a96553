"""L14: the same troubles under SGD, momentum and Adam."""

import numpy as np

from .death import HIDDEN
from .network import OPTIMIZERS, Network, digits, train
from .statement import Result, limit, statement

#: What the network meets: its activation, the initial weights' scale, the inputs' scale.
TROUBLES = {
    "none": ("relu", 1.0, 1.0),
    "saturated start": ("tanh", 10.0, 1.0),
    "inputs times 1/30": ("relu", 1.0, 1 / 30),
}
RATES = [10.0**e for e in np.arange(-3, 1.1, 0.5)]


def run(optimizer, trouble, rate, epochs, seed):
    """Test accuracy and dead share after training."""
    activation, scale, inputs = TROUBLES[trouble]
    x, x_test, *labels = digits()
    data = x * np.float32(inputs), x_test * np.float32(inputs), *labels
    network = Network(activation, HIDDEN, seed, scale)
    train(network, data, rate, epochs, seed, OPTIMIZERS[optimizer])
    return network.accuracy(data[1], data[3]), float(np.mean(network.dead(data[0])))


def sweep(optimizer, trouble, rates, epochs, seeds):
    """(accuracy, dead share) by rate, means over the seeds."""
    runs = [[run(optimizer, trouble, r, epochs, s) for s in range(seeds)] for r in rates]
    return np.mean(runs, axis=1)


@statement("L14", "Plain SGD is a caveat too: saturation, death and scale hit it hardest.")
def plain_sgd(quick):
    rates, epochs, seeds = (RATES[::2], 5, 1) if quick else (RATES, 10, 3)
    found = {(o, t): sweep(o, t, rates, epochs, seeds) for o in OPTIMIZERS for t in TROUBLES}
    best = {key: float(runs[:, 0].max()) for key, runs in found.items()}
    death = {o: float(found[o, "none"][:, 1].max()) for o in OPTIMIZERS}
    harm = {
        trouble: {o: best[o, "none"] - best[o, trouble] for o in OPTIMIZERS}
        for trouble in TROUBLES
        if trouble != "none"
    } | {"death": death}
    # Within half a percent is a tie.
    hardest = {
        trouble: [o for o in OPTIMIZERS if share[o] > max(share.values()) - 0.005]
        for trouble, share in harm.items()
    }
    others = {trouble: hit for trouble, hit in hardest.items() if hit != ["SGD"]}

    def draw(figure):
        for axes, trouble in zip(figure.subplots(1, 3, sharey=True), TROUBLES):
            for optimizer in OPTIMIZERS:
                runs = found[optimizer, trouble]
                (line,) = axes.semilogx(rates, runs[:, 0], "o-", label=optimizer)
                axes.semilogx(rates, runs[:, 1], ":", color=line.get_color())
            axes.set(xlabel="learning rate", title=trouble, ylim=(-0.02, 1.02))
        figure.axes[0].set_ylabel("accuracy (solid), dead units (dotted)")
        figure.axes[0].legend(fontsize="small")

    return Result(
        "Test accuracy at the best rate: "
        + "; ".join(
            f"{t}: " + ", ".join(f"{o} {best[o, t]:.1%}" for o in OPTIMIZERS) for t in TROUBLES
        )
        + ". Dead units at the worst rate: "
        + ", ".join(f"{o} {share:.0%}" for o, share in death.items())
        + ".",
        len(others) < len(hardest),
        limit(
            others,
            "; ".join(
                f"{trouble} hits {' and '.join(hit)} hardest" for trouble, hit in others.items()
            ),
        ),
        {
            "rates": rates,
            "accuracy": {f"{o}, {t}": runs[:, 0].tolist() for (o, t), runs in found.items()},
            "dead": {f"{o}, {t}": runs[:, 1].tolist() for (o, t), runs in found.items()},
            "hardest": hardest,
        },
        draw,
    )
