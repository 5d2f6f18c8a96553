"""The work of accuracy.py in pieces: the worst errors over a share of a function's inputs.

A scan is of one activation and dtype, for any number of implementations. It is a frozen
dataclass of plain facts, so that a worker process can be sent it, and falls into `chunks`
pieces whose results do not depend on one another.
"""

import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import _peers
import numpy as np

import fastact.backends
from fastact.activations import ACTIVATIONS

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import _taylor
import oracle
import roots
from _ulp import Worst, Zone, scales, worst_of

#: What is proven: the two outputs that all operations compose, as tests/ show. With the suffix.
OPERATIONS = {"value": "", "derivative": "_derivative"}
#: Elements that are worked on at once: what is needed for them stays in the second-level cache.
BLOCK = 1 << 15


@cache
def fastact_namespaces():
    return fastact.backends.implementations()


@cache
def peer_functions():
    """The peers whose errors are told: ``{peer: {activation: (value, derivative)}}``."""
    told = [name for name in ("NumPy idiom", "SciPy", "PyTorch") if name in _peers.available()]
    return {
        name: {row.name: pair for row in ACTIVATIONS.values() if (pair := peer.functions(row))}
        for name, peer in _peers.load(told).items()
    }


def find(implementation, name, operation):
    """The function of x and parameters of an implementation or a peer; None if it has none."""
    if implementation in fastact_namespaces():
        return getattr(fastact_namespaces()[implementation], name + OPERATIONS[operation])
    pair = peer_functions()[implementation].get(name)
    return pair and pair[list(OPERATIONS).index(operation)]


def promise(row, operation, dtype):
    """The ulp that the table promises.

    A result that is promised exact is off by the half ulp of its rounding; a float16 one is
    float32's result, in whose ulp the promise is, rounded once.
    """
    ulp = row.max_ulp[list(OPERATIONS).index(operation)]
    if np.dtype(dtype) == np.float16:
        return 0.5 + ulp / 2**13
    return max(ulp, 0.5)


@dataclass(frozen=True)
class Scan:
    """What scans have in common."""

    function: str
    dtype: str
    implementations: tuple[str, ...]

    @property
    def row(self):
        return ACTIVATIONS[self.function]

    @cached_property
    def parameters(self):
        """The defaults, as the dtype has them."""
        return oracle.defaults(self.row, self.dtype)

    @cached_property
    def zones(self):
        """For each operation where an ulp counts as more."""
        near = roots.near_root(self.row, self.parameters)
        if near is None:
            return dict.fromkeys(OPERATIONS, Zone())
        promised = promise(self.row, "derivative", self.dtype)
        least = roots.least_ulp(self.row, promised, self.dtype, self.parameters)
        return {"value": Zone(), "derivative": Zone(*near, least)}

    @cached_property
    def contenders(self):
        """The functions to be scanned, by implementation and operation."""
        return {
            (implementation, operation): function
            for operation in OPERATIONS
            for implementation in self.implementations
            if (function := find(implementation, self.function, operation))
        }


