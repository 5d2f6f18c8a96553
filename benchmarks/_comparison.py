"""What peers.py tells of its records: tables, the fastest of each cell, targets, a plot."""

import json

from _cells import COPY, OURS, REFERENCES
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
    name, size = record["function"] + record["operation"], LABELS[record["size"]]
    return f"{name} {record['dtype']} {size} {record['distribution']}"


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
    for _, text in lost:
        console.print(text, highlight=False)
    console.print(
        f"{len(lost)} of {sum(bool(peers_of(r)) for r in records)} cells, "
        f"{sum(ratio > 1.05 for ratio, _ in lost)} of them by more than 5 %."
    )
    console.rule("Wrong results, not timed")
    for record in records:
        for name, error in record["wrong"].items():
            console.print(f"{where(record)}: {name} gives {error}", highlight=False)
    alone = sorted(
        {r["function"] for r in records} - {r["function"] for r in records if peers_of(r)}
    )
    if alone:
        console.print(f"No peer has: {', '.join(alone)}.", highlight=False)
    busiest = max(records, key=lambda record: record["cpus"])
    console.print(
        f"CPU time of all threads over one's, at most: {busiest['cpus']:.2f} ({where(busiest)}).",
        highlight=False,
    )
    console.rule("Targets")
    for line in targets(records, tier):
        console.print(line, highlight=False, style="bold" if line.startswith("NOT") else None)


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
        verdict = "reached" if ratio <= target.ratio else "NOT reached"
        yield f"{verdict}  {target}: {ratio:.2f} ({cell}); {reached} of {len(found)} cells"


def plot(records, dtype, facts):
    """Draw for each function how many times as long as fastact everybody takes."""
    shown = [r for r in records if r["dtype"] == dtype and r["distribution"] == "ordinary"]
    size = max({r["size"] for r in shown}, key=lambda size: (size == SIZES["256 K"], -size))
    shown = [r for r in shown if r["size"] == size]
    operations = list(dict.fromkeys(r["operation"] for r in shown))
    functions = [name for name in ACTIVATIONS if any(r["function"] == name for r in shown)]
    peers = list(dict.fromkeys(name for r in shown for name in peers_of(r)))

    figure = Figure(
        figsize=(4 * len(operations) + 3, 2 + 0.3 * len(functions)), layout="constrained"
    )
    panels = figure.subplots(1, len(operations), sharex=True, sharey=True, squeeze=False)[0]
    for axes, operation in zip(panels, operations):
        axes.axvline(1, color="black")
        for i, peer in enumerate(peers):
            points = [
                (1 / r["ratio"][peer], functions.index(r["function"]))
                for r in shown
                if r["operation"] == operation and peer in r["ratio"]
            ]
            if points:
                axes.plot(*zip(*points), "os^vDP*X"[i % 8], color=f"C{i}", label=peer)
        axes.set(xscale="log", title=f"f{operation}", xlabel="times as long as fastact")
        axes.set_yticks(range(len(functions)), functions)
        axes.grid(alpha=0.3)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    figure.suptitle(f"{dtype}, {LABELS[size]} elements, one thread")
    figure.supxlabel(
        f"{facts['cpu']}, tier {facts['tier']}, fastact {facts['fastact']}, {facts['date'][:10]}",
        fontsize="small",
    )
    return figure


def write(records, facts, tier, folder):
    """Write the JSON file, a record a line, and a plot a dtype; return their paths."""
    stem = "peers" + (f"_{tier}" if tier else "")
    lines = ",\n".join(json.dumps(record) for record in records)
    head = {"machine": facts, "targets": list(targets(records, tier))}
    text = json.dumps(head, indent=1).removesuffix("\n}") + f',\n "cells": [\n{lines}\n ]\n}}\n'
    paths = [folder / f"{stem}.json"]
    paths[0].write_text(text)
    for dtype in dict.fromkeys(record["dtype"] for record in records):
        paths.append(folder / f"{stem}_{dtype}.png")
        plot(records, dtype, facts).savefig(paths[-1], dpi=120)
    return paths
