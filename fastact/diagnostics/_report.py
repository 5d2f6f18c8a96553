"""What the monitor found: a table, findings in words, a plot."""

from dataclasses import asdict, dataclass
from html import escape
from itertools import pairwise
from math import isnan

from fastact.activations import ACTIVATIONS

#: The report's table: the number's name, how it is written, what it means.
COLUMNS = (
    ("units", "{:d}", "the layer's width"),
    ("dead", "{:.1%}", "units that are never active in the window"),
    ("saturated", "{:.1%}", "outputs where it is flat, but for a rectifier's zero half"),
    ("offset", "{:.2f}", "abs(mean) / std of the outputs: 0 is zero-centred"),
    ("same sign", "{:.1%}", "largest share of an example's weight gradients with one sign"),
    ("grad", "{:.1e}", "norm of an example's gradient by the activation's input"),
    ("ratio", "{:.2g}", "gradient norm over that of the next layer"),
    ("update", "{:.1e}", "norm of the updates over that of the weights"),
    ("not finite", "{:d}", "outputs and gradients that are NaN or infinite"),
)

#: The lines of the plot: the number's name, the axis' scale.
PLOTTED = (("dead", "linear"), ("saturated", "linear"), ("grad", "log"), ("update", "log"))


@dataclass(frozen=True)
class Finding:
    """Something wrong: where, what, how much, and the limit that it passes.

    Examples
    --------
    >>> from fastact.diagnostics import Finding
    >>> finding = Finding("h1", "dead", 0.5, 0.1, "h1: 50 % of the units are dead")
    >>> finding.value > finding.threshold
    True
    """

    layer: str
    kind: str
    value: float
    threshold: float
    text: str


def find(rows, preset):
    """The findings in a report's rows, the network's first layer first."""
    for row, following in pairwise(rows):
        row["ratio"] = _quotient(row["grad"], following["grad"])
    return [finding for row in rows for finding in _in_layer(row, preset)] + _in_flow(rows, preset)


def _in_layer(row, preset):
    def finding(kind, value, threshold, text):
        return Finding(row["layer"], kind, value, threshold, f"{row['layer']}: {text}")

    if row["not finite"]:
        yield finding(
            "not finite",
            row["not finite"],
            0,
            f"{row['not finite']} outputs or gradients are NaN or infinite, the first at step "
            f"{row['not finite since']} (threshold 0); lower the rate, clip the gradients, and "
            "look at the inputs",
        )
    if row["dead"] > preset.dead:
        since = "" if row["dead since"] is None else f" since step {row['dead since']}"
        yield finding(
            "dead",
            row["dead"],
            preset.dead,
            f"{_percent(row['dead'])} of the units are dead{since} "
            f"(threshold {_percent(preset.dead)}); " + _remedy_of_death(row["activation"]),
        )
    if row["saturated"] > preset.saturated:
        yield finding(
            "saturated",
            row["saturated"],
            preset.saturated,
            f"{_percent(row['saturated'])} of the outputs are saturated (threshold "
            f"{_percent(preset.saturated)}); start from smaller weights, scale the inputs, or "
            "lower the rate",
        )
    if row["offset"] > preset.offset:
        yield finding(
            "not centred",
            row["offset"],
            preset.offset,
            f"the outputs' mean is {row['offset']:.1f} times their deviation (threshold "
            f"{preset.offset:g}); take a zero-centred activation such as tanh, or normalise",
        )
    if row["mean grad"] < preset.least_gradient:
        yield finding(
            "vanishing",
            row["mean grad"],
            preset.least_gradient,
            f"the mean gradient is {row['mean grad']:.1e} (threshold {preset.least_gradient:g}); "
            "take relu and He's initialisation, or normalise",
        )
    least, most = preset.update
    if row["update"] > most:
        yield finding(
            "large updates",
            row["update"],
            most,
            f"a step changes the weights by {_percent(row['update'])} of their norm (threshold "
            f"{_percent(most)}); lower the rate",
        )
    if row["update"] < least:
        yield finding(
            "small updates",
            row["update"],
            least,
            f"a step changes the weights by {row['update']:.1e} of their norm (threshold "
            f"{least:g}); raise the rate, or look for a layer that passes no gradient on",
        )