@dataclass(frozen=True)
class NarrowScan(Scan):
    """Every `step`-th of all float16 or float32 numbers, against the float64 kernels.

    These are proven by a `WideScan`.
    """

    step: int

    CHUNK = 1 << 24

    @property
    def inputs(self):
        """The number of inputs."""
        return -(-(1 << 8 * np.dtype(self.dtype).itemsize) // self.step)

    @property
    def chunks(self):
        return -(-self.inputs // self.CHUNK)

    @cached_property
    def reference(self):
        """Value and derivative of float64: by the fastest kernels there are."""
        best = [n for n in fastact_namespaces() if n.startswith("cython")][-1:] or ["numpy"]
        return getattr(fastact_namespaces()[best[0]], f"{self.function}_with_derivative")

    def scan(self, chunk):
        """The worst errors of a chunk, by implementation and operation."""
        worst = dict.fromkeys(self.contenders, Worst())
        first = chunk * self.CHUNK
        for start in range(first, min(first + self.CHUNK, self.inputs), BLOCK):
            index = np.arange(start, min(start + BLOCK, self.inputs), dtype=np.uint64)
            bits = index * np.uint64(self.step)
            self._compare(bits.astype(f"u{np.dtype(self.dtype).itemsize}").view(self.dtype), worst)
        if self.step > 1 and chunk == 0:
            self._compare(oracle.points(self.row, np.dtype(self.dtype), self.parameters), worst)
        return worst

    def _compare(self, x, worst):
        with np.errstate(all="ignore"):
            wide = x.astype(np.float64)
            exact = dict(zip(OPERATIONS, self.reference(wide, *self.parameters)))
            scale = {
                operation: scales(wide, exact[operation], x.dtype, self.zones[operation])
                for operation in OPERATIONS
            }
            for contender, function in self.contenders.items():
                operation = contender[1]
                actual = function(x, *self.parameters)
                if contender[0] not in fastact_namespaces():
                    # That NaN gives NaN is promised here, not there: relu' of NaN may be 0.
                    actual = np.where(np.isnan(x), x, actual)
                if actual.dtype == np.float16:  # which Numba does not know
                    actual = actual.astype(np.float32)
                worst[contender] = worst_of(
                    x, actual, exact[operation], scale[operation], worst[contender]
                )


@dataclass(frozen=True)
class WideScan(Scan):
    """`inputs` float64 numbers near centres, against series; and hard cases, against mpmath."""

    inputs: int
    seed: int
    #: Inputs that are hard for other dtypes.
    hard: tuple[float, ...] = ()

    CENTRES, NEIGHBOURS = 250, 500

    @property
    def chunks(self):
        """The first is the hard cases."""
        return 1 + -(-self.inputs // (self.CENTRES * self.NEIGHBOURS))

    def scan(self, chunk):
        """The worst errors of a chunk, by implementation and operation."""
        if chunk == 0:
            known = oracle.points(self.row, np.dtype(np.float64), self.parameters)
            return self._exact_errors(np.concatenate([known, self.hard]))
        rng = np.random.default_rng([self.seed, chunk, *self.function.encode()])
        centres = _taylor.centres(self.row, self.parameters, self.CENTRES, rng)
        series = dict(zip(OPERATIONS, _taylor.series(self.row, self.parameters, centres)))
        x = _taylor.neighbours(series["value"], self.NEIGHBOURS, rng)
        worst = {}
        with np.errstate(all="ignore"):
            for contender, function in self.contenders.items():
                operation = contender[1]
                worst[contender] = _taylor.worst_of(
                    x, function(x, *self.parameters), series[operation], self.zones[operation]
                )
        self._confirm(worst)
        return worst

    def _confirm(self, worst):
        """Replace the errors by what mpmath finds at the worst inputs; fail if it is another.

        Not those of peers, whose results may depend on an element's place in the array.
        """
        for contender, (error, at) in worst.items():
            if contender[0] not in fastact_namespaces():
                continue
            exact = self._exact_errors(np.array([at]), [contender])[contender]
            if not np.isclose(exact.error, error, rtol=1e-2, atol=1e-2):
                raise RuntimeError(
                    f"{self.function} {contender}: {error} ulp at {at!r} by its series, but "
                    f"{exact.error} by mpmath: the series' radius is too large"
                )
            worst[contender] = exact

    def _exact_errors(self, x, contenders=None):
        """The worst errors at `x` by mpmath."""
        worst = {}
        with np.errstate(all="ignore"):
            for operation, solve in (("value", oracle.value), ("derivative", oracle.derivative)):
                chosen = [c for c in contenders or self.contenders if c[1] == operation]
                if not chosen:
                    continue
                exact = [solve(self.row, v, self.parameters) for v in x.tolist()]
                expected = oracle.exact(exact, np.float64)
                if operation == "derivative":
                    promised = promise(self.row, operation, self.dtype)
                    expected = roots.counted_near_root(
                        expected, x, self.row, promised, self.parameters
                    )
                for contender in chosen:
                    error = oracle.ulp_error(
                        self.contenders[contender](x, *self.parameters), expected
                    )
                    error[np.isnan(error)] = np.inf
                    place = np.argmax(error)
                    worst[contender] = Worst(float(error[place]), float(x[place]))
        return worst
