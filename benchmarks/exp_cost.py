"""The price of exp: what sigmoid and tanh cost against ReLU's max and against a copy.

Every contender runs once a round, the order is shuffled each round, and what is
reported are medians: of the times, and of the ratios within a round. Everything
runs on one thread, with ``out=`` given and memory touched beforehand.

The full run takes a few minutes and 1 GB of memory, ``--quick`` less than one minute.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from _measure import OPERANDS, SIZES, buffers, interleave, machine, normal, timer
from _peers import IDIOM, Operands, load

from fastact.activations import ACTIVATIONS, OPERATIONS
from fastact.backends import implementations

try:
    from _report import (
        COPY,
        EXP,
        MAXIMUM,
        TANH,
        Cell,
        plot,
        price_of_exp,
        print_tables,
        ratios,
    )
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[bench]") from None

LECTURE = ["relu", "leaky_relu", "sigmoid", "tanh"]
DTYPES = ["float32", "float64"]
QUICK = ["1", "100", "16 K", "256 K", "4 M"]


def contenders(activations, backends, dtype, size, seed):
    """Make the timers of one dtype and size."""
    x, grad = normal(SIZES[size], dtype, seed), normal(SIZES[size], dtype, seed + 1)
    out = {count: buffers(x, count) for count in (1, 2)}
    timers = {
        COPY: timer(np.copyto, out[1], x),
        MAXIMUM: timer(np.maximum, x, 0, out=out[1]),
        EXP: timer(np.exp, x, out=out[1]),
        TANH: timer(np.tanh, x, out=out[1]),
    }
    idiom = load([IDIOM])[IDIOM]
    for operation in OPERATIONS:
        if "y" in operation.inputs:
            continue  # a saved output has no exp left in it
        for name in activations:
            row, function = ACTIVATIONS[name], name + operation.suffix
            inputs = OPERANDS[operation.suffix](name, x, grad)
            given = out[len(operation.outputs)]
            operands = Operands(x, grad, given if isinstance(given, tuple) else (given,))
            if call := idiom.call(row, operation.suffix, operands):
                timers[function, IDIOM] = call.timer()
            for label, namespace in backends.items():
                timers[function, label] = timer(
                    getattr(namespace, function), *inputs, *row.required, out=given
                )
    return timers


def measure(activations, backends, sizes, seconds, seed, console):
    """Time every dtype and size; `seconds` bounds the rounds of each of them."""
    cells = {}
    columns = *Progress.get_default_columns(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(DTYPES) * len(sizes))
        for dtype in DTYPES:
            for size in sizes:
                progress.update(task, description=f"{dtype} {size:>5}")
                cells[dtype, size] = Cell(
                    dtype,
                    size,
                    interleave(
                        contenders(activations, backends, dtype, size, seed),
                        seconds,
                        seed,
                        lambda share: progress.advance(task, share),
                    ),
                )
    return cells


def options():
    """Read the command line."""
    runs_here = list(implementations())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)} elements")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        metavar="DIR",
        help="where exp_cost.json and exp_cost.png go (default: %(default)s)",
    )
    parser.add_argument(
        "--backends",
        nargs="+",
        choices=runs_here,
        default=runs_here,
        metavar="NAME",
        help=f"those that run here are {', '.join(runs_here)} (default: all)",
    )
    parser.add_argument(
        "--functions",
        nargs="+",
        choices=ACTIVATIONS,
        default=LECTURE,
        metavar="NAME",
        help=f"of {', '.join(ACTIVATIONS)}; relu is always measured (default: the lecture's)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of inputs and order")
    chosen = parser.parse_args()
    if chosen.seed < 0:
        parser.error(f"argument --seed: must not be negative: {chosen.seed}")
    try:
        chosen.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output: {error.strerror}: {chosen.output}")
    if not os.access(chosen.output, os.W_OK):
        parser.error(f"argument --output: not writable: {chosen.output}")
    return chosen


def main():
    chosen = options()
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)  # a file has no width of its own
    activations = list(dict.fromkeys(["relu", *chosen.functions]))
    backends = {n: ns for n, ns in implementations().items() if n in chosen.backends}
    best = [name for name in backends if name.startswith("cython")][-1:] or list(backends)[:1]
    best, facts = best[0], machine()
    sizes = QUICK if chosen.quick else list(SIZES)

    console.print(", ".join(f"{name}: {fact}" for name, fact in facts.items()), "", highlight=False)
    if (facts["load"] or 0) > facts["cpus"] / 2:
        console.print("[bold]The machine is busy[/]: large arrays share its memory and caches.\n")
    cells = measure(activations, backends, sizes, 1 if chosen.quick else 10, chosen.seed, console)
    print_tables(cells, console)
    console.rule("The price of exp")
    console.print(*price_of_exp(cells, activations, best), sep="\n", highlight=False)
    console.rule(f"Ratios worth knowing ({best})")
    worth_knowing = list(ratios(cells, activations, best))
    console.print(*(text for text, _ in worth_knowing), sep="\n", highlight=False)

    plot(cells, activations, best, facts).savefig(chosen.output / "exp_cost.png", dpi=150)
    # One record a line, so that two runs can be compared by diff.
    times = ",\n".join(json.dumps(record) for cell in cells.values() for record in cell.records())
    report = {
        "machine": facts,
        "seed": chosen.seed,
        "best": best,
        "ratios": [{"text": text, "ratio": ratio} for text, ratio in worth_knowing],
    }
    (chosen.output / "exp_cost.json").write_text(
        json.dumps(report, indent=1).removesuffix("\n}") + f',\n "times": [\n{times}\n ]\n}}\n'
    )
    console.print(f"\nWritten: {chosen.output}/exp_cost.json and exp_cost.png")


if __name__ == "__main__":
    main()
