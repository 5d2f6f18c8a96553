"""The catalogue: a page for each activation, written from the table and the measurements.

`fastact.activations` says what is promised, ``benchmarks/results/*.json`` what was measured; the
plots are drawn here, of the functions themselves.
"""

import ast
import json
from functools import cache
from pathlib import Path

import accuracy_table
import latexify.codegen.expression_codegen as codegen
import numpy as np
from _svg import svg
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sphinx.util import rst

import fastact
from fastact.activations import ACTIVATIONS, OPERATIONS
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COSTS = {
    "copy": "that of a copy",
    "max": "comparisons, sums and products",
    "div": "a division or a square root",
    "exp": "an exponential",
    "erf": "an error function",
}
ROWS = """\
Over an axis, any axis, of any length. A gated unit halves the axis."""
CHANNELS = """\
What usually follows a matrix product, in one pass with the bias before it; and the gradient of
PReLU's weight."""
SIZES = {16384: "16 K", 262144: "256 K", 4194304: "4 M", 16777216: "16 M"}


class Textbook(ast.NodeTransformer):
    """From what is exact on a computer to what a textbook prints."""

    def visit_Call(self, node):
        self.generic_visit(node)
        name, argument = node.func.id, ast.unparse(node.args[0])
        forms = {
            "exp": f"e**({argument})",
            "expm1": f"e**({argument}) - 1",
            "log1p": f"log(1 + {argument})",
            "lambertw": f"W({argument})",
        }
        return expression(forms[name]) if name in forms else node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult) and ast.unparse(node.left) == ast.unparse(node.right):
            return expression(f"({ast.unparse(node.left)})**2")
        return node


def expression(text):
    return ast.parse(text, mode="eval").body


def tex(text):
    """An expression of the table in TeX."""
    tree = Textbook().visit(expression(text))
    result = codegen.ExpressionCodegen(use_math_symbols=True).visit(tree)
    for before, after in {
        r"\mathopen{}": "",
        r"\mathclose{}": "",
        r"\mathrm{inf}": r"\infty",
        r"\mathrm{": r"\text{",  # a name of several letters, in one piece
        r"\_": "_",
        r"\log": r"\, \log",
    }.items():
        result = result.replace(before, after)
    return result


def plot(row):
    """f and f' as an inline SVG; dots are what is returned at a kink."""
    given = {parameter.name: parameter.typical for parameter in row.parameters}
    kinks = np.array([eval(x, {}, dict(given)) for x, _ in row.kinks], float)
    reach = max(5, 1.5 * abs(kinks).max(initial=0))
    sides = np.nextafter(kinks, np.inf), np.nextafter(kinks, -np.inf)
    x = np.unique(np.concatenate([np.linspace(-reach, reach, 401), kinks, *sides]))

    def draw(figure):
        for axes, suffix, colour in zip(figure.subplots(1, 2), ("", "_derivative"), ("C0", "C1")):
            f = getattr(fastact, row.name + suffix)
            # The line ends at a kink, for there may be a jump.
            axes.plot(x, np.where(np.isin(x, kinks), np.nan, f(x, **given)), colour, linewidth=2)
            axes.plot(kinks, f(kinks, **given), f"o{colour}", markersize=5)
            axes.set(title="f'(x)" if suffix else "f(x)", xlabel="x")

    return svg(draw, row.name, f"Plots of {row.name} and of its derivative")


def errors(row):
    """What accuracy.json has of a row: the worst of fastact's implementations."""
    worst = {}
    for record in read("accuracy.json")["errors"]:
        if record["function"] == row.name and accuracy_table.is_fastact(record["implementation"]):
            if record["max_ulp"] is None:
                record["max_ulp"] = float("inf")  # an infinity or NaN where there should be none
            key = record["operation"] != "value", record["dtype"]
            worst[key] = max(worst.get(key, record), record, key=lambda found: found["max_ulp"])
    return [worst[key] for key in sorted(worst)]


@cache
def times():
    """ns an element in float32 and the ratio to ReLU, by function and size, of each script."""
    found = {}
    if (BENCHMARKS / "results" / "peers.json").exists():
        peers = read("peers.json")
        found["peers.py"] = (
            peers["machine"],
            {
                (cell["function"] + cell["operation"], cell["size"]): (
                    cell["ns"]["fastact"],
                    cell["ratio"].get("relu"),
                )
                for cell in peers["cells"]
                if (cell["dtype"], cell["distribution"]) == ("float32", "ordinary")
            },
        )
    cost = read("exp_cost.json")
    found["exp_cost.py"] = (
        cost["machine"] | {"tier": cost["best"].removeprefix("cython-")},
        {
            (record["function"], record["size"]): (
                record["ns_per_element"],
                record["ratio_to_relu"],
            )
            for record in cost["times"]
            if (record["dtype"], record["implementation"]) == ("float32", cost["best"])
        },
    )
    return found


def costs(row):
    """What a row costs: script, machine, and for each operation its name and cells."""
    for script, (machine, cells) in times().items():
        names = [row.name + operation.suffix for operation in row.operations()]
        lines = {name: [cells.get((name, size)) for size in SIZES] for name in names}
        if shown := {name: line for name, line in lines.items() if any(line)}:
            return script, machine, shown
    return None


def read(name):
    return json.loads((BENCHMARKS / "results" / name).read_text(encoding="utf-8"))


def scripts():
    """The benchmarks that can be run, by name, each with what its docstring says."""
    for path in sorted(BENCHMARKS.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(getattr(node, "name", None) == "main" for node in tree.body):
            yield path.name, ast.get_docstring(tree)


def write(app):
    """Write the pages, those that are not as they should be."""
    templates = Path(app.srcdir) / "_templates"
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "infinity": lambda end: "+∞" if end > 0 else "−∞",
        "rst": rst.escape,
        "tex": tex,
        "ulp": lambda ulp: f"{ulp} ulp" if ulp else "rounded correctly",
        "underline": lambda text: "=" * len(text),
    }
    environment.globals |= {
        "COSTS": COSTS,
        "OPERATIONS": OPERATIONS,
        "SIZES": SIZES,
        "accuracy": read("accuracy.json")["machine"],
        "costs": costs,
        "errors": errors,
        "plot": plot,
    }
    pages = {
        f"catalogue/{row.name}.rst": ("activation.rst", {"row": row})
        for row in ACTIVATIONS.values()
    }
    pages["catalogue/index.rst"] = "catalogue.rst", {"rows": ACTIVATIONS.values()}
    pages["explanation/measured.rst"] = "measured.rst", {"scripts": dict(scripts())}
    statements = read("lecture.json")["statements"]
    pages["explanation/lecture.rst"] = "lecture.rst", {"statements": statements}
    channels = [name for name, _, _ in channel_functions()]
    for name, title, text, names in (
        ("rows", "Functions over an axis", ROWS, ROW_FUNCTIONS),
        ("channels", "A bias, and PReLU's weight", CHANNELS, channels),
    ):
        pages[f"api/{name}.rst"] = "functions.rst", {"title": title, "text": text, "names": names}
    for name, (template, values) in pages.items():
        target = Path(app.srcdir) / name
        text = environment.get_template(template).render(values)
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app):
    app.connect("config-inited", lambda app, config: write(app))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
