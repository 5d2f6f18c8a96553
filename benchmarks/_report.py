"""What exp_cost tells of its times: records, tables, sentences and a plot.

A contender's key is (function, implementation).
"""

from statistics import median

import numpy as np
from _measure import SIZES
from _peers import IDIOM
from matplotlib.figure import Figure
from rich.table import Table

from fastact.activations import ACTIVATIONS, OPERATIONS

COPY, MAXIMUM, EXP, TANH = ANCHORS = [
    (f"np.{name}", "NumPy") for name in ("copyto", "maximum", "exp", "tanh")
]


class Cell:
    """The times of one dtype and size; contenders are keyed by (function, implementation)."""

    def __init__(self, dtype, size, times):
        self.dtype, self.size, self.times = dtype, size, times

    def __str__(self):
        return f"{self.dtype}, {self.size} element{'s' * (self.size != '1')}"

    def __contains__(self, key):
        return key in self.times

    def ns(self, key):
        """Nanoseconds an element: the median of the rounds."""
        return float(np.median(self.times[key])) * 1e9 / SIZES[self.size]

    def ratio(self, key, *others):
        """Time of `key` over that of `others` together: the median of the rounds' ratios."""
        return float(np.median(self.times[key] / sum(self.times[other] for other in others)))

    def records(self):
        """What the JSON file tells of each contender."""
        for (function, implementation), times in self.times.items():
            key = function, implementation
            low, high = np.quantile(times, [0.25, 0.75]) * 1e9 / SIZES[self.size]
            numbers = {
                "ns_per_element": self.ns(key),
                "lower_quartile": low,
                "upper_quartile": high,
                "ratio_to_relu": self.ratio(key, relu_of(key)),
                "ratio_to_maximum": self.ratio(key, MAXIMUM),
                "ratio_to_copy": self.ratio(key, COPY),
            }
            yield {
                "dtype": self.dtype,
                "size": SIZES[self.size],
                "function": function,
                "implementation": implementation,
                "rounds": len(times),
            } | {name: float(f"{number:.4g}") for name, number in numbers.items()}


def suffix_of(function):
    """The operation's suffix: ``_backward`` of ``leaky_relu_backward``."""
    return max((o.suffix for o in OPERATIONS if function.endswith(o.suffix)), key=len)


def relu_of(key):
    """The ReLU to compare a contender to: the same operation of the same implementation."""
    function, implementation = key
    return MAXIMUM if key in ANCHORS else ("relu" + suffix_of(function), implementation)


