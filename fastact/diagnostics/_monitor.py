"""The monitor that a training loop feeds."""

import numpy as np

import fastact
from fastact.activations import ACTIVATIONS
from fastact.diagnostics._presets import PRESETS, Preset, flat_regions
from fastact.diagnostics._report import Report, find, plot_history
from fastact.diagnostics._statistics import LayerStatistics

#: A unit that was silent on fewer examples is not called dead.
LEAST_EXAMPLES = 100
#: A plot has at most this many points a line; then every second one is dropped.
MOST_POINTS = 256


class Monitor:
    """Watch the layers of a network while it trains.

    Parameters
    ----------
    layers : mapping of str to str
        The hidden layers by name, from the first to the last, each with its activation's name.
    preset : str or Preset, default "fastact"
        The thresholds: one of `PRESETS` ("fastact", "sagemaker", "karpathy", "fastai", "redo").
    window : int, default 100
        A report covers at most this many of the last steps, and at least half as many.

    Examples
    --------
    >>> import numpy as np
    >>> from fastact.diagnostics import Monitor
    >>> monitor = Monitor({"h1": "relu"})
    >>> z = np.random.default_rng(0).normal(-9, 1, (256, 8))
    >>> monitor.layer("h1", z)
    >>> finding = monitor.report().findings[0]
    >>> finding.layer, finding.kind, finding.value
    ('h1', 'dead', 1.0)
    >>> finding.text.partition(";")[0]
    'h1: 100 % of the units are dead since step 0 (threshold 10 %)'
    """

    def __init__(self, layers, preset="fastact", window=100):
        if not isinstance(preset, Preset):
            if preset not in PRESETS:
                raise ValueError(
                    f"the preset {preset!r} is unknown; there are {', '.join(PRESETS)}"
                )
            preset = PRESETS[preset]
        if not layers:
            raise ValueError("no layers to monitor")
        for name, activation in layers.items():
            if activation not in ACTIVATIONS:
                raise ValueError(
                    f"{name}: the activation {activation!r} is unknown; "
                    f"there are {', '.join(ACTIVATIONS)}"
                )
        if window < 2:
            raise ValueError(f"window must be at least 2, not {window}")
        self.preset, self.window = preset, window
        self._layers = {
            name: _Layer(activation, preset, window) for name, activation in layers.items()
        }

    def layer(self, name, z, y=None, grad=None):
        """Add a step of one layer.

        Parameters
        ----------
        name : str
            A layer's name.
        z : array_like of shape (..., units)
            The activation's inputs: one batch, the last axis the units.
        y : array_like of shape (..., units), optional
            Its outputs; computed where not given.
        grad : array_like of shape (..., units), optional
            The gradient of the loss by z.
        """
        layer = self._find(name)
        try:
            layer.add(z, y, grad)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def update(self, name, weights, update):
        """Add a step of the optimizer: a layer's incoming weights and what was added to them."""
        layer = self._find(name)
        if layer.current is None:
            raise ValueError(f"{name}: layer() comes before update()")
        try:
            layer.current.update_weights(weights, update)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def statistics(self, name):
        """The `LayerStatistics` of a layer over the window: everything per unit."""
        return self._find(name).recent()

    def dead(self, name):
        """Which units of a layer are dead over the window: an array of bool."""
        layer = self._find(name)
        return layer.dead(layer.recent())

    def report(self):
        """The `Report` of the window: a table, and what is wrong in words."""
        rows = [
            {"layer": name, "activation": layer.activation, **layer.summary(layer.recent())}
            for name, layer in self._layers.items()
            if layer.current is not None
        ]
        return Report(rows, find(rows, self.preset))

    def plot(self):
        """A matplotlib figure of the run so far."""
        return plot_history(
            {
                name: [*layer.history, layer.point(layer.recent())]
                for name, layer in self._layers.items()
                if layer.current is not None
            }
        )

    def _find(self, name):
        if name not in self._layers:
            raise KeyError(f"the layer {name!r} is unknown; there are {', '.join(self._layers)}")
        return self._layers[name]


class _Layer:
    """One layer: statistics of the last whole half of a window and of the half that fills."""

    def __init__(self, activation, preset, window):
        self.activation, self.preset, self.half = activation, preset, window // 2
        self.low, self.high = preset.flat.get(activation) or flat_regions(
            activation, preset.flatness
        )
        self.previous = self.current = self.last_active = None
        self.step, self.nonfinite_since = 0, None
        self.history, self.every = [], self.half

    def add(self, z, y, grad):
        z = np.asarray(z)
        if y is None:
            y = getattr(fastact, self.activation)(z, *ACTIVATIONS[self.activation].required)
        if self.current is None:
            if z.ndim == 0:
                raise ValueError("z is a scalar, not an array of (..., units)")
            current = self.fresh(z.shape[-1])
            last_active = np.full(current.units, -1)
        else:
            current, last_active = self.current, self.last_active
        examples = current.examples
        active = current.update(z, y, grad)
        self.current, self.last_active = current, last_active
        if current.examples == examples:
            return
        last_active[active > 0] = self.step
        if self.nonfinite_since is None and current.broken:
            self.nonfinite_since = self.step
        self.step += 1
        if self.step % self.half == 0:
            self.keep_point()
            self.previous, self.current = current, self.fresh(current.units)

    def fresh(self, units):
        return LayerStatistics(units, self.low, self.high, self.preset.near)

    def recent(self):
        """The statistics of the window."""
        if self.current is None:
            raise ValueError("nothing was seen of the layer yet")
        found = self.fresh(self.current.units)
        for part in self.previous, self.current:
            if part is not None:
                found.merge(part)
        return found

    def dead(self, seen):
        """Which units are dead, by the preset's criterion; one that was never finite is not."""
        if self.preset.criterion == "near zero":
            dead = seen.near_zero >= seen.finite
        elif self.preset.criterion == "dormant":
            dead = seen.mean_abs <= self.preset.dormant * seen.mean_abs.mean()
        else:
            dead = (seen.active == 0) | (seen.active < self.preset.activity * seen.finite)
        return dead & (seen.finite > 0)

    def summary(self, seen):
        """The numbers of a report's row."""
        enough = seen.examples >= LEAST_EXAMPLES
        dead, outputs = self.dead(seen), max(int(seen.finite.sum()), 1)
        silent = dead & (seen.active == 0)
        # A rectifier is flat from 0 on by design; what counts as saturated lies beyond.
        saturated = int(seen.below.sum()) * (self.low < 0) + int(seen.above.sum()) * (self.high > 0)
        return {
            "units": seen.units,
            "steps": self.step,
            "examples": seen.examples,
            "active": float(seen.active.sum() / outputs),
            "dead": float(dead.mean()) if enough else np.nan,
            "dead since": (
                int(self.last_active[dead].max()) + 1
                if (silent == dead).all() and dead.any()
                else None
            ),
            "saturated": saturated / outputs,
            "near zero": float(seen.near_zero.sum() / outputs),
            "offset": seen.offset,
            "same sign": seen.same_sign,
            "grad": seen.grad_norm,
            "mean grad": seen.grad_mean_abs,
            "update": seen.update_ratio,
            "not finite": seen.broken,
            "not finite since": self.nonfinite_since,
        }

    def point(self, seen):
        return {"step": self.step, **self.summary(seen)}

    def keep_point(self):
        """Remember the half window for the plot, in constant memory."""
        if self.step % self.every == 0:
            self.history.append(self.point(self.current))
            if len(self.history) == MOST_POINTS:
                self.history, self.every = self.history[1::2], self.every * 2
