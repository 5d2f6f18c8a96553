"""The table of facts of the functions over an axis: one row per function.

As in `fastact.activations`, everything that is true of a function stands here once: backends
take names and operands from it; tests, benchmarks and docstrings iterate it.

A formula is a Python expression over the operands' rows: arithmetic, `exp`, `log` and `abs` go
element by element, `sum` and `max` over the row, and `softmax` and `log_softmax` are those of this
table. The oracle of the tests evaluates the very text that the docstrings print.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastact import _examples
from fastact.activations import ACTIVATIONS

_BRIDLE = (
    "Bridle, Training stochastic model recognition algorithms as networks can lead to maximum "
    "mutual information estimation of parameters, NIPS 1989."
)
_BLANCHARD = (
    "Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax functions, "
    "IMA Journal of Numerical Analysis 2021."
)
_DAUPHIN = "Dauphin et al., Language modeling with gated convolutional networks, ICML 2017."
_SHAZEER = "Shazeer, GLU variants improve Transformer, arXiv:2002.05202, 2020."

_UNDEFINED = "A row of only -inf, or with +inf or NaN, gives NaN, as in SciPy and PyTorch."
_EXTENDED = (
    "A row of only -inf, or of none, gives -inf; one with +inf gives +inf; one with NaN gives NaN."
)
_LOSS = (
    "The loss of a row is exact near 0 too. It is infinite where the right logit is -inf. A "
    "probability of 0 contributes 0, also where the logit is -inf. " + _UNDEFINED
)


@dataclass(frozen=True)
class RowFunction:
    """One row of the table."""

    name: str
    summary: str
    #: The operands, gradient first.
    inputs: tuple[str, ...]
    #: What is returned: an expression for each output.
    formulas: tuple[str, ...]
    #: Promised maximal error of each output in ulp of the float32 or float64 result.
    max_ulp: tuple[int, ...]
    reference: str
    #: The docstring's example: lines.
    example: tuple[str, ...]
    #: Whose ulp is promised where the formula subtracts, "" for the output's own.
    magnitudes: tuple[str, ...] = ("",)
    #: What comes of rows with infinities, NaN or nothing in them.
    special: str = ""
    #: For a gated unit the activation of its second half.
    activation: str = ""


#: The compiled functions behind those of the table and the shapes of their operands, as NumPy
#: writes the signatures of generalised ufuncs. An operand (n) is a row, () a number for each.
ROW_KERNELS = {
    "softmax": "(n)->(n)",
    "softmax_backward": "(n),(n)->(n)",
    "softmax_backward_from_output": "(n),(n)->(n)",
    "log_softmax": "(n)->(n)",
    "log_softmax_backward": "(n),(n)->(n)",
    "log_softmax_backward_from_output": "(n),(n)->(n)",
    "logsumexp": "(n)->()",
    "logsumexp_backward": "(),(n)->(n)",
    "label_entropy": "(n),()->()",
    "label_entropy_with_derivative": "(),(n),()->(),(n)",
    "entropy": "(n),(n)->()",
    "entropy_with_derivative": "(),(n),(n)->(),(n)",
}

_LOSS_FORMULA = "-sum(p * log_softmax(logits))"
_LOSS_MAGNITUDE = "sum(abs(p * log_softmax(logits)))"
_LOSS_GRADIENT = "sum(p) * softmax(logits) - p"
_LOSS_GRADIENT_MAGNITUDE = "sum(p) * softmax(logits) + p"


def _gated(name, activation, reference):
    """The rows of one gated unit."""
    example, backward_example = _examples.gated(name, ACTIVATIONS[activation])
    yield RowFunction(
        name=name,
        summary=f"the half a of the axis, gated by {activation} of the other half b",
        inputs=("x",),
        formulas=(f"a * {activation}(b)",),
        max_ulp=(1 + ACTIVATIONS[activation].max_ulp[0],),
        reference=reference,
        example=example,
        activation=activation,
    )
    yield RowFunction(
        name=name + "_backward",
        summary=f"the gradient of {name} passed back to both halves of the axis",
        inputs=("grad", "x"),
        formulas=(f"concatenate(grad * {activation}(b), grad * a * {activation}'(b))",),
        max_ulp=(2 + ACTIVATIONS[activation].max_ulp[1],),
        reference=reference,
        example=backward_example,
        activation=activation,
    )


#: The gated units: name, activation, reference.
_GATED = (
    ("glu", "sigmoid", _DAUPHIN),
    ("reglu", "relu", _SHAZEER),
    ("geglu", "gelu", _SHAZEER),
    ("swiglu", "silu", _SHAZEER),
)
_GATED = [gated for gated in _GATED if gated[1] in ACTIVATIONS]  # until all of them are there

ROW_FUNCTIONS = {
    row.name: row
    for row in (
        RowFunction(
            name="softmax",
            summary="exponentials that sum to 1",
            inputs=("x",),
            formulas=("exp(x) / sum(exp(x))",),
            max_ulp=(4,),
            special=_UNDEFINED,
            reference=_BRIDLE,
            example=(
                ">>> fastact.softmax([[1.0, 1.0], [0.0, 1000.0]])",
                "array([[0.5, 0.5],",
                "       [0. , 1. ]])",
            ),
        ),
        RowFunction(
            name="softmax_backward",
            summary="the gradient passed back through softmax, from the input",
            inputs=("grad", "x"),
            formulas=("softmax(x) * (grad - sum(grad * softmax(x)))",),
            max_ulp=(6,),
            magnitudes=("softmax(x) * (abs(grad) + sum(abs(grad) * softmax(x)))",),
            special=_UNDEFINED,
            reference=_BRIDLE,
            example=(
                ">>> fastact.softmax_backward([1.0, 0.0], [2.0, 2.0])",
                "array([ 0.25, -0.25])",
            ),
        ),
        RowFunction(
            name="softmax_backward_from_output",
            summary="the gradient passed back through softmax, from the saved output",
            inputs=("grad", "y"),
            formulas=("y * (grad - sum(grad * y))",),
            max_ulp=(3,),
            magnitudes=("abs(y) * (abs(grad) + sum(abs(grad * y)))",),
            reference=_BRIDLE,
            example=(
                ">>> fastact.softmax_backward_from_output([1.0, 0.0], [0.5, 0.5])",
                "array([ 0.25, -0.25])",
            ),
        ),
        RowFunction(
            name="log_softmax",
            summary="the logarithm of softmax, exact where softmax is 0 or 1",
            inputs=("x",),
            formulas=("x - log(sum(exp(x)))",),
            max_ulp=(4,),
            special=_UNDEFINED + " An element of -inf in a finite row gives -inf.",
            reference=_BLANCHARD,
            example=(
                ">>> fastact.log_softmax([[1.0, 1.0], [0.0, 2.0]]).round(4)",
                "array([[-0.6931, -0.6931],",
                "       [-2.1269, -0.1269]])",
            ),
        ),
        RowFunction(
            name="log_softmax_backward",
            summary="the gradient passed back through log_softmax, from the input",
            inputs=("grad", "x"),
            formulas=("grad - softmax(x) * sum(grad)",),
            max_ulp=(5,),
            magnitudes=("abs(grad) + softmax(x) * sum(abs(grad))",),
            special=_UNDEFINED,
            reference=_BLANCHARD,
            example=(
                ">>> fastact.log_softmax_backward([1.0, 0.0], [2.0, 2.0])",
                "array([ 0.5, -0.5])",
            ),
        ),
        RowFunction(
            name="log_softmax_backward_from_output",
            summary="the gradient passed back through log_softmax, from the saved output",
            inputs=("grad", "y"),
            formulas=("grad - exp(y) * sum(grad)",),
            max_ulp=(4,),
            magnitudes=("abs(grad) + exp(y) * sum(abs(grad))",),
            reference=_BLANCHARD,
            example=(
                ">>> fastact.log_softmax_backward_from_output([1.0, 0.0], np.log([0.5, 0.5])).round(4)",
                "array([ 0.5, -0.5])",
            ),
        ),
        RowFunction(
            name="logsumexp",
            summary="the logarithm of the sum of the exponentials",
            inputs=("x",),
            formulas=("log(sum(exp(x)))",),
            max_ulp=(2,),
            magnitudes=("max(abs(max(x)), abs(log(sum(exp(x)))))",),
            special=_EXTENDED,
            reference=_BLANCHARD,
            example=(
                ">>> fastact.logsumexp([[0.0, 0.0], [5.0, 5.0]]).round(4)",
                "array([0.6931, 5.6931])",
            ),
        ),
        RowFunction(
            name="logsumexp_backward",
            summary="the gradient passed back through logsumexp",
            inputs=("grad", "x"),
            formulas=("grad * softmax(x)",),
            max_ulp=(5,),
            special=_UNDEFINED,
            reference=_BLANCHARD,
            example=(
                ">>> fastact.logsumexp_backward(2.0, [1000.0, 1000.0])",
                "array([1., 1.])",
            ),
        ),
        RowFunction(
            name="softmax_cross_entropy",
            summary="the loss of logits against labels or probabilities p",
            inputs=("logits", "labels"),
            formulas=(_LOSS_FORMULA,),
            max_ulp=(4,),
            magnitudes=(_LOSS_MAGNITUDE,),
            special=_LOSS,
            reference=_BRIDLE,
            example=(
                ">>> fastact.softmax_cross_entropy([[2.0, 2.0], [0.0, 1000.0]], [0, 1]).round(4)",
                "array([0.6931, 0.    ])",
            ),
        ),
        RowFunction(
            name="softmax_cross_entropy_derivative",
            summary="the gradient of softmax_cross_entropy for the logits",
            inputs=("logits", "labels"),
            formulas=(_LOSS_GRADIENT,),
            max_ulp=(6,),
            magnitudes=(_LOSS_GRADIENT_MAGNITUDE,),
            special=_LOSS,
            reference=_BRIDLE,
            example=(
                ">>> fastact.softmax_cross_entropy_derivative([[2.0, 2.0]], [0])",
                "array([[-0.5,  0.5]])",
            ),
        ),
        RowFunction(
            name="softmax_cross_entropy_with_derivative",
            summary="softmax_cross_entropy and its gradient for the logits in one pass",
            inputs=("logits", "labels"),
            formulas=(_LOSS_FORMULA, _LOSS_GRADIENT),
            max_ulp=(4, 6),
            magnitudes=(_LOSS_MAGNITUDE, _LOSS_GRADIENT_MAGNITUDE),
            special=_LOSS,
            reference=_BRIDLE,
            example=(
                ">>> loss, slope = fastact.softmax_cross_entropy_with_derivative([[2.0, 2.0]], [0])",
                ">>> loss.round(4)",
                "array([0.6931])",
                ">>> slope",
                "array([[-0.5,  0.5]])",
            ),
        ),
        RowFunction(
            name="softmax_cross_entropy_backward",
            summary="the gradient passed back through softmax_cross_entropy to the logits",
            inputs=("grad", "logits", "labels"),
            formulas=(f"grad * ({_LOSS_GRADIENT})",),
            max_ulp=(6,),
            magnitudes=(f"abs(grad) * ({_LOSS_GRADIENT_MAGNITUDE})",),
            special=_LOSS,
            reference=_BRIDLE,
            example=(
                ">>> fastact.softmax_cross_entropy_backward([3.0], [[2.0, 2.0]], [0])",
                "array([[-1.5,  1.5]])",
            ),
        ),
        *(row for gated in _GATED for row in _gated(*gated)),
    )
}
