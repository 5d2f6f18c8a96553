"""Tables of the README that a script writes between two markers."""

import argparse
import json
from pathlib import Path

HERE = Path(__file__).parent


def markers(name):
    return f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"


def insert(text, name, table):
    """The README's text with `table` between the markers of this name."""
    start, end = markers(name)
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}{table}{end}{after}"


def markdown(heads, lines):
    """A table of Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in [heads, ["---"] * len(heads), *lines])


def update(description, name, key, table):
    """The command: write `table` of what the JSON file of this name has under `key`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--results", type=Path, default=HERE / "results" / f"{name}.json")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    chosen = parser.parse_args()
    text = chosen.readme.read_text(encoding="utf-8")
    if missing := [marker.strip() for marker in markers(name) if marker not in text]:
        parser.error(f"{chosen.readme} lacks {' and '.join(missing)}")
    records = json.loads(chosen.results.read_text())[key]
    chosen.readme.write_text(insert(text, name, table(records)), encoding="utf-8")
