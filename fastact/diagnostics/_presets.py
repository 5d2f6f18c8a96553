"""Thresholds: where an activation counts as flat, and what counts as a fault."""

from dataclasses import dataclass, field
from functools import lru_cache
from math import inf, nan

import numpy as np

import fastact
from fastact.activations import ACTIVATIONS


@dataclass(frozen=True)
class Preset:
    """Thresholds by a name that people know.

    Examples
    --------
    >>> from fastact.diagnostics import PRESETS, Preset
    >>> PRESETS["sagemaker"].dead
    0.5
    >>> strict = Preset("strict", dead=0.01)  # for ``Monitor(..., preset=strict)``
    """

    name: str
    #: What makes a unit dead: "silent" (flat on all examples but a share of ``activity``),
    #: "near zero" (outputs <= ``near`` on all examples), or "dormant" (its mean abs(output) is at
    #: most ``dormant`` of the layer's mean).
    criterion: str = "silent"
    activity: float = 0.0
    near: float = 0.05
    dormant: float = 0.025
    #: An activation is flat where its derivative is at most this share of its largest ...
    flatness: float = 0.01
    #: ... unless the ends of the flat regions are given here, by the activation's name.
    flat: dict = field(default_factory=dict)
    #: More dead units than this share of a layer are a fault, as are more saturated outputs.
    dead: float = 0.1
    saturated: float = 0.3
    #: abs(mean) / std of a layer's outputs.
    offset: float = 2.5
    #: A layer's gradient norm over the next layer's: the geometric mean over the network.
    vanishing: float = 1 / 3
    exploding: float = 3.0
    #: A mean abs(gradient) below this has vanished, whatever the other layers' are.
    least_gradient: float = 0.0
    #: The norm of an update over that of the weights.
    update: tuple[float, float] = (1e-6, 0.1)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("fastact"),
        # SageMaker Debugger's DeadRelu, SaturatedActivation and VanishingGradient.
        Preset(
            "sagemaker",
            activity=0.01,
            flat={"tanh": (-9.4999, 9.4999), "sigmoid": (-23.0, 16.99999)},
            dead=0.5,
            saturated=0.5,
            least_gradient=1e-7,
        ),
        # |tanh| > 0.97 in Karpathy's lectures; the same loss of slope for the others.
        Preset("karpathy", flatness=1 - 0.97**2),
        # fastai's ActivationStats: outputs up to 0.05 are near zero.
        Preset("fastai", criterion="near zero"),
        # Sokar et al., The dormant neuron phenomenon, ICML 2023.
        Preset("redo", criterion="dormant"),
    )
}


@lru_cache
def flat_regions(name, flatness):
    """Where the activation is flat: (low, high), for z <= low and z >= high, NaN if nowhere.

    From the row's `saturates` and the derivative itself: beyond the ends it stays at most
    `flatness` times its largest size. An end is the last float of the region.

    Examples
    --------
    >>> from fastact.diagnostics import flat_regions
    >>> flat_regions("relu", 0.01)
    (0.0, nan)
    >>> low, high = flat_regions("tanh", 0.01)
    >>> round(low, 3), round(high, 3)
    (-2.993, 2.993)
    """
    row = ACTIVATIONS[name]

    def derivative(z):
        return getattr(fastact, name + "_derivative")(z, *row.required)

    z = np.linspace(-1024, 1024, 2**15 + 1)  # steps of 1/16
    slope = np.abs(derivative(z))
    limit = flatness * slope.max()

    def end(sign):
        if sign * inf not in row.saturates:
            return nan
        steep = z[slope > limit]
        inside = steep.min() if sign < 0 else steep.max()
        flat = inside + sign / 16
        if abs(flat) > 1024:
            return nan
        while True:
            middle = (inside + flat) / 2
            if middle in (inside, flat):
                return float(flat)
            if abs(derivative(middle)) > limit:
                inside = middle
            else:
                flat = middle

    return end(-1), end(1)
