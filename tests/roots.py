"""Where a derivative is promised to an absolute error: near its root.

f' of silu, gelu, mish and their kin changes sign, and no fixed precision is relatively exact
there. What is promised instead is 2 ulp of f'(0). *Near* is where |f'| <= |f'(0)| / 8, on both
sides of the root and no further than the next extremum of f': the tails, where f' is small too,
keep the relative promise.
"""

from functools import cache

import numpy as np
import oracle

NEAR = 1 / 8
ULP_OF_SLOPE_AT_0 = 2
_STEP = 2.0**-7


@cache
def near_root(row, parameters=()):
    """The interval near the root of f'; None where f' never changes sign but at a kink."""

    def slope(x):
        return oracle.derivative(row, x, parameters)

    grid = np.arange(-16, 16, 1 / 8) + _STEP / 3  # on no root that is a round number
    signs = np.array([float(oracle.mp.sign(slope(x))) for x in grid])
    roots = []
    for i in np.flatnonzero(signs[:-1] * signs[1:] < 0):
        low, high = grid[i], grid[i + 1]
        while low < (middle := (low + high) / 2) < high:
            if oracle.mp.sign(slope(middle)) == signs[i]:
                low = middle
            else:
                high = middle
        if abs(slope(low)) < 1e-6:  # else f' jumps
            roots.append(low)
    if not roots:
        return None
    (root,) = roots
    bound = NEAR * abs(slope(0))
    ends = []
    for step in -_STEP, _STEP:
        x, size = root, 0
        while size < (size := abs(slope(x + step))) <= bound:
            x += step
        beyond = x + step
        while size > bound and x != (middle := (x + beyond) / 2) != beyond:
            x, beyond = (middle, beyond) if abs(slope(middle)) <= bound else (x, middle)
        ends.append(float(x))
    return tuple(ends)


def least_ulp(row, promise, dtype, parameters=()):
    """What an ulp of f' counts as at least near the root: `promise` of them are the bound."""
    at_0 = np.dtype(dtype).type(oracle.derivative(row, 0, parameters))
    return ULP_OF_SLOPE_AT_0 * float(np.spacing(abs(at_0))) / promise


def counted_near_root(expected, x, row, promise, parameters=()):
    """The `Exact` of f' at `x` in ulp that are no smaller than `least_ulp` near a root.

    Of a derivative that is a factor of a product, as in ``backward``, the other factor being +-1
    or less, this is the product's bound as well.
    """
    interval = near_root(row, parameters)
    if interval is None or not promise:
        return expected
    low, high = interval
    least = least_ulp(row, promise, expected.nearest.dtype, parameters)
    ulp = np.where((low <= x) & (x <= high), np.maximum(expected.ulp, least), expected.ulp)
    return expected._replace(rest=expected.rest * (expected.ulp / ulp), ulp=ulp)
