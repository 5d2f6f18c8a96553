"""Diagnostics of a training run, on plain arrays: dead and saturated units, gradient flow.

Feed a `Monitor` from any training loop, then print its report::

    monitor = Monitor({"h1": "relu", "h2": "tanh"})
    for ... :
        monitor.layer("h1", z1, y1, grad1)  # the activation's input, output, gradient by its input
        monitor.layer("h2", z2, y2, grad2)
        monitor.update("h1", weights1, -rate * weight_grad1)  # optional
    rich.print(monitor.report())

`LayerStatistics` is what the monitor keeps of a layer: it streams over batches in constant
memory, merges, and does not depend on how the examples are cut into batches.
"""

from fastact.diagnostics._monitor import Monitor
from fastact.diagnostics._presets import PRESETS, Preset, flat_regions
from fastact.diagnostics._report import Finding, Report
from fastact.diagnostics._statistics import LayerStatistics

__all__ = [
    "PRESETS",
    "Finding",
    "LayerStatistics",
    "Monitor",
    "Preset",
    "Report",
    "flat_regions",
]
