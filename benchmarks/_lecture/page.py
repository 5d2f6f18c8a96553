"""The page: every statement with its numbers, verdict and plot, in one file without a network."""

from html import escape

from _svg import svg

from .statement import FAILS, HOLDS, LIMITED

# Design: the plots are inline SVG in the page's colours. A Content-Security-Policy forbids every
# request, so that none can slip in.

CLASSES = {HOLDS: "holds", LIMITED: "limited", FAILS: "fails"}

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>The lecture, measured</title>
<style>
:root { --ink: #1c2024; --paper: #fff; --soft: #f3f4f6; --rule: #d5d9de;
  --holds: #17713a; --limited: #8a5a00; --fails: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --paper: #14171a; --soft: #1e2328; --rule: #3a4149;
    --holds: #5fd08a; --limited: #f0b44c; --fails: #ff8a80; } }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 0; }
a { color: inherit; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td { border-top: 1px solid var(--rule); padding: .3rem .5rem .3rem 0; vertical-align: top; }
section { border-top: 1px solid var(--rule); padding: 1.2rem 0; }
.verdict { font-weight: 600; }
.holds { color: var(--holds); } .limited { color: var(--limited); } .fails { color: var(--fails); }
.known, footer { font-size: .9rem; opacity: .8; }
figure { margin: .8rem 0 0; background: var(--soft); border-radius: .5rem; overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 30rem; height: auto; color: var(--ink); }
</style>
</head>
<body>
"""


def page(outcomes, facts):
    """The page as text.

    Parameters
    ----------
    outcomes : list of (Statement, Result)
    facts : dict
        The machine's.
    """
    parts = [HEAD, "<h1>The lecture, measured</h1>\n"]
    parts.append(
        "<p>What a lecture says of activation functions and their caveats, each statement as an "
        "experiment on scikit-learn's handwritten digits with fastact's kernels. The verdicts are "
        "drawn from the numbers.</p>\n<table>\n"
    )
    for statement, result in outcomes:
        parts.append(
            f'<tr><td><a href="#{statement.key}">{statement.key}</a></td>'
            f"<td>{escape(statement.text)}</td><td>{_verdict(result)}</td></tr>\n"
        )
    parts.append("</table>\n")
    parts += [_section(statement, result) for statement, result in outcomes]
    told = ", ".join(f"{key} {facts[key]}" for key in ("cpu", "fastact", "numpy", "python", "date"))
    parts.append(f"<footer><p>{escape(told)}</p></footer>\n</body>\n</html>\n")
    return "".join(parts)


def _verdict(result):
    return f'<span class="verdict {CLASSES[result.verdict]}">{result.verdict}</span>'


def _section(statement, result):
    known = (
        f'<p class="known">Known: {escape(statement.published)}.</p>' if statement.published else ""
    )
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in result.limits)
    return (
        f'<section id="{statement.key}">\n<h2>{statement.key}. {escape(statement.text)}</h2>\n'
        f"<p>{_verdict(result)}</p>\n<p>{escape(result.measured)}</p>\n"
        + (f"<ul>{limits}</ul>\n" if limits else "")
        + known
        + f"<figure>{svg(result.draw, statement.key, statement.text)}</figure>\n</section>\n"
    )
