"""The table of facts: one row per activation, one per operation.

Everything that is true of an activation stands here once and nothing else does:
no kernels, no NumPy. Backends take names, arguments and defaults from it; tests,
benchmarks and docstrings iterate it.

Expressions (``formula``, ``kinks``, ``range``) are strings over ``x``, the row's
parameters and mpmath's functions: the oracle of the tests evaluates the very text
that the docstrings print.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high`, ends included."""

    low: float = -inf
    high: float = inf

    def __contains__(self, value):
        return self.low <= value <= self.high

    def condition(self, name):
        """The interval as a condition on `name`: ``"alpha >= 0"``."""
        if self == REALS:
            return f"any {name}"
        if self.high == inf:
            return f"{name} >= {self.low:g}"
        if self.low == -inf:
            return f"{name} <= {self.high:g}"
        return f"{self.low:g} <= {name} <= {self.high:g}"


REALS = Interval()


@dataclass(frozen=True)
class Parameter:
    """A parameter of an activation: a trailing, broadcasting input of its ufuncs."""

    name: str
    default: float
    summary: str
    domain: Interval = REALS


@dataclass(frozen=True)
class Activation:
    """One row of the table."""

    name: str
    formula: str
    #: Tightest closed interval that holds every value, as two expressions.
    range: tuple[str, str]
    #: The infinities towards which the derivative vanishes.
    saturates: tuple[float, ...]
    #: Whether the mean output is 0 for inputs symmetric about 0.
    zero_centred: bool
    #: The dearest thing in the kernel: "copy", "max" or "exp".
    cost: str
    #: Promised maximal error in ulp of the value and of the derivative; 0 is exact.
    max_ulp: tuple[int, int]
    reference: str
    parameters: tuple[Parameter, ...] = ()
    #: Points where the formula has no derivative, each with the one that is returned.
    kinks: tuple[tuple[str, str], ...] = ()
    #: For each parameter the values for which the output determines the derivative;
    #: None if it never does, and then there is no ``backward_from_output``.
    from_output: tuple[Interval, ...] | None = ()

    def operations(self):
        """The operations that this activation has."""
        return [
            operation
            for operation in OPERATIONS
            if "y" not in operation.inputs or self.from_output is not None
        ]


@dataclass(frozen=True)
class Operation:
    """What can be computed for an activation: a suffix of its name and its operands."""

    suffix: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    summary: str

    def domains(self, activation):
        """The interval that each parameter of `activation` must lie in here."""
        if "y" in self.inputs:
            return activation.from_output
        return tuple(parameter.domain for parameter in activation.parameters)


OPERATIONS = (
    Operation("", ("x",), ("f(x)",), "the activation"),
    Operation(
        "_derivative",
        ("x",),
        ("f'(x)",),
        "its derivative, exact at the tails",
    ),
    Operation(
        "_with_derivative",
        ("x",),
        ("f(x)", "f'(x)"),
        "value and derivative in one pass over memory",
    ),
    Operation(
        "_backward",
        ("grad", "x"),
        ("grad * f'(x)",),
        "the gradient passed back, from the input",
    ),
    Operation(
        "_backward_from_output",
        ("grad", "y"),
        ("grad * f'(x) where f(x) = y",),
        "the gradient passed back, from the saved output",
    ),
)

ACTIVATIONS = {
    row.name: row
    for row in (
        Activation(
            name="identity",
            formula="x",
            range=("-inf", "inf"),
            saturates=(),
            zero_centred=True,
            cost="copy",
            max_ulp=(0, 0),
            reference="The linear unit, Rosenblatt's perceptron without its threshold.",
        ),
        Activation(
            name="relu",
            formula="max(x, 0)",
            kinks=(("0", "0"),),
            range=("0", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="max",
            max_ulp=(0, 0),
            reference=(
                "Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, "
                "ICML 2010."
            ),
        ),
        Activation(
            name="leaky_relu",
            formula="x if x > 0 else negative_slope * x",
            parameters=(Parameter("negative_slope", 0.01, "slope for x <= 0"),),
            kinks=(("0", "negative_slope"),),
            range=("-inf if negative_slope > 0 else 0", "inf"),
            saturates=(),
            zero_centred=False,
            cost="max",
            max_ulp=(0, 0),
            from_output=(Interval(low=0),),
            reference=(
                "Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic "
                "models, ICML 2013."
            ),
        ),
        Activation(
            name="sigmoid",
            formula="1 / (1 + exp(-x))",
            range=("0", "1"),
            saturates=(-inf, inf),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            reference=(
                "Rumelhart, Hinton and Williams, Learning representations by back-propagating "
                "errors, Nature 1986."
            ),
        ),
        Activation(
            name="tanh",
            formula="tanh(x)",
            range=("-1", "1"),
            saturates=(-inf, inf),
            zero_centred=True,
            cost="exp",
            max_ulp=(2, 4),
            reference="LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998.",
        ),
    )
}


def functions():
    """Every public function: its name, its activation's row, its operation's row."""
    for activation in ACTIVATIONS.values():
        for operation in activation.operations():
            yield activation.name + operation.suffix, activation, operation
