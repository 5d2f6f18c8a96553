"""What peers.py tells of its records: tables, the fastest of each cell, targets, a plot."""

import json
from statistics import median

from _cells import COPY, DTYPES, OURS, REFERENCES, RELU
from _measure import SIZES
from _targets import FASTEST, TARGETS
from matplotlib.figure import Figure
from rich.table import Table

from fastact.activations import ACTIVATIONS

LABELS = {size: label for label, size in SIZES.items()}


def peers_of(record):
    return {name: r for name, r in record["ratio"].items() if name not in REFERENCES}


def fastest(record):
    """The fastest peer's name and the ratio to it; (None, None) if there is no peer."""
    ratios = peers_of(record)
    name = max(ratios, key=ratios.get, default=None)
    return name, ratios.get(name)


def title(record):
    size, distribution = LABELS[record["size"]], record["distribution"]
    return f"{record['dtype']}: f{record['operation']}, {size} elements, {distribution}"


def where(record):
    size = LABELS[record["size"]]
    return f"{record['function']}{record['operation']} {record['dtype']} {size} {record['distribution']}"


def tell(records, allocates, tier, console):
    """Print everything."""
    console.print(
        "ns an element, in brackets fastact's time over the peer's: below 1 fastact is the faster. "
        "-: has no such function.",
        highlight=False,
    )
    for name, what in allocates.items():
        if what:
            console.print(f"{name} allocates its results: {what}.", highlight=False)
    groups = {}
    for record in records:
        groups.setdefault(title(record), []).append(record)
    for head, group in groups.items():
        console.print("", table(head, group, list(allocates)))

    console.rule("The worst ratio to the fastest peer")
    console.print(worst_ratios(records), highlight=False)
    console.rule("Where fastact is not the fastest")
    lost = sorted(losses(records), reverse=True)
    for ratio, text in lost:
        console.print(text, highlight=False)
    console.print(f"{len(lost)} of {sum(bool(peers_of(r)) for r in records)} cells.")
    console.rule("Wrong results, not timed")
    for record in records:
        for name, error in record["wrong"].items():
            console.print(f"{where(record)}: {name} gives {error}", highlight=False)
    alone = sorted({r["function"] for r in records} - {r["function"] for r in records if peers_of(r)})
    if alone:
        console.print(f"No peer has: {', '.join(alone)}.", highlight=False)
    console.rule("Targets")
    for line in targets(records, tier):
        console.print(line, highlight=False)


def table(head, records, peers):
    result = Table(title=head, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in ("function", OURS, COPY, *peers):
        result.add_column(column, justify="left" if column == "function" else "right", no_wrap=True)
    for record in records:
        ns, ratio = record["ns"], record["ratio"]
        row = [record["function"], f"[bold]{ns[OURS]:.3g}[/]", f"{ns[COPY]:.3g}"]
        for name in peers:
            if name in ns:
                mark = "[red]" if ratio[name] > 1 else ""
                row.append(f"{mark}{ns[name]:.3g} ({ratio[name]:.2f})")
            else:
                row.append("wrong" if name in record["wrong"] else "-")
        result.add_row(*row)
    return result


def worst_ratios(records):
    """The worst cell of each function."""
    result = Table("function", "ratio", "peer", "in", box=None)
    for function in dict.fromkeys(record["function"] for record in records):
        found = [
            (*fastest(record)[::-1], where(record))
            for record in records
            if record["function"] == function and peers_of(record)
        ]
        if found:
            ratio, peer, cell = max(found)
            result.add_row(function, f"{ratio:.2f}", peer, cell)
        else:
            result.add_row(function, "", "no peer", "")
    return result


def losses(records, limit=1.0):
    """The cells where the ratio to the fastest peer is beyond `limit`: pairs of ratio and text."""
    for record in records:
        peer, ratio = fastest(record)
        if ratio is not None and ratio > limit:
            ns = record["ns"]
            yield ratio, f"{ratio:.2f} {where(record)}: {ns[OURS]:.3g} ns, {peer} {ns[peer]:.3g}"


def ratio_to(record, against):
    return fastest(record)[1] if against == FASTEST else record["ratio"].get(against)


def targets(records, tier):
    """What has become of each target, in words."""
    for target in TARGETS:
        if tier not in target.tiers:
            continue
        found = [
            (ratio, where(record))
            for record in records
            if record["function"] in target.functions
            and record["operation"] == target.operation
            and record["dtype"] == target.dtype
            and LABELS[record["size"]] in target.sizes
            and record["distribution"] == "ordinary"
            and (ratio := ratio_to(record, target.against)) is not None
        ]
        if not found:
            yield f"not measured  {target}"
            continue
        ratio, cell = max(found)
        reached = sum(r <= target.ratio for r, _ in found)
        verdict = "reached" if ratio <= target.ratio else "[bold]NOT reached[/]"
        yield f"{verdict}  {target}: {ratio:.2f} ({cell}); {reached} of {len(found)} cells"


def write(records, facts, tier, folder):
    """The files: peers.json, a record a line, and peers.png."""
    name = "peers" + (f"_{tier}" if tier else "")
    lines = ",\n".join(json.dumps(record) for record in records)
    head = {"machine": facts, "targets": list(targets(records, tier))}
    text = json.dumps(head, indent=1).removesuffix("\n}") + f',\n "cells": [\n{lines}\n ]\n}}\n'
    (folder / f"{name}.json").write_text(text)
