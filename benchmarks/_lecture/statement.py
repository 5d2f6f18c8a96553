"""What a statement is, and what its experiment returns."""

from collections.abc import Callable
from dataclasses import dataclass, field

HOLDS, LIMITED, FAILS = "holds", "holds with a limit", "does not hold"

#: The statements by number, in the order of their definition.
STATEMENTS = {}


@dataclass
class Result:
    """The outcome of an experiment."""

    #: What was measured, in words with numbers.
    measured: str
    #: Whether the numbers bear the statement out.
    holds: bool
    #: The limits that the numbers put to it, in words.
    limits: list[str]
    #: The numbers themselves, for the JSON file.
    numbers: dict
    #: Draws them into a matplotlib figure.
    draw: Callable = field(repr=False)

    @property
    def verdict(self):
        return FAILS if not self.holds else LIMITED if self.limits else HOLDS


@dataclass(frozen=True)
class Statement:
    """One statement of the lecture."""

    key: str
    text: str
    #: The number known from elsewhere, and where from.
    published: str
    #: Called with `quick`: whether to take fewer seeds and steps.
    run: Callable


def statement(key, text, published=""):
    """Enter the decorated experiment under its number."""

    def enter(run):
        STATEMENTS[key] = Statement(key, text, published, run)
        return run

    return enter


def limit(condition, sentence):
    """A list of the limit if the numbers put it, else an empty one: limits are added up."""
    return [sentence] if condition else []
