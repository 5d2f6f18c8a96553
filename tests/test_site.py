"""The documentation: it builds without a warning, is whole, and needs no network to be read."""

import importlib.util
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import browser
import pytest
from test_lecture_page import luminance

from fastact.activations import ACTIVATIONS
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

ROOT = Path(__file__).parents[1]
NEEDED = "furo", "latex2mathml", "latexify", "matplotlib", "myst_parser", "numpydoc", "sphinx"
pytestmark = [
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, NEEDED)), reason="fastact[docs] is not installed"
    ),
    pytest.mark.skipif(not (ROOT / "src").exists(), reason="not a checkout"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", folder / "doctrees", ROOT / "docs", folder / "html"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Document(HTMLParser):
    """The links of a page, and the places in it that links lead to."""

    def __init__(self, file):
        super().__init__()
        self.links, self.places, self.plots = set(), set(), 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links |= {attributes.get("href"), attributes.get("src")} - {None, ""}
        self.places |= {attributes.get("id"), attributes.get("name")} - {None}
        self.plots += tag == "svg" and attributes.get("role") == "img"


def broken_links(folder):
    """The links within a site that lead nowhere."""
    pages = {file: Document(file) for file in folder.rglob("*.html")}
    for file, page in pages.items():
        for link in page.links:
            if ":" in link:
                continue  # another site's, or a mail address
            path, place = urldefrag(link)
            target = (file.parent / unquote(path)).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            path, _, _ = str(target).partition("?")  # a style's version
            if not Path(path).exists() or (
                place and Path(path) in pages and unquote(place) not in pages[Path(path)].places
            ):
                yield f"{file.relative_to(folder)}: {link}"


def test_no_link_is_broken(site):
    assert len(list(site.rglob("*.html"))) > len(ACTIVATIONS)
    assert sorted(broken_links(site)) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x"></a><a href="b.html#y"><img src="c.png">')
    (tmp_path / "b.html").write_text('<p id="x"></p>')
    assert sorted(broken_links(tmp_path)) == ["a.html: b.html#y", "a.html: c.png"]


def test_every_function_has_its_place(site):
    for row in ACTIVATIONS.values():
        page = Document(site / "catalogue" / f"{row.name}.html")
        assert page.plots == 1
        for operation in row.operations():
            names = (row.name, *row.aliases)
            assert {f"fastact.{name}{operation.suffix}" for name in names} <= page.places
    catalogue = Document(site / "catalogue" / "index.html")
    assert {f"{name}.html" for name in ACTIVATIONS} <= catalogue.links
    rows, channels = (Document(site / "api" / f"{name}.html") for name in ("rows", "channels"))
    assert {f"fastact.{name}" for name in ROW_FUNCTIONS} <= rows.places
    assert {f"fastact.{name}" for name, _, _ in channel_functions()} <= channels.places


def test_facts_and_formula(site):
    for row in ACTIVATIONS.values():
        text = unescape((site / "catalogue" / f"{row.name}.html").read_text(encoding="utf-8"))
        assert "<math" in text and "<merror" not in text and "\\" not in text.split("</math>")[0]
        assert all(parameter.summary in text for parameter in row.parameters)
        assert f"<td><p>{row.cost}: " in text


@pytest.mark.skipif(not browser.CHROMIUM, reason="no chromium is installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_quietly(site, scheme):
    """No complaint, nothing asked of the network, ink and paper apart, plots included."""
    with browser.page() as tab:
        for name in ["index", "catalogue/index", "catalogue/elu", "explanation/kernels", "search"]:
            tab.open(site / f"{name}.html", 1200, 900, scheme)
            assert tab.complaints == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= 1200
            paper = luminance(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert (paper < 0.5) == (scheme == "dark")
            for selector in "h1", "article p", "svg[role=img] text", "math":
                element = f"document.querySelector('{selector}')"
                if name == "catalogue/elu" or tab.evaluate(f"{element} != null"):
                    style = "fill" if "text" in selector else "color"
                    ink = tab.evaluate(f"getComputedStyle({element}).{style}")
                    assert abs(luminance(ink) - paper) > 0.4, (name, selector)
        assert {url.partition(":")[0] for url in tab.requests} <= {"file", "data"}
