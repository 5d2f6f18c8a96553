"""Write the README's table of speed from peers.json."""

from _cells import OURS, REFERENCES
from _measure import SIZES
from _readme import markdown, update

SHOWN = {"operation": "", "dtype": "float32", "size": SIZES["256 K"], "distribution": "ordinary"}


def table(records):
    """For each function ns an element of fastact and the peers, the fastest in bold."""
    shown = [r for r in records if all(r[name] == value for name, value in SHOWN.items())]
    told = dict.fromkeys(name for r in shown for name in (*r["ns"], *r["wrong"], *r["absent"]))
    peers = sorted(name for name in told if name not in (OURS, *REFERENCES))
    lines = []
    for record in shown:
        ns = {name: record["ns"][name] for name in (OURS, *peers) if name in record["ns"]}
        cells = {name: f"{time:.2f}" for name, time in ns.items()}
        fastest = min(ns, key=ns.get)
        cells[fastest] = f"**{cells[fastest]}**"
        cells |= dict.fromkeys(record["wrong"], "wrong")
        lines.append([f"`{record['function']}`", *(cells.get(name, "") for name in (OURS, *peers))])
    return markdown(["ns an element", OURS, *peers], lines)


if __name__ == "__main__":
    update(__doc__, "peers", "cells", table)
