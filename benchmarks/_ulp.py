"""Errors in ulp at speed: compiled passes over results that keep the worst of them.

Design
------
- An error counts in ulp of the exact result. Below the smallest normal number the ulp is the
  spacing of the subnormals. Where the exact result is NaN or rounds to infinity the result must
  be just that, else it is infinitely wrong, and so is NaN anywhere else. Infinity where it is
  finite stands for the power of two after the largest number, as rounding takes it.
- Near a root of f' an ulp counts as at least `Zone.ulp`; see tests/roots.py.
- All implementations are compared with the same exact results, so what these need is computed
  once, as `scale`. A pass then only asks whether any error is beyond the worst so far, which
  vectorises where keeping a maximum and its place does not. Hardly any block has one; where
  one has, a second pass finds it.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

compiled = njit(error_model="numpy", cache=True)


class Zone(NamedTuple):
    """The interval in which an ulp counts as at least `ulp`."""

    low: float = math.inf
    high: float = -math.inf
    ulp: float = math.nan


class Worst(NamedTuple):
    """The largest error, in ulp, and the input where it is."""

    error: float = -1.0
    at: float = math.nan

    def merge(self, other):
        """The worse of two; of equals the one nearer to 0, so that no order of work matters."""
        return max(self, other, key=lambda worst: (worst.error, -abs(worst.at), worst.at))


def scales(x, exact, dtype, zone):
    """The number of ulp of `dtype` in 1 at each exact result; infinite where it rounds so.

    Parameters
    ----------
    x, exact : ndarray of float64
    dtype : dtype
        float16 or float32.
    zone : Zone
    """
    info = np.finfo(dtype)
    half_way = np.ldexp(2 - np.ldexp(1.0, -info.nmant - 1), info.maxexp - 1)  # to infinity
    bits = np.empty(exact.size, np.int64)
    _scale_bits(exact.view(np.int64), info.minexp + 1023, info.nmant, half_way.view(np.int64), bits)
    scale = bits.view(np.float64)
    if zone.low < zone.high:
        inside = (zone.low <= x) & (x <= zone.high)
        np.minimum(scale, 1 / zone.ulp, out=scale, where=inside)
    return scale


@compiled
def _scale_bits(exact, lowest, digits, infinite, out):
    for i in range(exact.size):
        magnitude = exact[i] & 0x7FFF_FFFF_FFFF_FFFF
        exponent = max(magnitude >> 52, lowest) - digits
        out[i] = (2046 - exponent if magnitude < infinite else 2047) << 52


def worst_of(x, actual, exact, scale, worst):
    """The worst of `worst` and of the float32 results `actual`, `scale` being that of `scales`."""
    if not _beyond(actual, exact, scale, worst.error):
        return worst
    limit = 2 * 2.0 ** (int(np.finfo(x.dtype).maxexp) - 1)  # of float64: infinity
    place, error = _find(actual, exact, scale, limit, worst.error)
    return worst if place < 0 else Worst(error, float(x[place]))


@compiled
def _beyond(actual, exact, scale, error):
    count = 0
    for i in range(actual.size):
        count += not (abs(actual[i] - exact[i]) * scale[i] <= error)  # NaN counts
    return count


@compiled
def _find(actual, exact, scale, limit, error):
    place = -1
    for i in range(actual.size):
        if math.isinf(scale[i]):
            if math.isnan(exact[i]):
                right = math.isnan(actual[i])
            else:
                right = math.isinf(actual[i]) and (actual[i] > 0) == (exact[i] > 0)
            found = 0.0 if right else math.inf
        else:
            y = min(max(actual[i], -limit), limit)  # NaN stays NaN
            found = abs(y - exact[i]) * scale[i]
            if math.isnan(found):
                found = math.inf
        if found > error:
            place, error = i, found
    return place, error
