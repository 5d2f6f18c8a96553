"""Write the README's table of accuracy from accuracy.json."""

import argparse
import json
from pathlib import Path

from fastact.activations import ACTIVATIONS
from fastact.backends import BACKENDS

HERE = Path(__file__).parent
START, END = "<!-- accuracy -->\n", "<!-- end of accuracy -->\n"
DTYPES = ["float32", "float64"]
COLUMNS = ["fastact", "NumPy idiom", "PyTorch"]


def is_fastact(implementation):
    return implementation.partition("-")[0] in BACKENDS


def markdown(records):
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
    lines = [["ulp, f / f'", *heads], ["---"] * (1 + len(heads))]
    for function in ACTIVATIONS:
        if any(key[0] == function for key in worst):
            cells = [cell(function, dtype, column) for dtype in DTYPES for column in COLUMNS]
            lines.append([f"`{function}`", *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rounded(error):
    if error is None:
        return ""
    return "inf" if error == float("inf") else f"{error:.2f}" if error < 100 else f"{error:.0e}"


def insert(readme, table):
    """The README's text with `table` between its markers."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{table}{END}{after}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results" / "accuracy.json")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    chosen = parser.parse_args()
    text = chosen.readme.read_text(encoding="utf-8")
    if START not in text or END not in text:
        parser.error(f"{chosen.readme} lacks {START.strip()} or {END.strip()}")
    records = json.loads(chosen.results.read_text())["errors"]
    chosen.readme.write_text(insert(text, markdown(records)), encoding="utf-8")


if __name__ == "__main__":
    main()
