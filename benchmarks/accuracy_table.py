"""Write the README's table of accuracy from accuracy.json."""

from _readme import markdown, update

from fastact.activations import ACTIVATIONS
from fastact.backends import BACKENDS

DTYPES = ["float32", "float64"]
COLUMNS = ["fastact", "NumPy idiom", "PyTorch"]


def is_fastact(implementation):
    return implementation.partition("-")[0] in BACKENDS


def table(records):
    """The table: for each function the worst of fastact's implementations, beside its peers."""
    worst = {}
    for record in records:
        name = record["implementation"]
        column = "fastact" if is_fastact(name) else name
        key = record["function"], record["operation"], record["dtype"], column
        error = float("inf") if record["max_ulp"] is None else record["max_ulp"]
        worst[key] = max(error, worst.get(key, 0.0))

    def cell(*key):
        value, derivative = (
            _rounded(worst.get((key[0], operation, *key[1:])))
            for operation in ("value", "derivative")
        )
        return f"{value} / {derivative}" if value or derivative else ""

    heads = [f"{column}, {dtype}" for dtype in DTYPES for column in COLUMNS]
    lines = []
    for function in ACTIVATIONS:
        if any(key[0] == function for key in worst):
            cells = [cell(function, dtype, column) for dtype in DTYPES for column in COLUMNS]
            lines.append([f"`{function}`", *cells])
    return markdown(["ulp, f / f'", *heads], lines)


def _rounded(error):
    if error is None:
        return ""
    return "inf" if error == float("inf") else f"{error:.2f}" if error < 100 else f"{error:.0e}"


if __name__ == "__main__":
    update(__doc__, "accuracy", "errors", table)
