"""One pass over a batch: what is counted and summed for each unit.

The compiled passes of the Cython backend's tier where they are built, else NumPy's; both give
the same counts bit for bit. `outputs` and `gradients` are the ones to call.
"""

import importlib

import numpy as np

from fastact import backends


def numpy_outputs(z, y, low, high, near, shift, counts, sums, signs):
    """Count and sum a batch of a layer's inputs and outputs.

    Parameters
    ----------
    z, y : ndarray of shape (rows, units)
        Inputs and outputs of the activation, C-contiguous, of one dtype: float32 or float64.
    low, high, near : float
        Thresholds, compared in that dtype; a comparison with NaN is false.
    shift : ndarray of shape (units,)
        A finite number near each unit's outputs.
    counts : ndarray of shape (4, units), int64
        Set to how many z <= low, z >= high, y <= near, and how many y are not finite.
    sums : ndarray of shape (3, units), float64
        Set to the sums over the finite y of y - shift, its square, and abs(y).
    signs : ndarray of shape (2, rows), int64
        How many y of each row are positive, and how many negative, is added to it.
    """
    with np.errstate(all="ignore"):
        size = np.abs(y, dtype=np.float64)
        finite = size < np.inf
        d = y - shift
        d = np.where(np.isfinite(d), d, 0.0)
    for count, mask in zip(counts, (z <= low, z >= high, y <= near, ~finite)):
        np.sum(mask, axis=0, out=count)
    for total, values in zip(sums, (d, d * d, np.where(finite, size, 0.0))):
        np.sum(values, axis=0, out=total)
    for count, mask in zip(signs, (y > 0, y < 0)):
        count += np.sum(mask, axis=1)


def numpy_gradients(grad, sums):
    """Sum a batch of gradients.

    Parameters
    ----------
    grad : ndarray of shape (rows, units)
        C-contiguous, float32 or float64.
    sums : ndarray of shape (3, units), float64
        Set to how many are not finite, and to the sums over the others of abs(grad) and grad**2.
    """
    size = np.abs(grad, dtype=np.float64)
    finite = size < np.inf
    size = np.where(finite, size, 0.0)
    for total, values in zip(sums, (~finite, size, size * size)):
        np.sum(values, axis=0, out=total)


if "cython" in backends.runnable():
    compiled = importlib.import_module(f"fastact._counting_{backends.cython.tier}")
    outputs, gradients = compiled.outputs, compiled.gradients
else:
    compiled = None
    outputs, gradients = numpy_outputs, numpy_gradients
