"""Exact values and derivatives at millions of float64 inputs, from mpmath at some thousands.

Design
------
- Around a centre c a function is its Taylor series, whose coefficients come from the formula of
  the table at 50 digits. At c + h, h being at most 2**-14 of c and of 1 / c, all but the first term
  is a small correction: result minus first term is exact in float64, and float64 is good for
  the rest, to 1e-3 ulp or better.
- The coefficients are those of the polynomial through f' at five points; those of f are its
  integral. What is neglected is of the order of 2**-70.
- In units of the ulp at the centre nothing overflows or gets lost, subnormal results included.
- At each kernel's worst input it is mpmath's own error that counts, which proves the series too.
"""

import math
from typing import NamedTuple

import numpy as np
import oracle
from _ulp import Worst, compiled

REACH = 2.0**-14
#: How exact errors are, in ulp.
PRECISION = 1e-3
#: Beyond, exponentials have saturated and what is left are powers of x, whose scale is x.
POWERS_ONLY = 1000.0
_NODES = np.array([0.5, -0.5, 1, -1])
_TO_COEFFICIENTS = np.linalg.inv(_NODES[:, None] ** np.arange(1, 5)).T


class Series(NamedTuple):
    """Series around centres: (nearest + (rest + sum of coefficient[k-1] * t**k) * ulp)(c + t r)."""

    centre: np.ndarray
    radius: np.ndarray
    nearest: np.ndarray
    rest: np.ndarray
    ulp: np.ndarray
    coefficients: np.ndarray


def centres(row, parameters, count, rng):
    """Draw `count` centres: all binades, round numbers, where exp's reduction jumps, at random."""
    few = count // 4
    exponents = rng.integers(-1022, 1023, few)  # subnormal numbers are too few: hard cases
    binades = np.ldexp(rng.uniform(1, 2, few), exponents)
    jumps = rng.integers(1, 4 * 1070, few) * np.log(2) / 4
    near = np.arange(1, 321) / 8  # kernels change their branch at round numbers
    dense = rng.uniform(0, rng.choice([1, 4, 20, 100, 760], count), count)
    positive = np.concatenate([binades, jumps, rng.permutation(near)[: count // 16], dense])[:count]
    drawn = positive * rng.choice([1, -1], count)
    at_kinks = [float(kink) for kink in oracle.kinks(row, parameters)]
    return drawn[~np.isin(drawn, at_kinks)]


def series(row, parameters, c):
    """The `Series` of value and derivative around the centres `c`."""
    size = np.abs(c)
    curved = (1 < size) & (size < POWERS_ONLY)
    radius = REACH * np.where(curved, 1 / np.maximum(size, 1), size)
    for kink in oracle.kinks(row, parameters):
        radius = np.minimum(radius, np.abs(c - float(kink)) / 2)
    values, slopes, around = [], [], []
    for centre, r in zip(c.tolist(), radius.tolist()):
        centre, r = oracle.mp.mpf(centre), oracle.mp.mpf(r)
        values.append(oracle.value(row, centre, parameters))
        slopes.append(oracle.derivative(row, centre, parameters))
        around.append([oracle.derivative(row, centre + r * t, parameters) for t in _NODES])
    value, slope = oracle.exact(values, np.float64), oracle.exact(slopes, np.float64)
    # At a root of f' an ulp is the smallest there is, and no float holds the differences in it.
    largest = [float(max(abs(v - v0) for v in nodes)) for v0, nodes in zip(slopes, around)]
    scale = np.maximum(slope.ulp, np.array(largest) * 2.0**-500)
    slope = slope._replace(rest=slope.rest * (slope.ulp / scale), ulp=scale)
    differences = [
        [float((v - v0) / ulp) for v in nodes]
        for v0, nodes, ulp in zip(slopes, around, slope.ulp.tolist())
    ]
    bend = np.array(differences) @ _TO_COEFFICIENTS
    # The integral of slope.nearest + (slope.rest + bend) * slope.ulp, in ulp of the value.
    unit = _product(slope.ulp, radius, value.ulp)
    first = _product(slope.nearest, radius, value.ulp) + slope.rest * unit
    rise = np.column_stack([first, bend * unit[:, None] / np.arange(2, 6)])
    return Series(c, radius, *value, rise), Series(c, radius, *slope, bend)


def _product(a, b, ulp):
    """a * b / ulp without overflow or underflow on the way."""
    (a, i), (b, j), (_, k) = map(np.frexp, (a, b, ulp))
    return np.ldexp(a * b, i + j - k + 1)


def neighbours(c, count, rng):
    """Draw `count` neighbours of each of the centres of the series `c`."""
    t = rng.uniform(-1, 1, (c.centre.size, count))
    return c.centre[:, None] + t * c.radius[:, None]


def worst_of(x, actual, c, zone):
    """The `Worst` of results at neighbours `x`, both of shape (centres, neighbours)."""
    row, column, error = _find(x, actual, *c, *zone)
    return Worst(error, float(x[row, column]))


@compiled
def _find(x, actual, centre, radius, nearest, rest, ulp, coefficients, low, high, least):
    worst, row, column = -1.0, 0, 0
    for i in range(centre.size):
        for j in range(x.shape[1]):
            t = (x[i, j] - centre[i]) / radius[i] if x[i, j] != centre[i] else 0.0
            correction = 0.0
            for k in range(coefficients.shape[1] - 1, -1, -1):
                correction = (correction + coefficients[i, k]) * t
            correction += rest[i]
            rounded = nearest[i] + correction * ulp[i]
            mantissa, exponent = math.frexp(rounded)
            if rounded == 0:
                exponent = -1022
            if abs(mantissa) == 0.5:  # a power of 2: the exact result may lie in the binade below
                short = ((nearest[i] - rounded) / ulp[i] + correction) * mantissa
                exponent -= short < -PRECISION
            unit = math.ldexp(1.0, max(exponent - 1, -1022) - 52)
            if low <= x[i, j] <= high:
                unit = max(unit, least)
            error = abs((actual[i, j] - nearest[i]) / ulp[i] - correction) * (ulp[i] / unit)
            if math.isnan(error):
                error = math.inf
            if actual[i, j] == nearest[i] and math.isinf(nearest[i]):
                error = 0.0
            if error > worst:
                worst, row, column = error, i, j
    return row, column, worst