def print_tables(cells, console):
    """Print a table for each dtype and operation, with as many sizes as fit side by side."""
    console.print(
        "ns: nanoseconds an element. x relu, max, copy: times the same implementation's ReLU in "
        "the same operation, np.maximum, np.copyto.\n",
        highlight=False,
    )
    side_by_side = max(1, (console.width - 38) // 25)
    for dtype in dict.fromkeys(cell.dtype for cell in cells.values()):
        of_dtype = [cell for cell in cells.values() if cell.dtype == dtype]
        for suffix in (operation.suffix for operation in OPERATIONS):
            keys = [key for key in of_dtype[0].times if suffix_of(key[0]) == suffix]
            for i in range(0, len(of_dtype) if keys else 0, side_by_side):
                shown = of_dtype[i : i + side_by_side]
                console.print(table(f"{dtype}: f{suffix}", shown, keys), "")


def table(title, cells, keys):
    result = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    result.add_column("\nfunction", no_wrap=True)
    result.add_column("\nimplementation", no_wrap=True)
    for cell in cells:
        for head in (f"{cell.size}\nns", "x\nrelu", "x\nmax", "x\ncopy"):
            result.add_column(head, justify="right", no_wrap=True)
    for key in keys:
        row = list(key)
        for cell in cells:
            row.append(f"[bold]{cell.ns(key):.3g}[/]")
            row += [f"{cell.ratio(key, other):.2f}" for other in (relu_of(key), MAXIMUM, COPY)]
        result.add_row(*row)
    return result


def with_exp(activations):
    return [name for name in activations if ACTIVATIONS[name].cost == "exp"]


def price_of_exp(cells, activations, best):
    """What the numbers say about the cost of exp, in words: yields sentences."""
    against_relu = {}
    for cell in cells.values():
        if cell.size == "100":
            calls = ", ".join(f"{name} {100 * cell.ns((name, best)):.0f}" for name in activations)
            yield f"{cell}: most of it is the call itself. Nanoseconds a call: {calls}."
        if SIZES[cell.size] < SIZES["16 K"]:
            continue
        relu, idiom = ("relu", best), ("sigmoid", IDIOM)
        text = f"{cell}: relu takes {cell.ns(relu):.2f} ns an element"
        for name in with_exp(activations):
            ratio = against_relu[f"{name} ({cell})"] = cell.ratio((name, best), relu)
            text += f", {name} {cell.ns((name, best)):.2f} ({ratio:.2f} x)"
        if idiom in cell:
            text += f"; as a NumPy idiom sigmoid takes {cell.ns(idiom):.2f}"
            text += f" ({cell.ratio(idiom, MAXIMUM):.2f} x np.maximum)"
        yield text + "."
    if against_relu:
        least, most = (choose(against_relu, key=against_relu.get) for choose in (min, max))
        hidden = [where for where, ratio in against_relu.items() if ratio < 1.25]
        yield (
            f"So exp costs least in {least}, {against_relu[least]:.2f} x relu, "
            f"and most in {most}, {against_relu[most]:.2f} x. "
            f"It hides behind the memory (below 1.25 x) in: {', '.join(hidden) or 'none of them'}."
        )


def ratios(cells, activations, best):
    """The ratios by which to judge the kernels: yields (sentence, ratio)."""
    comparisons = []  # size, function, what it is compared to: its keys, its name
    for name in with_exp(activations):
        pair = [(name, best), (f"{name}_derivative", best)]
        comparisons += [
            ("4 M", name, [("relu", best)], "relu"),
            ("4 M", name, [COPY], "a copy"),
            ("256 K", name, [(name, IDIOM)], "the NumPy idiom"),
            ("256 K", f"{name}_with_derivative", pair, "the two calls that it replaces"),
            ("4 M", f"{name}_with_derivative", pair, "the two calls that it replaces"),
        ]
    for name in activations:
        comparisons += [(size, name, [TANH], "np.tanh") for size in ("1", "100")]

    for size, name, others, called in comparisons:
        for cell in (cell for cell in cells.values() if cell.size == size):
            if all(other in cell for other in others):
                ratio = cell.ratio((name, best), *others)
                yield f"{cell}: {name} takes {ratio:.2f} x the time of {called}", ratio

    for cell in cells.values():
        compared = {
            function: cell.ratio((function, "numba"), (function, best))
            for function, implementation in cell.times
            if implementation == "numba" != best
        }
        if compared and cell.size in ("256 K", "4 M"):
            worst = max(compared, key=compared.get)
            yield (
                (
                    f"{cell}: numba takes {median(compared.values()):.2f} x the time of {best} in the "
                    f"median of its functions, at most {compared[worst]:.2f} x ({worst})"
                ),
                compared[worst],
            )


def plot(cells, activations, best, facts):
    """Draw ns an element against size: fastact solid, the NumPy idiom dashed, copy dotted."""
    dtypes = list(dict.fromkeys(cell.dtype for cell in cells.values()))
    lines = {COPY: ("np.copyto", "black", ":")}
    for i, name in enumerate(activations):
        lines[name, best] = f"{name}, fastact", f"C{i}", "-o"
        lines[name, IDIOM] = f"{name}, {IDIOM}", f"C{i}", "--"

    figure = Figure(figsize=(12, 5.6), layout="constrained")
    panels = figure.subplots(1, len(dtypes), sharey=True)
    for axes, dtype in zip(panels, dtypes):
        # One element is all call and no arithmetic: it would only squeeze the rest.
        shown = [c for c in cells.values() if c.dtype == dtype and SIZES[c.size] >= 100]
        sizes = [SIZES[cell.size] for cell in shown]
        for key, (label, color, style) in lines.items():
            if key in shown[0]:
                times = [cell.ns(key) for cell in shown]
                axes.plot(sizes, times, style, color=color, label=label, markersize=4)
        axes.set(xscale="log", yscale="log", title=dtype, xlabel="elements in the array")
        axes.set_xticks(sizes, [cell.size for cell in shown])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("ns an element (median), one thread")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    figure.suptitle("The price of exp")
    figure.supxlabel(
        f"{facts['cpu']}, {best}, fastact {facts['fastact']}, NumPy {facts['numpy']}, "
        f"Python {facts['python']}, {facts['date'][:10]}",
        fontsize="small",
    )
    return figure
