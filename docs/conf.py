"""The site: ``sphinx-build -W --keep-going -b html docs build/docs``, without a network."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT / "benchmarks")]

import fastact

project = "fastact"
author = "The fastact developers"
copyright = "The fastact developers, BSD-3-Clause"
version = release = fastact.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "catalogue",
    "mathml",
]
exclude_patterns = ["_templates"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Single backquotes are code, and a link where they name something that can be imported.
default_role = "autolink"
nitpicky = True
# NumPy's own pages are not downloaded for links to them.
nitpick_ignore_regex = [(r"py:.*", r"(numpy|np)(\..*)?")]
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_title = "fastact"
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["fastact.css"]
html_extra_path = [str(ROOT / "benchmarks" / "results" / "lecture.html")]
html_show_sourcelink = False