def _in_flow(rows, preset):
    """Vanishing and exploding: the gradient's change a layer, from the last to the first."""
    known = [row for row in rows if not isnan(row["grad"])]
    if len(known) < 2 or not known[-1]["grad"] > 0:
        return []
    first, last = known[0], known[-1]
    change = (first["grad"] / last["grad"]) ** (1 / (len(known) - 1))
    text = (
        f"{first['layer']}: the gradient's norm is {first['grad']:.1e} here and "
        f"{last['grad']:.1e} in {last['layer']}, times {change:.2g} a layer (threshold "
    )
    if change < preset.vanishing:
        text += (
            f"{preset.vanishing:.2g}): it vanishes; take relu and He's initialisation, or normalise"
        )
        return [Finding(first["layer"], "vanishing", change, preset.vanishing, text)]
    if change > preset.exploding:
        text += f"{preset.exploding:.2g}): it explodes; start from smaller weights, or clip"
        return [Finding(first["layer"], "exploding", change, preset.exploding, text)]
    return []


def _remedy_of_death(activation):
    if any(end > 0 for end in ACTIVATIONS[activation].saturates):
        return "start from smaller weights, or lower the rate"
    return "lower the rate, or take leaky_relu"


def _percent(share):
    return f"{100 * share:.0f} %"


def _quotient(a, b):
    return a / b if b > 0 else float("nan")


class Report:
    """The table and the findings; rich in a terminal, HTML in a notebook, a dict for a log.

    Attributes
    ----------
    rows : list of dict
        The numbers of each layer.
    findings : list of Finding

    Examples
    --------
    >>> from fastact.diagnostics import Monitor
    >>> monitor = Monitor({"h1": "tanh"})
    >>> monitor.layer("h1", np.linspace(-2, 2, 400).reshape(100, 4))
    >>> report = monitor.report()
    >>> report.rows[0]["dead"], report.findings
    (0.0, [])
    """

    def __init__(self, rows, findings):
        self.rows, self.findings = rows, findings

    def to_dict(self):
        """Everything as plain numbers and strings, for a log."""
        return {"layers": self.rows, "findings": [asdict(finding) for finding in self.findings]}

    def cells(self):
        """The table as text: a heading and a line for each layer; no column that is empty."""
        shown = [c for c in COLUMNS if any(_text(c, row) for row in self.rows)]
        yield ["layer", "f", *(name for name, _, _ in shown)]
        for row in self.rows:
            yield [row["layer"], row["activation"], *(_text(column, row) for column in shown)]

    def sentences(self):
        return [finding.text for finding in self.findings] or ["Nothing is wrong."]

    def __str__(self):
        lines = list(self.cells())
        widths = [max(map(len, column)) for column in zip(*lines)]
        table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([*table, "", *self.sentences()])

    def __rich__(self):
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        heading, *lines = self.cells()
        table = Table(*heading, box=None, padding=(0, 1, 0, 0))
        for column in table.columns[2:]:
            column.justify = "right"
        for line in lines:
            table.add_row(*map(Text, line))
        style = "bold red" if self.findings else "green"
        return Group(table, "", *(Text(sentence, style) for sentence in self.sentences()))

    def _repr_html_(self):
        heading, *lines = self.cells()
        titles = {name: meaning for name, _, meaning in COLUMNS}
        head = "".join(f'<th title="{escape(titles.get(n, ""))}">{escape(n)}</th>' for n in heading)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>"
            for line in lines
        )
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{items}</ul>"


def _text(column, row):
    """A number as the table has it; empty where there is none."""
    name, form, _ = column
    value = row.get(name)
    return "" if value is None or isnan(value) else form.format(value)


def plot_history(points):
    """Draw each layer's numbers against the step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.4), layout="constrained")
    for axes, (name, scale) in zip(figure.subplots(2, 2, sharex=True).flat, PLOTTED):
        for layer, history in points.items():
            steps = [point["step"] for point in history]
            axes.plot(steps, [point[name] for point in history], ".-", label=layer)
        axes.set(title=name, yscale=scale)
        axes.grid(alpha=0.3)
    for axes in figure.axes[2:]:
        axes.set_xlabel("step")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure
