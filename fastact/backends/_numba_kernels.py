"""The formulas and loops of the Numba backend; importing this imports Numba.

The formulas are jitable: user code under `numba.njit` may call them on scalars, where they
inline and vectorise.
"""

import contextlib
import platform

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic, overload, register_jitable

# Design: a formula returns (value, derivative) from shared subexpressions; an operation is
# a loop over a projection of the pair, and LLVM drops the unused half. Nothing here calls
# libm, divides with Python's check for zero or branches on data: each of these keeps a loop
# from being vectorised. Formulas and loops stay in one file because Numba's cache watches
# the file of the function that it compiles, and no other.

_HAS_FMA = platform.machine() in ("aarch64", "arm64") or bool(
    llvmlite.binding.get_host_cpu_features().get("fma")
)


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, rounded once where the hardware can."""

    def codegen(context, builder, signature, arguments):
        if _HAS_FMA:
            return builder.fma(*arguments)
        return builder.fadd(builder.fmul(*arguments[:2]), arguments[2])

    return (a(a, a, a), codegen) if a == b == c else None


@intrinsic
def fabs(typingctx, x):
    """The absolute value."""

    def codegen(context, builder, signature, arguments):
        function = builder.module.declare_intrinsic("llvm.fabs", [arguments[0].type])
        return builder.call(function, arguments)

    return x(x), codegen


@intrinsic
def copysign(typingctx, x, sign):
    """The magnitude of x with the sign of `sign`."""

    def codegen(context, builder, signature, arguments):
        kind = arguments[0].type
        function = builder.module.declare_intrinsic(
            "llvm.copysign", [kind], ir.FunctionType(kind, [kind, kind])
        )
        return builder.call(function, arguments)

    return (x(x, x), codegen) if x == sign else None


@intrinsic
def power_of_two(typingctx, x):
    """The number whose exponent field holds the lowest bits of the mantissa of x."""

    def codegen(context, builder, signature, arguments):
        integer = ir.IntType(x.bitwidth)
        bits = builder.bitcast(arguments[0], integer)
        bits = builder.shl(bits, ir.Constant(integer, 23 if x.bitwidth == 32 else 52))
        return builder.bitcast(bits, arguments[0].type)

    return x(x), codegen


def jitable(name):
    """`register_jitable` for a closure, whose `name` must be unlike any other's.

    Numba's cache keeps the symbols of a closure under its qualified name and a number that
    restarts in each process: of two kernels from the cache with equal symbols, one would
    call the other's functions.
    """

    def decorate(function):
        function.__name__ = function.__qualname__ = name
        return register_jitable(function)

    return decorate


def like(x, value):
    """The number `value` in the type of x: a literal would widen float32 to float64."""


@overload(like)
def _like(x, value):
    if x == types.float32:
        return lambda x, value: np.float32(value)
    return lambda x, value: np.float64(value)


@register_jitable
def nan_or(x, value):
    """`value`, but NaN where x is NaN."""
    return value if x == x else x


def exp_minus(x, k):
    """exp(-k |x|) = s * (1 + k h), for a constant k that is a power of two.

    The parts s and h serve exp and 1 + exp with one rounding each. With
    k |x| = n ln 2 - k r and |k r| <= ln(2) / 2, s is 2^n and k h is expm1(k r). The factor k
    stays outside h so that exp(-2|x|) costs no multiplication more than exp(-|x|).

    |x| is cut where exp(-k |x|) is below half the smallest subnormal; NaN stays NaN. n is
    rounded by adding 1.5 * 2^mantissa bits, whose low bits then hold n; a bias in that number
    keeps the exponent in range where 2^n is subnormal, and is taken out by the last factor.
    ln 2 is split so that n times its high part is exact. The polynomial is the minimax of
    (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2 with the error weighted by r^2 / exp(r).
    """


@overload(exp_minus)
def _exp_minus(x, k):
    return _EXP_MINUS.get(x)


def _make_exp_minus(real, cut, magic, unshift, ln2, polynomial):
    log2e = real(1.4426950408889634)
    cut, magic, unshift = real(cut), real(magic), real(unshift)
    ln2_high, ln2_low = real(ln2[0]), real(ln2[1])
    # The argument is -r, so every other coefficient changes sign.
    horner = _make_horner([real(c * (-1) ** i) for i, c in enumerate(polynomial)])

    def implementation(x, k):
        k = real(k)
        a = fabs(x)
        a = min(a, cut / k)
        t = fma(a, -k * log2e, magic)
        n = t - magic
        r = fma(n, ln2_high / k, a)
        r = fma(n, ln2_low / k, r)
        return power_of_two(t) * unshift, fma(r * r, horner(r, k, k), -r)

    return implementation


def _make_horner(coefficients):
    """Horner's rule, unrolled: the sum of coefficients[i] * scale * (k * r)**i."""
    first = coefficients[0]
    named = jitable(f"_horner_{first.dtype}_{len(coefficients)}")
    if len(coefficients) == 1:
        return named(lambda r, k, scale: first * scale)
    rest = _make_horner(coefficients[1:])
    return named(lambda r, k, scale: fma(rest(r, k, scale * k), r, first * scale))


_EXP_MINUS = {
    types.float32: _make_exp_minus(
        np.float32,
        cut=104,
        magic=1.5 * 2**23 + 127 + 64,
        unshift=2.0**-64,
        ln2=(0.693145751953125, 1.428606765330187e-06),
        polynomial=(4.9999994e-1, 1.6666521e-1, 4.1668389e-2, 8.3687454e-3, 1.3814540e-3),
    ),
    types.float64: _make_exp_minus(
        np.float64,
        cut=746,
        magic=1.5 * 2**52 + 1023 + 512,
        unshift=2.0**-512,
        ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
        polynomial=(
            5.0000000000000106688e-1,
            1.6666666666666411508e-1,
            4.1666666666529728134e-2,
            8.333333333494977261e-3,
            1.388888894375996401e-3,
            1.9841269505773807003e-4,
            2.480149294961707177e-5,
            2.7557586803847067016e-6,
            2.7630306255647531086e-7,
            2.5000018853084049286e-8,
        ),
    ),
}


@register_jitable
def identity_with_derivative(x):
    return x, nan_or(x, like(x, 1))


@register_jitable
def identity_derivative_from_output(y):
    return nan_or(y, like(y, 1))


@register_jitable
def relu_with_derivative(x):
    return like(x, 0) if x < 0 else x, relu_derivative_from_output(x)


@register_jitable
def relu_derivative_from_output(y):
    return nan_or(y, like(y, 1) if y > 0 else like(y, 0))


@register_jitable
def leaky_relu_with_derivative(x, negative_slope):
    # A slope of 0 is relu, at x = -inf too.
    below = negative_slope * x if negative_slope != 0 else nan_or(x, like(x, 0))
    return (
        x if x > 0 else below,
        nan_or(x, like(x, 1) if x > 0 else negative_slope),
    )


@register_jitable
def leaky_relu_derivative_from_output(y, negative_slope):
    # A negative slope makes every output positive: y does not tell the side.
    slope = nan_or(y, like(y, 1) if y > 0 else negative_slope)
    return slope if negative_slope >= 0 else like(y, np.nan)


@register_jitable
def sigmoid_with_derivative(x):
    # t = sigmoid(-|x|) = e / (1 + e), e = exp(-|x|) = s (1 + q), as s + s (q - e) / (1 + e):
    # the rounding errors of the quotient reach t scaled down, and e is never rounded.
    one = like(x, 1)
    s, q = exp_minus(x, 1)
    t = fma(s, fma(q, one - s, -s) / fma(s, q, one + s), s)
    # t (1 - t), with t the small one of the two: nothing is lost at either tail.
    return one - t if x > 0 else t, fma(-t, t, t)


@register_jitable
def sigmoid_derivative_from_output(y):
    return y * (like(y, 1) - y)


@register_jitable
def tanh_with_derivative(x):
    # tanh |x| = t = (1 - e) / (1 + e), e = exp(-2|x|) = s (1 + 2 h), each sum rounded once.
    one = like(x, 1)
    s, h = exp_minus(x, 2)
    t = fma(-(s + s), h, one - s) / fma(s + s, h, one + s)
    # 1 - t^2 = v (2 - v) with v = 1 - t, as 2 e / (1 + e) = e (1 + t) to keep the tail.
    v = fma(s + s, h, s) * (one + t)
    return copysign(t, x), fma(-v, v, v + v)


@register_jitable
def tanh_derivative_from_output(y):
    return (like(y, 1) - y) * (like(y, 1) + y)


def project(row, operation):
    """The function from an operation's inputs to the tuple of its outputs."""
    if "y" in operation.inputs:
        derivative = globals()[f"{row.name}_derivative_from_output"]
        return lambda grad, y, *p: (grad * derivative(y, *p),)
    formula = globals()[f"{row.name}_with_derivative"]
    if "grad" in operation.inputs:
        return lambda grad, x, *p: (grad * formula(x, *p)[1],)
    if len(operation.outputs) == 2:
        return lambda x, *p: formula(x, *p)
    if operation.suffix:
        return lambda x, *p: formula(x, *p)[1:]
    return lambda x, *p: formula(x, *p)[:1]


def elements(operands, i):
    """The tuple of the operands' elements i; an operand may be a scalar."""


@overload(elements)
def _elements(operands, i):
    if len(operands) == 0:
        return lambda operands, i: ()
    if isinstance(operands[0], types.Array):
        return lambda operands, i: (operands[0][i],) + elements(operands[1:], i)
    return lambda operands, i: (operands[0],) + elements(operands[1:], i)


def store(outputs, i, values):
    """Store a tuple of values as the outputs' elements i."""


@overload(store)
def _store(outputs, i, values):
    if len(outputs) == 1:

        def implementation(outputs, i, values):
            outputs[0][i] = values[0]

    else:

        def implementation(outputs, i, values):
            outputs[0][i] = values[0]
            store(outputs[1:], i, values[1:])

    return implementation


def cut(operands, start, stop):
    """The tuple of the operands' slices; a scalar stays."""


@overload(cut)
def _cut(operands, start, stop):
    if len(operands) == 0:
        return lambda operands, start, stop: ()
    if isinstance(operands[0], types.Array):
        return lambda operands, start, stop: (
            (operands[0][start:stop],) + cut(operands[1:], start, stop)
        )
    return lambda operands, start, stop: (operands[0],) + cut(operands[1:], start, stop)


def in_place(inputs, outputs):
    """Whether an output is one of the inputs."""


@overload(in_place)
def _in_place(inputs, outputs):
    if len(inputs) == 0:
        return lambda inputs, outputs: False
    if not isinstance(inputs[0], types.Array):
        return lambda inputs, outputs: in_place(inputs[1:], outputs)
    if len(outputs) == 1:
        return lambda inputs, outputs: (
            inputs[0].ctypes.data == outputs[0].ctypes.data or in_place(inputs[1:], outputs)
        )
    return lambda inputs, outputs: in_place(inputs, outputs[:1]) or in_place(inputs, outputs[1:])


def tiles(outputs):
    """A small array for each output."""


@overload(tiles)
def _tiles(outputs):
    if len(outputs) == 0:
        return lambda outputs: ()
    return lambda outputs: (np.empty(_TILE, outputs[0].dtype),) + tiles(outputs[1:])


#: Elements in a tile: it stays in the first-level cache.
_TILE = 1024


def make_loop(row, operation):
    """The compiled loop, ``loop(*inputs, *outputs)``, of a `Blockwise`."""
    name = row.name + operation.suffix
    element = jitable(f"_{name}_element")(project(row, operation))
    nin = len(operation.inputs) + len(row.parameters)

    @jitable(f"_{name}_run")
    def run(inputs, outputs):
        for i in range(len(outputs[0])):
            store(outputs, i, element(*elements(inputs, i)))

    def loop(*operands):
        inputs, outputs = operands[:nin], operands[nin:]
        if not in_place(inputs, outputs):
            run(inputs, outputs)
            return
        # LLVM vectorises for operands that do not overlap: give it some.
        parts = tiles(outputs)
        size = len(outputs[0])
        for start in range(0, size, _TILE):
            stop = min(start + _TILE, size)
            results = cut(parts, 0, stop - start)
            run(cut(inputs, start, stop), results)
            targets = cut(outputs, start, stop)
            for i in range(stop - start):
                store(targets, i, elements(results, i))

    loop.__name__ = loop.__qualname__ = f"_{name}_loop"
    loop = njit(error_model="numpy", nogil=True)(loop)
    with contextlib.suppress(RuntimeError):  # there is no directory to write to
        loop.enable_caching()
    return loop
