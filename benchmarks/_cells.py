"""The measuring of peers.py: a cell is one function, operation, dtype, size and distribution.

A record is what is told of a cell: nanoseconds an element of each contender, and the median of
the rounds' ratios of fastact to it.
"""

from dataclasses import dataclass
from functools import cached_property
from time import process_time, thread_time

import numpy as np
from _measure import SIZES, interleave, timer
from _peers import Operands

import fastact
from fastact.activations import ACTIVATIONS, OPERATIONS

OURS, COPY, RELU, TWO_CALLS = "fastact", "np.copyto", "relu", "f + f_derivative"
#: What a cell is compared to beside the peers.
REFERENCES = COPY, RELU, TWO_CALLS
DTYPES = ["float32", "float64"]
#: Relative and absolute tolerance: the textbook's formulas lose digits, but not all.
TOLERANCE = {"float32": (1e-4, 1e-5), "float64": (1e-9, 1e-12)}
#: The most elements of a result that are compared.
COMPARED = 2**18


def ordinary(rng, size, dtype):
    return 2 * rng.standard_normal(size)


def saturated(rng, size, dtype):
    return rng.choice([-1, 1], size) * rng.uniform(12, 80, size)


def all_negative(rng, size, dtype):
    return -np.abs(2 * rng.standard_normal(size))


def subnormal(rng, size, dtype):
    """Half of the inputs have a subnormal exp, the others are subnormal themselves."""
    facts = np.finfo(dtype)
    tails = rng.uniform(np.log(facts.smallest_subnormal), np.log(facts.tiny), size)
    return np.where(rng.random(size) < 0.5, tails, facts.tiny * rng.uniform(-1, 1, size))


DISTRIBUTIONS = {
    "ordinary": ordinary,
    "saturated": saturated,
    "all negative": all_negative,
    "subnormal": subnormal,
}


def aligned(size, dtype):
    """Zeros that begin on a cache line, as most peers' own arrays do."""
    dtype = np.dtype(dtype)
    memory = np.zeros(size * dtype.itemsize + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size * dtype.itemsize].view(dtype)


@dataclass(frozen=True)
class Block:
    """The cells that share their arrays."""

    dtype: str
    size: str
    distribution: str
    seed: int = 0

    def __str__(self):
        return f"{self.dtype} {self.size} {self.distribution}"

    @cached_property
    def arrays(self):
        """Input, gradient and two outputs."""
        rng = np.random.default_rng(self.seed)
        arrays = [aligned(SIZES[self.size], self.dtype) for _ in range(4)]
        arrays[0][:] = DISTRIBUTIONS[self.distribution](rng, SIZES[self.size], self.dtype)
        arrays[1][:] = rng.standard_normal(SIZES[self.size])
        return arrays

    def record(self, row, suffix, peers, seconds):
        """Measure a cell."""
        x, grad, *out = self.arrays
        operation = next(o for o in OPERATIONS if o.suffix == suffix)
        operands = Operands(x, grad, tuple(out[: len(operation.outputs)]))
        facts = {
            "function": row.name,
            "operation": suffix,
            "dtype": self.dtype,
            "size": SIZES[self.size],
            "distribution": self.distribution,
        }
        timers = {OURS: ours(row, suffix, operands)}
        timers[OURS].timeit(1)
        expected = [a[:: stride(a)].copy() for a in operands.out]
        wrong, absent = {}, []
        for name, peer in peers.items():
            call = peer.call(row, suffix, operands)
            if call is None:
                absent.append(name)
            elif error := error_of(call.results(operands.out), expected):
                wrong[name] = error
            else:
                timers[name] = call.timer()
        timers |= references(row, suffix, operands)
        here, everywhere = thread_time(), process_time()
        with np.errstate(all="ignore"):
            times = interleave(timers, seconds, self.seed)
        here, everywhere = thread_time() - here, process_time() - everywhere
        both = [times.pop(name) for name in ("f", "f_derivative") if name in times]
        if both:
            times[TWO_CALLS] = sum(both)
        return facts | {
            "rounds": len(times[OURS]),
            "ns": {name: rounded(np.median(t) * 1e9 / x.size) for name, t in times.items()},
            "ratio": {
                name: rounded(np.median(times[OURS] / t))
                for name, t in times.items()
                if name != OURS
            },
            "wrong": wrong,
            "absent": absent,
            #: CPU time of all threads over this one's: 1 if nobody had another.
            "cpus": rounded(everywhere / here),
        }


def ours(row, suffix, operands):
    """The timer of fastact's own function."""
    inputs = operands.grad, operands.x
    if suffix == "_backward_from_output":
        inputs = operands.grad, getattr(fastact, row.name)(operands.x, *row.required)
    elif "_backward" not in suffix:
        inputs = (operands.x,)
    out = operands.out if len(operands.out) > 1 else operands.out[0]
    return timer(getattr(fastact, row.name + suffix), *inputs, *row.required, out=out)


def references(row, suffix, operands):
    """The timers of what is no peer but has to be known."""
    one = Operands(operands.x, operands.grad, operands.out[:1])
    timers = {
        COPY: timer(np.copyto, operands.out[0], operands.x),
        RELU: ours(ACTIVATIONS["relu"], suffix, operands),
    }
    if suffix == "_with_derivative":
        timers |= {"f": ours(row, "", one), "f_derivative": ours(row, "_derivative", one)}
    return timers


def stride(array):
    return -(-array.size // COMPARED)


def error_of(results, expected):
    """What is wrong with results; empty if they agree."""
    if len(results) != len(expected):
        return f"{len(results)} results"
    for actual, right in zip(results, expected):
        actual = np.asarray(actual).ravel()
        actual = actual[:: stride(actual)]
        if actual.dtype != right.dtype or actual.shape != right.shape:
            return f"{actual.dtype} {actual.shape}"
        relative, absolute = TOLERANCE[right.dtype.name]
        close = np.isclose(actual, right, relative, absolute, equal_nan=True)
        if not close.all():
            i = np.argmin(close)
            return f"{actual[i]!s} for {right[i]!s}"
    return ""


def rounded(number):
    return float(f"{number:.4g}")
