"""Statistics of a layer, streaming: constant memory, mergeable, the same for any chunking."""

import numpy as np

from fastact.diagnostics import _passes

# Design: counts are int64 and exact, so that no chunking changes them. Means and squared
# deviations of a batch are taken about one of its own values and merged by Chan's formula: the
# textbook's E y^2 - (E y)^2 has no digit left where the mean is 1e8 times the deviation. What
# is not finite is counted and left out of the sums.

#: At most so many weights are looked at in a step: their norm is then good to a percent.
SAMPLE = 2**13


class LayerStatistics:
    """Counts and moments of one layer, per unit.

    Parameters
    ----------
    units : int
        The width of the layer.
    low, high : float, optional
        The activation is flat for inputs z <= `low` and for z >= `high`; NaN where it is not.
    near : float, optional
        Outputs y <= `near` are counted as near zero.

    Attributes
    ----------
    examples : int
        Rows seen.
    below, above, near_zero, nonfinite : ndarray of int64
        For each unit, how many z were <= `low`, how many >= `high`, how many y were <= `near`,
        and how many y were NaN or infinite.
    mean, mean_abs : ndarray
        Of each unit's finite outputs.
    grad_examples : int
        Rows of gradients seen.
    grad_nonfinite, grad_abs, grad_square : ndarray
        For each unit how many gradients were NaN or infinite, and the sums of the others' sizes
        and squares.

    Examples
    --------
    >>> from fastact.diagnostics import LayerStatistics
    >>> seen = LayerStatistics(units=2, low=0.0)
    >>> z = np.array([[-1.0, 2.0], [-3.0, -4.0]])
    >>> seen.update(z, np.maximum(z, 0.0))
    array([0, 1])
    >>> seen.below, seen.mean
    (array([2, 1]), array([0., 1.]))
    """

    def __init__(self, units, low=np.nan, high=np.nan, near=np.nan):
        if units < 1:
            raise ValueError(f"a layer has at least one unit, not {units}")
        self.units, self.low, self.high, self.near = units, low, high, near
        self.examples = self.grad_examples = self.signed_examples = 0
        self.below, self.above, self.near_zero, self.nonfinite = self._counts = np.zeros(
            (4, units), np.int64
        )
        sums = np.zeros((6, units))
        self.mean, self._deviation, self._abs = self._moments = sums[:3]
        self.grad_nonfinite, self.grad_abs, self.grad_square = self._grad = sums[3:]
        self._plain_sums = sums[2:]  # those that merge by adding
        self._weights_square = self._updates_square = self._same_sign = 0.0

    def update(self, z, y, grad=None):
        """Add a batch.

        Parameters
        ----------
        z, y : array_like of shape (..., units)
            Inputs and outputs of the activation. Any real dtype of up to 64 bits, any strides.
        grad : array_like of shape (..., units), optional
            The loss's gradient by z.

        Returns
        -------
        ndarray of int64
            How often each unit was active in this batch.
        """
        arrays = {"z": self._rows(z, "z"), "y": self._rows(y, "y")}
        if grad is not None:
            arrays["grad"] = self._rows(grad, "grad")
        rows = len(arrays["z"])
        for name, array in arrays.items():
            if len(array) != rows:
                raise ValueError(f"{name} has {len(array)} rows, z has {rows}")
        active = np.zeros(self.units, np.int64)
        if rows:
            self._add(active, **arrays)
        return active

    def _add(self, active, z, y, grad=None):
        """Add a batch that is not empty."""
        if z.dtype != y.dtype:
            z, y = z.astype(np.float64), y.astype(np.float64)
        thresholds = self.low, self.high, self.near
        signed, shares = _passes.outputs(
            z, y, *thresholds, self.examples, self._counts, self._moments, active
        )
        self.examples += len(y)
        self.signed_examples += signed
        self._same_sign += shares
        if grad is not None:
            _passes.gradients(grad, self._grad)
            self.grad_examples += len(grad)

    def update_weights(self, weights, update):
        """Add a step of the optimizer: the weights, and what was added to them.

        At most `SAMPLE` weights are looked at, of rows at even distances, so that the cost does
        not grow with the layer.
        """
        weights, update = np.asarray(weights), np.asarray(update)
        if weights.shape != update.shape:
            raise ValueError(f"weights have shape {weights.shape}, their update {update.shape}")
        step = -(-weights.size // SAMPLE) or 1
        self._weights_square += _sum_of_squares(weights[::step])
        self._updates_square += _sum_of_squares(update[::step])

    def _rows(self, array, name):
        """The array as (rows, units), of a dtype and layout that the passes take."""
        array = np.asarray(array)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise TypeError(f"{name} is of dtype {array.dtype}, not real with up to 64 bits")
        if array.ndim == 0 or array.shape[-1] != self.units:
            raise ValueError(f"{name} has shape {array.shape}, the layer {self.units} units")
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.result_type(array.dtype, np.float32))
        return np.ascontiguousarray(array).reshape(-1, self.units)

    def merge(self, other):
        """Add what another has seen."""
        if self._kind != other._kind:
            raise ValueError(f"{other._kind} cannot be merged into {self._kind}")
        ours, theirs = (self.mean, self._deviation), (other.mean, other._deviation)
        _passes.merge_moments(*ours, self.finite, *theirs, other.finite)
        self._plain_sums += other._plain_sums
        self._counts += other._counts
        self._weights_square += other._weights_square
        self._updates_square += other._updates_square
        self.examples += other.examples
        self.grad_examples += other.grad_examples
        self.signed_examples += other.signed_examples
        self._same_sign += other._same_sign

    @property
    def _kind(self):
        """What has to agree for a merge, as text, for there NaN equals NaN."""
        return f"statistics of {self.units} units, thresholds {self.low}, {self.high}, {self.near}"

    @property
    def finite(self):
        """How many outputs of each unit were finite."""
        return self.examples - self.nonfinite

    @property
    def broken(self):
        """How many outputs and gradients were NaN or infinite."""
        return int(self.nonfinite.sum() + self.grad_nonfinite.sum())

    @property
    def active(self):
        """How often each unit was active: finite, and where the activation is not flat."""
        return np.maximum(self.finite - self.below - self.above, 0)

    @property
    def variance(self):
        """The variance of each unit's finite outputs."""
        return self._deviation / np.maximum(self.finite, 1)

    @property
    def mean_abs(self):
        """The mean size of each unit's finite outputs."""
        return self._abs / np.maximum(self.finite, 1)

    @property
    def same_sign(self):
        """The largest share of an example's outputs that have one sign, averaged.

        The gradients of one example by the weights of a unit of the *next* layer are these
        outputs times one number, so it is also the share of those gradients with the same sign.
        """
        return self._same_sign / self.signed_examples if self.signed_examples else np.nan

    @property
    def offset(self):
        """abs(mean) / std of all the layer's outputs: 0 where it is zero-centred."""
        weight = self.finite / max(self.finite.sum(), 1)
        mean = np.sum(weight * self.mean)
        std = np.sqrt(np.sum(weight * (self.variance + (self.mean - mean) ** 2)))
        return float(abs(mean) / std) if std > 0 else np.nan

    @property
    def grad_norm(self):
        """The root mean square over the examples of the norm of an example's gradient."""
        if not self.grad_examples:
            return np.nan
        return float(np.sqrt(self.grad_square.sum() / self.grad_examples))

    @property
    def update_ratio(self):
        """The norm of the updates over that of the weights, both root mean squares over steps."""
        if not self._weights_square > 0:
            return np.nan
        return float(np.sqrt(self._updates_square / self._weights_square))

    @property
    def grad_mean_abs(self):
        """The mean size of a gradient."""
        finite = self.grad_examples * self.units - self.grad_nonfinite.sum()
        return float(self.grad_abs.sum() / finite) if finite else np.nan


def _sum_of_squares(array):
    flat = array.astype(np.float64).ravel()
    return float(flat @ flat)
