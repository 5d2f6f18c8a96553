"""fastact beside everything that a user could take instead, on one thread, in one process.

Each contender of a cell (function, operation, dtype, size, distribution of the inputs) runs once a
round, in an order shuffled each round; what is told are medians: of the times, and of the ratios
within a round. Outputs are preallocated where the peer can take them; operands are the same
arrays for all. A peer whose results are wrong is not timed, and the table says so.

Distributions other than the ordinary one are measured at 256 K elements; at 16 M there are
fastact's functions, ReLU and a copy alone.
"""

import argparse
import sys
from pathlib import Path

from _held import TIERS, run_held
from _measure import SIZES, machine, version

from fastact.activations import ACTIVATIONS
from fastact.backends import cython

try:
    import _comparison
    from _cells import DISTRIBUTIONS, DTYPES, Block
    from _peers import PEERS, available, load
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[bench]") from None

ALL_SIZES, QUICK = ["1 K", "16 K", "256 K", "4 M", "16 M"], ["16 K", "256 K"]
#: The size at which all distributions are measured, and the one without peers.
TYPICAL, ALONE = "256 K", "16 M"
SUFFIXES = ["", "_with_derivative", "_backward", "_backward_from_output"]


def best_tier():
    """The best tier that is built and that this machine runs; None if there is none."""
    return next(reversed(cython.runnable()), None)


def cells(chosen):
    """The blocks and in each of them the cells: yields pairs of a block and of a row and suffix."""
    typical = TYPICAL if TYPICAL in chosen.sizes else chosen.sizes[-1]
    for dtype in DTYPES:
        for size in chosen.sizes:
            for distribution in chosen.distributions:
                if size != typical and distribution != chosen.distributions[0]:
                    continue
                block = Block(dtype, size, distribution, chosen.seed)
                for suffix in SUFFIXES:
                    for name in chosen.functions:
                        row = ACTIVATIONS[name]
                        if suffix in (operation.suffix for operation in row.operations()):
                            yield block, row, suffix


def measure(chosen, peers, console):
    """The records of all cells."""
    records = []
    columns = *Progress.get_default_columns(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=sum(1 for _ in cells(chosen)))
        for block, row, suffix in cells(chosen):
            progress.update(task, description=f"{block} {row.name}{suffix}")
            contenders = {} if block.size == ALONE else peers
            if suffix != "_backward_from_output" or any(
                peer.has_from_output(row) for peer in contenders.values()
            ):
                records.append(block.record(row, suffix, contenders, chosen.seconds))
            progress.advance(task)
    return records


def options(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found = available()

    def names(option, choices, default, told="all"):
        parser.add_argument(
            option,
            nargs="+",
            choices=choices,
            default=default,
            metavar="NAME",
            help=f"of {', '.join(choices)} (default: {told})",
        )

    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)} elements")
    names("--functions", list(ACTIVATIONS), list(ACTIVATIONS))
    names("--peers", found, found, "all that are installed")
    names("--sizes", list(SIZES), None, f"{', '.join(ALL_SIZES)}")
    names("--distributions", list(DISTRIBUTIONS), None)
    parser.add_argument("--tier", choices=TIERS, help="hold everybody to these instructions")
    parser.add_argument("--seconds", type=float, help="for a cell (default: 1, quick 0.1)")
    parser.add_argument("--seed", type=int, default=0, help="of inputs and order")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        metavar="DIR",
        help="where peers.json and plots go (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    if chosen.seed < 0 or (chosen.seconds or 0) < 0:
        parser.error("arguments --seed, --seconds: must not be negative")
    chosen.sizes = chosen.sizes or (QUICK if chosen.quick else ALL_SIZES)
    chosen.distributions = chosen.distributions or (
        ["ordinary"] if chosen.quick else list(DISTRIBUTIONS)
    )
    if chosen.seconds is None:
        chosen.seconds = 0.1 if chosen.quick else 1
    return chosen


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = options(arguments)
    tier = chosen.tier
    status = run_held(__file__, arguments, tier)
    if status is not None:
        return status

    console = Console()
    if not console.is_terminal:
        console = Console(width=170)  # a file has no width of its own
    peers = load(chosen.peers)
    held = [name for name, peer in peers.items() if not peer.can_be_held]
    if tier not in (None, best_tier()) and held:
        console.print(f"Left out, for they cannot be held to {tier}: {', '.join(held)}.")
        peers = {name: peer for name, peer in peers.items() if name not in held}
    facts = machine() | {"tier": tier or best_tier()}
    facts |= {name: version(PEERS[name][1][0]) for name in peers}
    console.print(", ".join(f"{name}: {fact}" for name, fact in facts.items()), "", highlight=False)
    if (facts["load"] or 0) > facts["cpus"] / 2:
        console.print("[bold]The machine is busy[/]: large arrays share its memory and caches.\n")

    records = measure(chosen, peers, console)
    allocates = {name: peer.allocates for name, peer in peers.items()}
    _comparison.tell(records, allocates, tier, console)
    chosen.output.mkdir(parents=True, exist_ok=True)
    written = _comparison.write(records, facts, tier, chosen.output)
    console.print("\nWritten:", *written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
