"""A training step of a network, and the activations' share in it: NumPy, fastact, PyTorch.

The network has two hidden layers; a step is forward, backward and plain SGD on the squared error,
on the same weights and the same data for all, and on the same number of threads. Contenders take
turns in random order; told are medians. The matrix products are each library's own: what is
comparable is the activations' time, of which the share is taken in steps that are timed apart.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from _held import run_held
from _measure import machine, version
from _peers import IDIOM, Call, Operands, load

import fastact
from fastact.activations import ACTIVATIONS

try:
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn
    from rich.table import Table
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[bench]") from None

BATCHES, WIDTHS, QUICK_WIDTHS = [128, 1024], [64, 256, 1024, 4096], [64, 512]
OUTPUTS, RATE = 16, 1e-3
#: Of a step's norm. Single weights say less: a matrix product that is rounded otherwise turns a few
#: of a million ReLUs on or off, 5e-4 at batch 1024 and width 4096.
TOLERANCE = 2e-3
TORCH, COMPILED = "PyTorch", "torch.compile"


class Data:
    """Weights, inputs and targets that every contender starts from."""

    def __init__(self, batch, width, seed):
        rng = np.random.default_rng(seed)
        shapes = [(width, width), (width, width), (width, OUTPUTS)]
        self.weights = [
            (rng.standard_normal(shape) / np.sqrt(width)).astype(np.float32) for shape in shapes
        ]
        self.biases = [np.zeros(shape[1], np.float32) for shape in shapes]
        self.x = rng.standard_normal((batch, width)).astype(np.float32)
        self.target = rng.standard_normal((batch, OUTPUTS)).astype(np.float32)


def fastact_call(row, suffix, operands):
    """The call as the peers give theirs."""
    inputs = (operands.grad, operands.x) if suffix else (operands.x,)
    inputs += row.required
    return Call(getattr(fastact, row.name + suffix), inputs, {"out": operands.out[0]})


class NumPyNetwork:
    """Arrays, each with its place; `make_call` makes the activations."""

    def __init__(self, data, row, make_call):
        self.weights, self.biases = (
            [a.copy() for a in part] for part in (data.weights, data.biases)
        )
        self.x, self.target = data.x, data.target
        self.z = [np.zeros((len(self.x), w.shape[1]), np.float32) for w in self.weights]
        self.h = [self.x, *map(np.zeros_like, self.z[:-1])]
        self.grad = list(map(np.zeros_like, self.z))
        self.gradients = list(map(np.zeros_like, self.weights))
        self.forward, self.backward = [], []
        for z, h, grad in zip(self.z, self.h[1:], self.grad):
            self.forward.append(make_call(row, "", Operands(z, grad, (h,))))
            self.backward.append(make_call(row, "_backward", Operands(z, grad, (grad,))))
        self.spent = 0.0

    def activate(self, call):
        start = perf_counter()
        call.function(*call.inputs, **call.keywords)
        self.spent += perf_counter() - start

    def step(self, timed=False):
        self.spent = 0.0
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            np.matmul(self.h[i], w, out=self.z[i])
            self.z[i] += b
            if i < len(self.forward):
                self.activate(self.forward[i])
        grad = np.subtract(self.z[-1], self.target, out=self.grad[-1])
        grad /= len(self.x)
        for i in reversed(range(len(self.weights))):
            np.matmul(self.h[i].T, self.grad[i], out=self.gradients[i])
            bias_gradient = self.grad[i].sum(axis=0)
            if i:
                np.matmul(self.grad[i], self.weights[i].T, out=self.grad[i - 1])
                self.activate(self.backward[i - 1])
            self.gradients[i] *= RATE
            self.weights[i] -= self.gradients[i]
            self.biases[i] -= RATE * bias_gradient
        return self.spent

    def result(self):
        return self.weights[0]


class TorchNetwork:
    """PyTorch with autograd, eager or compiled."""

    def __init__(self, data, row, threads, compiled):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.weights = [torch.from_numpy(w.copy()).requires_grad_() for w in data.weights]
        self.biases = [torch.from_numpy(b.copy()).requires_grad_() for b in data.biases]
        self.x, self.target = torch.from_numpy(data.x), torch.from_numpy(data.target)
        functions = torch.nn.functional
        self.f = {
            "gelu_tanh": partial(functions.gelu, approximate="tanh"),
        }.get(row.name) or getattr(functions, row.name)
        self.loss = torch.compile(self.eager_loss) if compiled else self.eager_loss
        self.can_be_timed, self.timed = not compiled, False

    def eager_loss(self):
        h = self.x
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            h = self.torch.addmm(b, h, w)
            if i < len(self.weights) - 1:
                h = self.timed_f(h) if self.timed else self.f(h)
        return (h - self.target).square().sum() / (2 * len(self.x))

    def timed_f(self, z):
        start = perf_counter()
        h = self.f(z)
        self.spent += perf_counter() - start
        h.grad_fn.register_prehook(lambda grads: self.count(-perf_counter()))
        h.grad_fn.register_hook(lambda *grads: self.count(perf_counter()))
        return h

    def count(self, seconds):
        self.spent += seconds

    def step(self, timed=False):
        self.spent, self.timed = 0.0, timed and self.can_be_timed
        self.loss().backward()
        with self.torch.no_grad():
            for p in self.weights + self.biases:
                p -= RATE * p.grad
                p.grad = None
        return self.spent if self.can_be_timed else np.nan

    def result(self):
        return self.weights[0].detach().numpy()


def contenders(data, row, threads, names):
    """The networks that work, and why others do not: a dict each."""
    makers = {
        IDIOM: lambda: NumPyNetwork(data, row, load([IDIOM])[IDIOM].call),
        "fastact": lambda: NumPyNetwork(data, row, fastact_call),
        TORCH: lambda: TorchNetwork(data, row, threads, compiled=False),
        COMPILED: lambda: TorchNetwork(data, row, threads, compiled=True),
    }
    networks, failures, expected = {}, {}, None
    for name in ["fastact", *(n for n in makers if n != "fastact")]:
        if name not in names:
            continue
        try:
            network = makers[name]()
            network.step()
        except Exception as error:  # whatever a compiler can say
            failures[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            continue
        moved = network.result() - data.weights[0]
        expected = moved if expected is None else expected
        if not np.linalg.norm(moved - expected) <= TOLERANCE * np.linalg.norm(expected):
            failures[name] = "another result than fastact's"
            continue
        networks[name] = network
    return networks, failures


def measure(networks, seconds, rng, progress):
    """Seconds of a step and the activations' share of a timed one, one for each round."""
    once = 0.0
    for network in networks.values():
        start = perf_counter()
        network.step()
        once += perf_counter() - start
    rounds = min(max(5, int(seconds / (2 * once))), 200)
    times = {name: np.empty((rounds, 2)) for name in networks}
    names = list(networks)
    for i in range(rounds):
        for j in rng.permutation(len(names)):
            start = perf_counter()
            networks[names[j]].step()
            middle = perf_counter()
            spent = networks[names[j]].step(timed=True)
            times[names[j]][i] = middle - start, spent / (perf_counter() - middle)
        progress(1 / rounds)
    return times


