"""The lecture's page in a browser: no complaint, no request, readable on a phone, in the dark."""

import re

import browser
import pytest
from _lecture import page
from _lecture.statement import STATEMENTS, Result, Statement

pytestmark = pytest.mark.skipif(not browser.CHROMIUM, reason="no chromium is installed")

FACTS = dict.fromkeys(("cpu", "fastact", "numpy", "python", "date"), "x" * 20)


def draw(figure):
    axes = figure.subplots()
    axes.semilogy([1, 2, 3], [1e-3, 1, 10], "o-", label="a < b & c")
    axes.legend()
    axes.set(title="norm", xlabel="layer")


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """A page with every statement, each with a plot."""
    result = Result("f'(x) < 1 & " + "measured " * 40, True, ["limit <b>"], {}, draw)
    outcomes = [(statement, result) for statement in STATEMENTS.values()]
    outcomes.append((Statement("L0", "a <script>alert(1)</script>", "", None), result))
    text = page.page(outcomes, FACTS)
    file = tmp_path_factory.mktemp("page") / "lecture.html"
    file.write_text(text, encoding="utf-8")
    return file, text


@pytest.fixture
def tab():
    with browser.page() as opened:
        yield opened


def test_no_complaint_and_no_request(document, tab):
    file, _ = document
    tab.open(file, 1200, 900)
    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith("data:")] == [file.as_uri()]
    assert tab.evaluate("document.querySelectorAll('figure > svg').length") == len(STATEMENTS) + 1
    assert tab.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("width", [360, 390, 1200])
def test_it_fits(document, tab, width):
    """Nothing sticks out to the side, and text is of a readable size, on a phone too."""
    tab.open(document[0], width, 800, mobile=width < 800)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("innerWidth") == width
    assert tab.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 16


def luminance(colour):
    red, green, blue = (int(number) for number in re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(document, tab, scheme):
    """Ink and paper swap, in the plots too."""
    tab.open(document[0], 1200, 900, scheme)
    paper = luminance(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    for selector in "body", ".verdict", "svg text", "svg":
        element = f"getComputedStyle(document.querySelector('{selector}'))"
        ink = luminance(tab.evaluate(f"{element}.{'fill' if 'text' in selector else 'color'}"))
        assert abs(ink - paper) > 0.4, selector
        assert (ink > paper) == (scheme == "dark"), selector


@pytest.mark.parametrize(
    "fault",
    [
        '<img src="picture.png">',
        '<script>console.error("x")</script>',
        "<script>nonsense(</script>",
        '<link rel="stylesheet" href="https://example.org/style.css">',
    ],
)
def test_a_faulty_page_is_found(document, tab, tmp_path, fault):
    """The control: the same checks on a page that does complain or ask."""
    text = re.sub(r"<meta http-equiv[^>]+>", "", document[1]).replace("</body>", fault + "</body>")
    file = tmp_path / "faulty.html"
    file.write_text(text, encoding="utf-8")
    tab.open(file, 1200, 900)
    tab.evaluate("1")
    asked = [url for url in tab.requests if not url.startswith("data:")]
    assert tab.complaints or asked != [file.as_uri()]


def test_the_policy_forbids_requests(document, tab, tmp_path):
    """Even a page with a picture in it asks for none: its own policy stops it."""
    file = tmp_path / "picture.html"
    file.write_text(document[1].replace("</body>", '<img src="https://example.org/a.png"></body>'))
    tab.open(file, 1200, 900)
    assert "https://example.org/a.png" not in tab.requests or any(
        "Content Security Policy" in complaint for complaint in tab.complaints
    )
