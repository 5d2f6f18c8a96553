"""The largest error of every function, in ulp, and the input where it is.

Values and derivatives are looked at; that the other operations are made of these two is what the
tests show. float16: all inputs. float32: two million inputs evenly through all bit patterns, or
with `--exhaustive` all 2**32, which takes a few minutes a function on two cores. float64: ten
million inputs, compared with Taylor series that mpmath gives, and hard cases. float16 and
float32 are compared with the float64 kernels.

An exhaustive run looks at every input of the compiled implementations, or of those asked for, and
samples the others. A run that was interrupted goes on where it stopped.

The results go into accuracy.json beside what other runs have found; a `max_ulp` of null is an
infinity or a NaN where there should be none. The exit status is 1 if a promise is broken.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import fastact
from fastact.activations import ACTIVATIONS

try:
    import numpy as np
    from _measure import machine, version
    from _scans import (
        OPERATIONS,
        NarrowScan,
        WideScan,
        fastact_namespaces,
        peer_functions,
        promise,
    )
    from _ulp import Worst
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn
    from rich.table import Table
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[test]") from None

DTYPES = ["float16", "float32", "float64"]
#: Prime: every residue of the low bits occurs.
SAMPLE_STEP, QUICK_STEP = 2111, 65537
POINTS, QUICK_POINTS = 10_000_000, 250_000


class Report:
    """accuracy.json: one record for each function, operation, dtype and implementation."""

    KEY = ("function", "operation", "dtype", "implementation")

    def __init__(self, path):
        self.path = path
        found = json.loads(path.read_text())["errors"] if path.exists() else []
        self.records = {self._key(record): record for record in found}

    def _key(self, record):
        return tuple(record[name] for name in self.KEY)

    def add(self, scan, worst):
        """Replace the records of a scan, and return them."""
        records = []
        for (implementation, operation), (error, at) in worst.items():
            is_peer = implementation not in fastact_namespaces()
            record = {
                "function": scan.function,
                "operation": operation,
                "dtype": scan.dtype,
                "implementation": implementation,
                "inputs": scan.inputs,
                "max_ulp": error if np.isfinite(error) else None,
                "at": str(np.dtype(scan.dtype).type(at)),
                "promise": None if is_peer else promise(scan.row, operation, scan.dtype),
            }
            self.records[self._key(record)] = record
            records.append(record)
        return records

    def hard_inputs(self, function):
        """The worst inputs found in other dtypes."""
        found = {
            float(record["at"])
            for record in self.records.values()
            if record["function"] == function and record["dtype"] != "float64"
        }
        return tuple(sorted(x for x in found if np.isfinite(x)))

    def write(self):
        # One record a line, so that two runs can be compared by diff.
        order = {name: i for i, name in enumerate([*ACTIVATIONS, *OPERATIONS, *DTYPES])}
        keys = sorted(self.records, key=lambda key: [order.get(part, -1) for part in key[:3]])
        lines = ",\n".join(json.dumps(self.records[key]) for key in keys)
        facts = machine() | {name: version(name) for name in ("scipy", "torch", "mpmath")}
        head = json.dumps({"machine": facts}, indent=1).removesuffix("\n}")
        write_atomically(self.path, f'{head},\n "errors": [\n{lines}\n ]\n}}\n')


class State:
    """What an unfinished run has done: for each scan its chunks and the worst errors in them.

    It holds for these kernels only: if the package's files change, the run begins anew.
    """

    def __init__(self, path):
        self.path = path
        self.kernels = fingerprint()
        self.scans = {}
        if path.exists():
            found = json.loads(path.read_text())
            if found["kernels"] == self.kernels:
                self.scans = found["scans"]

    def of(self, scan):
        """The chunks that are done and the worst errors in them."""
        found = self.scans.get(repr(scan), {"done": [], "worst": []})
        return set(found["done"]), {
            (implementation, operation): Worst(*worst)
            for implementation, operation, *worst in found["worst"]
        }

    def save(self, scan, done, worst):
        """Write what is done, so that whatever happens next does not lose it."""
        self.scans[repr(scan)] = {
            "done": sorted(done),
            "worst": [[*contender, *found] for contender, found in worst.items()],
        }
        write_atomically(self.path, json.dumps({"kernels": self.kernels, "scans": self.scans}))

    def finish(self):
        self.path.unlink(missing_ok=True)


def write_atomically(path, text):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def fingerprint():
    """A digest of all that results depend on: the package's files, and NumPy."""
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(fastact.__file__).parent.rglob("*")):
        if path.suffix in (".py", ".so", ".pyd"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def worker_processes(count):
    """Yield a function that scans chunks and yields ``(chunk, worst errors)`` as they are done."""
    if count == 1:
        yield lambda scan, chunks: ((chunk, scan.scan(chunk)) for chunk in chunks)
        return
    # Ctrl-C is for the main process alone: the workers finish their chunk.
    interrupt = (signal.SIGINT, signal.SIG_IGN)
    executor = ProcessPoolExecutor(count, get_context("spawn"), signal.signal, interrupt)

    def run(scan, chunks):
        futures = {executor.submit(scan.scan, chunk): chunk for chunk in chunks}
        for future in as_completed(futures):
            yield futures[future], future.result()

    try:
        yield run
    finally:
        executor.shutdown(cancel_futures=True)


def perform(scan, state, workers, progress):
    """Do what is left of a scan; return the worst errors of all of it."""
    done, worst = state.of(scan)
    task = progress.add_task(
        f"{scan.function} {scan.dtype}", total=scan.chunks, completed=len(done)
    )
    for chunk, found in workers(scan, [i for i in range(scan.chunks) if i not in done]):
        done.add(chunk)
        worst = {key: worst.get(key, Worst()).merge(found[key]) for key in found}
        state.save(scan, done, worst)
        progress.advance(task)
    progress.remove_task(task)
    return worst


def scans(function, chosen, report):
    """The scans of a function, one after the other: the last needs what the others found."""
    everyone = tuple(chosen.implementations)
    exhaustive = tuple(n for n in everyone if n in chosen.every_input)
    sampled = tuple(n for n in everyone if n not in exhaustive)
    of_fastact = tuple(n for n in everyone if n in fastact_namespaces())
    if "float16" in chosen.dtypes and of_fastact:
        yield NarrowScan(function, "float16", of_fastact, 1)
    if "float32" in chosen.dtypes:
        if exhaustive:
            yield NarrowScan(function, "float32", exhaustive, 1)
        if sampled:
            yield NarrowScan(function, "float32", sampled, chosen.step)
    if "float64" in chosen.dtypes:
        hard = report.hard_inputs(function)
        yield WideScan(function, "float64", everyone, chosen.points, chosen.seed, hard)


def is_broken(record):
    """Whether a record's promise is broken."""
    if record["promise"] is None:
        return False
    return record["max_ulp"] is None or record["max_ulp"] > record["promise"]


def table(records):
    """The records as a table for the terminal."""
    columns = Table("function", "dtype", "implementation", "inputs", "max ulp", "at", "promise")
    for record in records:
        error = "infinite" if record["max_ulp"] is None else f"{record['max_ulp']:.4g}"
        columns.add_row(
            f"{record['function']}{OPERATIONS[record['operation']]}",
            record["dtype"],
            record["implementation"],
            f"{record['inputs']:,}",
            f"[bold red]{error}[/]" if is_broken(record) else error,
            record["at"],
            "" if record["promise"] is None else f"{record['promise']:.4g}",
        )
    return columns


def options(arguments):
    """Read the command line."""
    contenders = [*fastact_namespaces(), *peer_functions()]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def names(option, choices):
        parser.add_argument(
            option,
            nargs="+",
            choices=choices,
            metavar="NAME",
            help=f"of {', '.join(choices)} (default: all)",
        )

    names("--functions", list(ACTIVATIONS))
    names("--implementations", contenders)
    names("--dtypes", DTYPES)
    parser.add_argument("--exhaustive", action="store_true", help="all 2**32 float32 inputs")
    parser.add_argument("--points", type=int, help=f"of float64 (default: {POINTS})")
    parser.add_argument("--quick", action="store_true", help="65 thousand inputs and 250 thousand")
    parser.add_argument("--seed", type=int, default=0, help="of float64 inputs")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        metavar="DIR",
        help="where accuracy.json goes (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    for option in "points", "seed", "workers":
        if (getattr(chosen, option) or 0) < 0:
            parser.error(f"argument --{option}: must not be negative")
    chosen.every_input = []
    if chosen.exhaustive:
        compiled = [name for name in fastact_namespaces() if name != "numpy"]
        chosen.every_input = chosen.implementations or compiled
    chosen.functions = chosen.functions or list(ACTIVATIONS)
    chosen.implementations = chosen.implementations or contenders
    chosen.dtypes = chosen.dtypes or DTYPES
    chosen.points = chosen.points or (QUICK_POINTS if chosen.quick else POINTS)
    chosen.step = QUICK_STEP if chosen.quick else SAMPLE_STEP
    return chosen


def main(arguments=None):
    chosen = options(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)  # a file has no width of its own
    try:
        chosen.output.mkdir(parents=True, exist_ok=True)
        report = Report(chosen.output / "accuracy.json")
        state = State(chosen.output / "accuracy.unfinished.json")
        records = []
        columns = *Progress.get_default_columns(), TimeElapsedColumn()
        with (
            worker_processes(chosen.workers) as workers,
            Progress(*columns, console=console) as progress,
        ):
            for function in progress.track(chosen.functions, description="all"):
                for scan in scans(function, chosen, report):
                    records += report.add(scan, perform(scan, state, workers, progress))
                report.write()
    except OSError as error:
        raise SystemExit(f"{error.strerror}: {error.filename}") from None
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; the same command goes on from here.") from None
    state.finish()
    console.print(table(records))
    broken = sum(map(is_broken, records))
    console.print(f"{broken} promises broken. Written: {report.path}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