def table(results):
    """A row for each network and contender."""
    columns = "activation", "batch", "width", "", "ms a step", "x fastact", "in activations", "ms"
    found = Table(*columns, box=None)
    for column in found.columns[4:]:
        column.justify = "right"
    for r in results:
        share = r["share"]
        told = ("", "") if share is None else (f"{share:.1%}", f"{1e3 * share * r['seconds']:.3g}")
        found.add_row(
            r["activation"],
            str(r["batch"]),
            str(r["width"]),
            r["contender"],
            f"{1e3 * r['seconds']:.4g}",
            f"{r['ratio']:.2f}",
            *told,
        )
    return found


def options(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    everyone = [IDIOM, "fastact", TORCH, COMPILED]

    def several(option, kind, default, **keywords):
        parser.add_argument(option, nargs="+", type=kind, default=default, metavar="X", **keywords)

    several("--activations", str, ["relu", "silu", "gelu_tanh"], choices=list(ACTIVATIONS))
    several("--batches", int, BATCHES)
    several("--widths", int, None)
    several("--contenders", str, None, choices=everyone)
    parser.add_argument(
        "--quick", action="store_true", help=f"widths of {QUICK_WIDTHS}, without {COMPILED}"
    )
    parser.add_argument("--threads", type=int, default=1, help="of all (default: 1)")
    parser.add_argument("--seconds", type=float, help="for a network (default: 20, quick 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        metavar="DIR",
        help="where training_step.json goes (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    if min(chosen.threads, *chosen.batches, *(chosen.widths or [1])) < 1 or chosen.seed < 0:
        parser.error("--threads, --batches, --widths: must be positive, --seed not negative")
    chosen.widths = chosen.widths or (QUICK_WIDTHS if chosen.quick else WIDTHS)
    chosen.contenders = chosen.contenders or (everyone[:-1] if chosen.quick else everyone)
    chosen.seconds = chosen.seconds or (1 if chosen.quick else 20)
    return chosen


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = options(arguments)
    status = run_held(__file__, arguments, threads=chosen.threads)
    if status is not None:
        return status

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)  # a file has no width of its own
    facts = machine() | {"threads": chosen.threads, "torch": version("torch")}
    console.print(", ".join(f"{name}: {fact}" for name, fact in facts.items()), "", highlight=False)
    rng, results = np.random.default_rng(chosen.seed), []
    cases = [(a, b, w) for a in chosen.activations for b in chosen.batches for w in chosen.widths]
    columns = *Progress.get_default_columns(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(cases))
        for activation, batch, width in cases:
            case = f"{activation}, batch {batch}, width {width}"
            progress.update(task, description=case)
            networks, failures = contenders(
                Data(batch, width, chosen.seed),
                ACTIVATIONS[activation],
                chosen.threads,
                chosen.contenders,
            )
            for name, why in failures.items():
                console.print(f"{case}: without {name}: {why}", highlight=False)
            times = measure(
                networks, chosen.seconds, rng, lambda share: progress.advance(task, share)
            )
            for name, found in times.items():
                seconds, share = np.median(found, axis=0)
                ours = times.get("fastact", found)
                results.append(
                    {
                        "activation": activation,
                        "batch": batch,
                        "width": width,
                        "contender": name,
                        "rounds": len(found),
                        "seconds": float(f"{seconds:.4g}"),
                        "ratio": float(f"{np.median(found[:, 0] / ours[:, 0]):.4g}"),
                        "share": None if np.isnan(share) else float(f"{share:.4g}"),
                    }
                )
    console.print(table(results))
    chosen.output.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(result) for result in results)
    head = json.dumps({"machine": facts}, indent=1).removesuffix("\n}")
    path = chosen.output / "training_step.json"
    path.write_text(f'{head},\n "steps": [\n{lines}\n ]\n}}\n')
    console.print(f"\nWritten: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
