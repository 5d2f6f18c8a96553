"""The lecture, measured: fourteen statements on activation functions, each as an experiment.

On scikit-learn's handwritten digits, with fastact's kernels and fixed seeds: prints a table of what
was measured and whether the statement holds, and writes ``lecture.html``, a page with a plot each,
and ``lecture.json``. It takes a few minutes, ``--quick`` about half of one.
"""

import argparse
import json
import os
from pathlib import Path
from time import perf_counter

try:
    from _lecture import page
    from _lecture.statement import FAILS, HOLDS, LIMITED, STATEMENTS
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn
    from rich.table import Table
    from threadpoolctl import threadpool_limits
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[bench,examples]") from None

from _measure import machine

COLOURS = {HOLDS: "green", LIMITED: "yellow", FAILS: "red"}
KEYS = sorted(STATEMENTS, key=lambda key: int(key[1:]))


def options():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=KEYS, default=KEYS, metavar="L7", help="run these alone"
    )
    parser.add_argument("--quick", action="store_true", help="fewer seeds and steps")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        metavar="DIR",
        help="where lecture.html and lecture.json go (default: %(default)s)",
    )
    chosen = parser.parse_args()
    try:
        chosen.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output: {error.strerror}: {chosen.output}")
    if not os.access(chosen.output, os.W_OK):
        parser.error(f"argument --output: not writable: {chosen.output}")
    return chosen


def run(keys, quick, console):
    """The results of the statements, and the seconds that each took."""
    results, seconds = {}, {}
    with Progress(
        *Progress.get_default_columns(), TimeElapsedColumn(), console=console
    ) as progress:
        task = progress.add_task("", total=len(keys))
        for key in keys:
            progress.update(task, description=f"{key:>3}")
            start = perf_counter()
            results[key] = STATEMENTS[key].run(quick)
            seconds[key] = perf_counter() - start
            progress.advance(task)
    return results, seconds


def table(results):
    found = Table(
        "",
        "statement",
        "measured",
        "known",
        "verdict",
        title="The lecture, measured",
        show_lines=True,
    )
    for key, result in results.items():
        statement = STATEMENTS[key]
        verdict = f"[{COLOURS[result.verdict]}]{result.verdict}[/]"
        if result.limits:
            verdict += ":\n" + "\n".join(result.limits)
        found.add_row(key, statement.text, result.measured, statement.published, verdict)
    return found


def main():
    chosen = options()
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)  # a file has no width of its own
    keys = [key for key in KEYS if key in chosen.only]
    # One thread: the matrices are small, and shares of a step compare like with like.
    with threadpool_limits(1):
        results, seconds = run(keys, chosen.quick, console)
    console.print(table(results))

    facts = machine()
    outcomes = [(STATEMENTS[key], result) for key, result in results.items()]
    (chosen.output / "lecture.html").write_text(page.page(outcomes, facts), encoding="utf-8")
    report = {
        "machine": facts,
        "quick": chosen.quick,
        "statements": {
            key: {
                "statement": STATEMENTS[key].text,
                "published": STATEMENTS[key].published,
                "measured": result.measured,
                "verdict": result.verdict,
                "limits": result.limits,
                "seconds": round(seconds[key], 1),
                "numbers": result.numbers,
            }
            for key, result in results.items()
        },
    }
    (chosen.output / "lecture.json").write_text(json.dumps(rounded(report), indent=1) + "\n")
    console.print(
        f"\n{sum(seconds.values()):.0f} s. Written: {chosen.output}/lecture.html and lecture.json"
    )


def rounded(thing):
    """Floats to five digits, in whatever holds them."""
    if isinstance(thing, dict):
        return {str(key): rounded(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [rounded(value) for value in thing]
    return float(f"{thing:.5g}") if isinstance(thing, float) else thing


if __name__ == "__main__":
    main()
