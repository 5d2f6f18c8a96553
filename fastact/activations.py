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
class Parameter:
    """A parameter of an activation: a trailing, broadcasting input of its ufuncs."""

    name: str
    #: None if it has to be given.
    default: float | None
    summary: str
    #: A usual value of a parameter without a default.
    example: float | None = None

    @property
    def typical(self):
        """The default, or the usual value where there is none."""
        return self.example if self.default is None else self.default


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
    #: The dearest thing in the kernel: "copy", "max" (with sums and products), "div" (or a
    #: square root), "exp" or "erf".
    cost: str
    #: Promised maximal error in ulp of the value and of the derivative; 0 is exact.
    max_ulp: tuple[int, int]
    reference: str
    parameters: tuple[Parameter, ...] = ()
    #: Points where the formula has no derivative, each with the one that is returned.
    kinks: tuple[tuple[str, str], ...] = ()
    #: The parameters for which f is defined, as a condition on them; empty if for all.
    domain: str = ""
    #: Those for which the output determines the derivative, likewise; None if there is no
    #: ``backward_from_output``.
    from_output: str | None = ""
    #: Other names of the same functions.
    aliases: tuple[str, ...] = ()
    #: Whether there is ``bias_f``, for the activations that usually follow a matrix product.
    fused_bias: bool = False

    @property
    def required(self):
        """Typical values of the parameters if a call has to give them, else nothing."""
        if all(parameter.default is not None for parameter in self.parameters):
            return ()
        return tuple(parameter.typical for parameter in self.parameters)

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

    @property
    def alone(self):
        """For each output the operation that has it alone."""
        return [other for o in self.outputs for other in OPERATIONS if other.outputs == (o,)]

    def conditions(self, activation):
        """The conditions on the parameters of `activation` under which this is defined."""
        conditions = [activation.domain]
        if "y" in self.inputs:
            conditions.append(activation.from_output)
        return [condition for condition in conditions if condition]


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
            aliases=("linear",),
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
            fused_bias=True,
            reference=(
                "Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, "
                "ICML 2010."
            ),
        ),
        Activation(
            name="relu6",
            formula="min(max(x, 0), 6)",
            kinks=(("0", "0"), ("6", "0")),
            range=("0", "6"),
            saturates=(-inf, inf),
            zero_centred=False,
            cost="max",
            max_ulp=(0, 0),
            reference=(
                "Howard et al., MobileNets: efficient convolutional neural networks for mobile "
                "vision applications, arXiv 1704.04861, 2017."
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
            from_output="negative_slope >= 0",
            fused_bias=True,
            reference=(
                "Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic "
                "models, ICML 2013."
            ),
        ),
        Activation(
            name="prelu",
            formula="x if x > 0 else x * weight",
            parameters=(Parameter("weight", None, "slope for x <= 0", example=0.25),),
            kinks=(("0", "weight"),),
            range=("-inf if weight > 0 else 0", "inf"),
            saturates=(),
            zero_centred=False,
            cost="max",
            max_ulp=(0, 0),
            from_output=None,
            reference=(
                "He, Zhang, Ren and Sun, Delving deep into rectifiers: surpassing human-level "
                "performance on ImageNet classification, ICCV 2015."
            ),
        ),
        Activation(
            name="threshold",
            formula="x if x > threshold else value",
            parameters=(
                Parameter("threshold", None, "where x begins to pass", example=0.5),
                Parameter("value", None, "value where x does not pass", example=-1.0),
            ),
            kinks=(("threshold", "0"),),
            range=("min(threshold, value)", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="max",
            max_ulp=(0, 0),
            from_output=None,
            aliases=("thresholded_relu",),
            reference=(
                "Konda, Memisevic and Krueger, Zero-bias autoencoders and the benefits of "
                "co-adapting features, ICLR 2015."
            ),
        ),
        Activation(
            name="elu",
            formula="x if x > 0 else alpha * expm1(x)",
            parameters=(Parameter("alpha", 1.0, "minus the value at -inf"),),
            kinks=(("0", "alpha"),),
            range=("min(0, -alpha)", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            from_output="alpha >= 0",
            reference=(
                "Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by "
                "exponential linear units, ICLR 2016."
            ),
        ),
        Activation(
            name="selu",
            formula="1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * expm1(x))",
            kinks=(("0", "1.0507009873554805 * 1.6732632423543772"),),
            range=("-1.0507009873554805 * 1.6732632423543772", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            reference=(
                "Klambauer, Unterthiner, Mayr and Hochreiter, Self-normalizing neural networks, "
                "NeurIPS 2017."
            ),
        ),
        Activation(
            name="celu",
            formula="x if x > 0 else alpha * expm1(x / alpha)",
            parameters=(Parameter("alpha", 1.0, "minus the value at -inf"),),
            range=("-alpha", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            domain="alpha > 0",
            reference="Barron, Continuously differentiable exponential linear units, 2017.",
        ),
        Activation(
            name="sigmoid",
            formula="1 / (1 + exp(-x))",
            range=("0", "1"),
            saturates=(-inf, inf),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            aliases=("expit", "logistic"),
            fused_bias=True,
            reference=(
                "Rumelhart, Hinton and Williams, Learning representations by back-propagating "
                "errors, Nature 1986."
            ),
        ),
        Activation(
            name="log_sigmoid",
            formula="-log1p(exp(-x))",
            range=("-inf", "0"),
            saturates=(inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            aliases=("logsigmoid", "log_expit"),
            reference="The logarithm of the logistic function, as in logistic regression's loss.",
        ),
        Activation(
            name="hard_sigmoid",
            formula="min(max(x / 6 + 0.5, 0), 1)",
            kinks=(("-3", "0"), ("3", "0")),
            range=("0", "1"),
            saturates=(-inf, inf),
            zero_centred=False,
            cost="max",
            max_ulp=(2, 0),
            reference=(
                "Courbariaux, Bengio and David, BinaryConnect: training deep neural networks with "
                "binary weights, NeurIPS 2015; with the slope of MobileNetV3."
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
            fused_bias=True,
            reference="LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998.",
        ),
        Activation(
            name="lecun_tanh",
            formula="1.7159 * tanh(2 * x / 3)",
            range=("-1.7159", "1.7159"),
            saturates=(-inf, inf),
            zero_centred=True,
            cost="exp",
            max_ulp=(2, 4),
            aliases=("scaled_tanh",),
            reference="LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998.",
        ),
        Activation(
            name="hard_tanh",
            formula="min(max(x, min_val), max_val)",
            parameters=(
                Parameter("min_val", -1.0, "lower bound of the values"),
                Parameter("max_val", 1.0, "upper bound of the values"),
            ),
            kinks=(("min_val", "0"), ("max_val", "0")),
            range=("min_val", "max_val"),
            saturates=(-inf, inf),
            zero_centred=True,
            cost="max",
            max_ulp=(0, 0),
            domain="min_val < max_val",
            aliases=("hardtanh",),
            reference="Collobert, Large scale machine learning, PhD thesis, Paris VI, 2004.",
        ),
        Activation(
            name="tanh_shrink",
            formula="x - tanh(x)",
            range=("-inf", "inf"),
            saturates=(),
            zero_centred=True,
            cost="exp",
            max_ulp=(2, 4),
            from_output=None,
            aliases=("tanhshrink",),
            reference="The residual of tanh, as in sparse coding's shrinkage functions.",
        ),
        Activation(
            name="softsign",
            formula="x / (1 + abs(x))",
            range=("-1", "1"),
            saturates=(-inf, inf),
            zero_centred=True,
            cost="div",
            max_ulp=(2, 4),
            aliases=("soft_sign",),
            reference=(
                "Bergstra, Desjardins, Lamblin and Bengio, Quadratic polynomials learn better image "
                "features, 2009."
            ),
        ),
        Activation(
            name="softplus",
            formula="log1p(exp(beta * x)) / beta",
            parameters=(Parameter("beta", 1.0, "sharpness of the bend"),),
            range=("0", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            domain="beta > 0",
            reference=(
                "Dugas, Bengio, Belisle, Nadeau and Garcia, Incorporating second-order functional "
                "knowledge for better option pricing, NeurIPS 2000."
            ),
        ),
        Activation(
            name="squareplus",
            formula="(x + sqrt(x * x + b)) / 2",
            parameters=(Parameter("b", 4.0, "size of the bend"),),
            range=("0", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="div",
            max_ulp=(2, 4),
            domain="b > 0",
            from_output=None,
            reference="Barron, Squareplus: a softplus-like algebraic rectifier, 2021.",
        ),
        Activation(
            name="gelu",
            formula="x * erfc(-x / sqrt(2)) / 2",
            range=("-0.1699712074799037", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="erf",
            max_ulp=(2, 4),
            from_output=None,
            fused_bias=True,
            reference="Hendrycks and Gimpel, Gaussian error linear units, arXiv 1606.08415, 2016.",
        ),
        Activation(
            name="gelu_tanh",
            formula="x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x**3)))",
            range=("-0.1700407505712541", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            from_output=None,
            aliases=("gelu_new", "gelu_approx"),
            fused_bias=True,
            reference="Hendrycks and Gimpel, Gaussian error linear units, arXiv 1606.08415, 2016.",
        ),
        Activation(
            name="quick_gelu",
            formula="x / (1 + exp(-1.702 * x))",
            range=("-lambertw(exp(-1)) / 1.702", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            from_output=None,
            aliases=("gelu_fast_approx",),
            reference="Hendrycks and Gimpel, Gaussian error linear units, arXiv 1606.08415, 2016.",
        ),
        Activation(
            name="silu",
            formula="x / (1 + exp(-x))",
            range=("-lambertw(exp(-1))", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            from_output=None,
            fused_bias=True,
            reference=(
                "Elfwing, Uchibe and Doya, Sigmoid-weighted linear units for neural network "
                "function approximation in reinforcement learning, Neural Networks 2018."
            ),
        ),
        Activation(
            name="swish",
            formula="x / (1 + exp(-beta * x))",
            parameters=(Parameter("beta", 1.0, "sharpness of the gate"),),
            range=(
                "-lambertw(exp(-1)) / beta if beta > 0 else -inf",
                "-lambertw(exp(-1)) / beta if beta < 0 else inf",
            ),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            from_output=None,
            reference="Ramachandran, Zoph and Le, Searching for activation functions, 2017.",
        ),
        Activation(
            name="mish",
            formula="x * tanh(log1p(exp(x)))",
            range=("-0.3088434130172505", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="exp",
            max_ulp=(2, 4),
            from_output=None,
            reference="Misra, Mish: a self regularized non-monotonic activation, BMVC 2020.",
        ),
        Activation(
            name="hard_swish",
            formula="x * min(max(x + 3, 0), 6) / 6",
            kinks=(("-3", "0"), ("3", "1")),
            range=("-0.375", "inf"),
            saturates=(-inf,),
            zero_centred=False,
            cost="max",
            max_ulp=(2, 4),
            from_output=None,
            aliases=("hardswish", "hard_silu"),
            reference="Howard et al., Searching for MobileNetV3, ICCV 2019.",
        ),
        Activation(
            name="soft_shrink",
            formula="x - lambd if x > lambd else x + lambd if x < -lambd else 0",
            parameters=(Parameter("lambd", 0.5, "half the width of the zero interval"),),
            kinks=(("-lambd", "0"), ("lambd", "0")),
            range=("-inf", "inf"),
            saturates=(),
            zero_centred=True,
            cost="max",
            max_ulp=(0, 0),
            domain="lambd >= 0",
            from_output=None,
            aliases=("softshrink",),
            reference="Donoho, De-noising by soft-thresholding, IEEE Trans. Inf. Theory 1995.",
        ),
        Activation(
            name="hard_shrink",
            formula="x if abs(x) > lambd else 0",
            parameters=(Parameter("lambd", 0.5, "half the width of the zero interval"),),
            kinks=(("-lambd", "0"), ("lambd", "0")),
            range=("-inf", "inf"),
            saturates=(),
            zero_centred=True,
            cost="max",
            max_ulp=(0, 0),
            domain="lambd >= 0",
            from_output=None,
            aliases=("hardshrink",),
            reference=(
                "Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, "
                "Biometrika 1994."
            ),
        ),
    )
}


def functions():
    """Every public function: its name, its activation's row, its operation's row."""
    for activation in ACTIVATIONS.values():
        for operation in activation.operations():
            yield activation.name + operation.suffix, activation, operation


def aliases():
    """Every other name of a public function, with the name that the table has."""
    for activation in ACTIVATIONS.values():
        for alias in activation.aliases:
            for operation in activation.operations():
                yield alias + operation.suffix, activation.name + operation.suffix
