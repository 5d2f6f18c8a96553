"""One pass over a batch: what is counted and summed for each unit.

The compiled passes of the Cython backend's tier where they are built, else NumPy's; both give
the same counts bit for bit. `outputs` and `gradients` are the ones to call.
"""

import importlib

import numpy as np

from fastact import backends


def merge_moments(mean, deviation, examples, other_mean, other_deviation, other_examples):
    """Add another set's mean and sum of squared deviations in place: Chan's formula."""
    gap = other_mean - mean
    step = gap * (other_examples / np.maximum(examples + other_examples, 1))
    mean += step
    deviation += other_deviation + gap * step * examples


def numpy_outputs(z, y, low, high, near, examples, counts, moments, active):
    """Add a batch of a layer's inputs and outputs.

    Parameters
    ----------
    z, y : ndarray of shape (rows, units)
        Inputs and outputs of the activation, C-contiguous, of one dtype: float32 or float64, at
        least one row.
    low, high, near : float
        Thresholds, compared in that dtype; a comparison with NaN is false.
    examples : int
        How many rows were added before.
    counts : ndarray of shape (4, units), int64
        How many z <= low, z >= high, y <= near, and how many y are not finite.
    moments : ndarray of shape (3, units), float64
        The mean of the finite y, their squared deviations' sum, and the sum of their sizes.
    active : ndarray of shape (units,), int64
        Set to how many of this batch are finite with low < z < high.

    Returns
    -------
    signed_rows : int
        How many rows have a y that is not 0.
    shares : float
        The sum over these of the share of the more frequent sign.
    """
    shift = np.where(np.isfinite(y[0]), y[0], 0).astype(np.float64)
    with np.errstate(all="ignore"):
        size = np.abs(y, dtype=np.float64)
        finite = size < np.inf
        d = np.where(finite, y - shift, 0.0)
        size[~finite] = 0
        first, second = d.sum(axis=0), (d * d).sum(axis=0)
    here = np.array([mask.sum(axis=0) for mask in (z <= low, z >= high, y <= near, ~finite)])
    present = len(y) - here[3]
    deviation = np.maximum(second - first * first / np.maximum(present, 1), 0)
    mean = shift + first / np.maximum(present, 1)
    merge_moments(*moments[:2], examples - counts[3], mean, deviation, present)
    moments[2] += size.sum(axis=0)
    counts += here
    active[:] = present - here[0] - here[1]
    positive, negative = (y > 0).sum(axis=1), (y < 0).sum(axis=1)
    signed = positive + negative > 0
    shares = np.maximum(positive, negative)[signed] / (positive + negative)[signed]
    return np.count_nonzero(signed), float(shares.sum())


def numpy_gradients(grad, sums):
    """Add a batch of gradients.

    Parameters
    ----------
    grad : ndarray of shape (rows, units)
        C-contiguous, float32 or float64.
    sums : ndarray of shape (3, units), float64
        How many are not finite, and the sums over the others of abs(grad) and grad**2.
    """
    size = np.abs(grad, dtype=np.float64)
    finite = size < np.inf
    size = np.where(finite, size, 0.0)
    for total, values in zip(sums, (~finite, size, size * size)):
        total += values.sum(axis=0)


compiled = None
outputs, gradients = numpy_outputs, numpy_gradients
if "cython" in backends.runnable():
    try:
        compiled = importlib.import_module(f"fastact._counting_{backends.cython.tier}")
        outputs, gradients = compiled.outputs, compiled.gradients
    except ImportError as error:
        backends.warn_of(error)
