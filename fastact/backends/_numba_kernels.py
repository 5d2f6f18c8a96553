"""The formulas and loops of the Numba backend; importing this imports Numba.

The formulas are jitable: user code under `numba.njit` may call them on scalars, where they
inline and vectorise.
"""

import contextlib
import functools
import platform

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic, overload, register_jitable

from fastact.elementary import Elementary

# Design: a formula returns (value, derivative) from shared subexpressions; an operation is
# a loop over a projection of the pair, and LLVM drops the unused half. Nothing here calls
# libm, divides with Python's check for zero (`divide` does not) or branches on data (`where`
# does not): each of these keeps a loop from being vectorised. A literal beside a float32
# would widen it to float64: `like`, `by_type` and `parts` give constants in the type of x.
# The primitives are intrinsics, which cost no type inference: they compile ten times as fast
# as jitable functions. Formulas and loops stay in one file because Numba's cache watches
# the file of the function that it compiles, and no other.
#
# Most algorithms are those of elementary.pxd and formulas.pxd. Where these have become faster since
# (the gates, gelu, squareplus, softplus, mish, the kin of tanh), what is here is what they were before.

_HAS_FMA = platform.machine() in ("aarch64", "arm64") or bool(
    llvmlite.binding.get_host_cpu_features().get("fma")
)


#: `register_jitable`; LLVM alone would call the larger formulas, and a loop with a call is scalar.
inlined = register_jitable(forceinline=True)


# Primitives ----------------------------------------------------------------------------------


def _multiply_add(builder, a, b, c):
    return builder.fma(a, b, c) if _HAS_FMA else builder.fadd(builder.fmul(a, b), c)


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, rounded once where the hardware can."""

    def codegen(context, builder, signature, arguments):
        return _multiply_add(builder, *arguments)

    return (a(a, a, a), codegen) if a == b == c else None


@intrinsic
def divide(typingctx, a, b):
    """a / b as IEEE has it."""

    def codegen(context, builder, signature, arguments):
        return builder.fdiv(*arguments)

    return (a(a, a), codegen) if a == b else None


def _llvm_intrinsic(name):
    """The codegen of a call of LLVM's intrinsic function of that name."""

    def codegen(context, builder, signature, arguments):
        kind = arguments[0].type
        signature = ir.FunctionType(kind, [kind] * len(arguments))
        return builder.call(builder.module.declare_intrinsic(name, [kind], signature), arguments)

    return codegen


@intrinsic
def fabs(typingctx, x):
    """The absolute value."""
    return x(x), _llvm_intrinsic("llvm.fabs")


@intrinsic
def sqrt(typingctx, x):
    """The square root, NaN for negative numbers."""
    return x(x), _llvm_intrinsic("llvm.sqrt")


@intrinsic
def copysign(typingctx, x, sign):
    """The magnitude of x with the sign of `sign`."""
    return (x(x, x), _llvm_intrinsic("llvm.copysign")) if x == sign else None


@intrinsic
def where(typingctx, condition, a, b):
    """a if the condition holds, else b: both are evaluated."""

    def codegen(context, builder, signature, arguments):
        return builder.select(*arguments)

    return (a(condition, a, a), codegen) if a == b and condition == types.boolean else None


def _real(x):
    return types.float32 if x == types.float32 else types.float64


@intrinsic
def like(typingctx, x, value):
    """`value` in the type of x."""

    def codegen(context, builder, signature, arguments):
        return context.cast(builder, arguments[1], value, signature.return_type)

    return _real(x)(x, value), codegen


@intrinsic
def by_type(typingctx, x, value32, value64):
    """`value32` where x is a float32, else `value64`, in the type of x."""

    def codegen(context, builder, signature, arguments):
        i = 1 if x == types.float32 else 2
        return context.cast(builder, arguments[i], signature.args[i], signature.return_type)

    return _real(x)(x, value32, value64), codegen


@intrinsic
def parts(typingctx, x, value, rest):
    """`value` as a sum of two of the type of x; `rest` is what float64 cannot hold of it."""
    kind = _real(x)

    def codegen(context, builder, signature, arguments):
        high, low = arguments[1:]
        if kind == types.float32:
            whole, high = high, builder.fptrunc(high, ir.FloatType())
            low = builder.fsub(whole, builder.fpext(high, ir.DoubleType()))
            low = builder.fptrunc(low, ir.FloatType())
        return context.make_tuple(builder, signature.return_type, [high, low])

    return types.UniTuple(kind, 2)(x, types.float64, types.float64), codegen


def _shifted(builder, integer, kind):
    """The number whose exponent field holds the lowest bits of an integer."""
    mantissa = 23 if integer.type.width == 32 else 52
    return builder.bitcast(builder.shl(integer, ir.Constant(integer.type, mantissa)), kind)


@intrinsic
def power_of_two(typingctx, x):
    """The number whose exponent field holds the lowest bits of the mantissa of x."""

    def codegen(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(x.bitwidth))
        return _shifted(builder, bits, arguments[0].type)

    return x(x), codegen


@intrinsic
def powers_of_two(typingctx, x, origin):
    """Two numbers whose exponent fields add up to the count of ulp from `origin` to x."""

    def codegen(context, builder, signature, arguments):
        integer, kind = ir.IntType(x.bitwidth), arguments[0].type
        count = builder.sub(*(builder.bitcast(argument, integer) for argument in arguments))
        half = builder.lshr(count, ir.Constant(integer, 1))
        rest = builder.sub(count, half)
        powers = [_shifted(builder, half, kind), _shifted(builder, rest, kind)]
        return context.make_tuple(builder, signature.return_type, powers)

    return (types.UniTuple(x, 2)(x, x), codegen) if x == origin else None


@intrinsic
def binade(typingctx, x):
    """(m, n, 2^-n) with x = 2^n m and m from sqrt(1/2) to sqrt(2), for normal numbers x > 0."""

    def codegen(context, builder, signature, arguments):
        integer, kind = ir.IntType(x.bitwidth), arguments[0].type
        mantissa, bias = (23, 127) if x.bitwidth == 32 else (52, 1023)
        above = ir.Constant(
            integer, int((2 - 2**0.5) * 2**mantissa)
        )  # from sqrt(2) on n is one more
        shift, bias = ir.Constant(integer, mantissa), ir.Constant(integer, bias)
        bits = builder.bitcast(arguments[0], integer)
        n = builder.sub(builder.lshr(builder.add(bits, above), shift), bias)
        m = builder.bitcast(builder.sub(bits, builder.shl(n, shift)), kind)
        inverse = _shifted(builder, builder.sub(bias, n), kind)
        values = [m, builder.sitofp(n, kind), inverse]
        return context.make_tuple(builder, signature.return_type, values)

    return types.UniTuple(x, 3)(x), codegen


def polynomial(float32, float64):
    """The function of x, k and scale that is the sum of scale * coefficients[i] * (k * x)**i.

    k and the scale, constants that are powers of two, only scale the coefficients. These are
    what src/coefficients.py prints, constant first.
    """

    @intrinsic
    def evaluate(typingctx, x, k, scale):
        coefficients = {types.float32: float32, types.float64: float64}[x]

        def codegen(context, builder, signature, arguments):
            x, k, scale = arguments
            scaled = []
            for coefficient in coefficients:
                scaled.append(builder.fmul(ir.Constant(x.type, coefficient), scale))
                scale = builder.fmul(scale, k)
            result = scaled.pop()
            while scaled:
                result = _multiply_add(builder, result, x, scaled.pop())
            return result

        return (x(x, x, x), codegen) if x == k == scale else None

    return evaluate


@inlined
def nan_or(x, value):
    """`value`, but NaN where x is NaN."""
    return where(x == x, value, x)


@inlined
def at_most(x, bound):
    """x, but `bound` where x is above; NaN stays."""
    return where(bound < x, bound, x)


_LARGEST = float(np.finfo(np.float32).max), float(np.finfo(np.float64).max)


@inlined
def finite(x):
    """x, or the largest number where x is infinite; for x >= 0."""
    return at_most(x, by_type(x, _LARGEST[0], _LARGEST[1]))


@inlined
def if_defined(condition, y):
    """y where the condition on the parameters holds, else NaN."""
    return where(condition, y, like(y, np.nan))


# Numbers in two parts ------------------------------------------------------------------------

if _HAS_FMA:

    @inlined
    def two_product(a, b):
        """a * b as a sum of two, exactly."""
        high = a * b
        return high, fma(a, b, -high)

else:

    @inlined
    def two_product(a, b):
        """a * b as a sum of two, exactly; |a|, |b| below 2^100 or so."""
        # Dekker: products of halves are exact.
        high, a1, b1 = a * b, head(a), head(b)
        a2, b2 = a - a1, b - b1
        return high, a2 * b2 + (a2 * b1 + (a1 * b2 + (a1 * b1 - high)))


@inlined
def head(x):
    """The upper half of the bits of x (Veltkamp)."""
    c = by_type(x, 4097, 134217729) * x
    return c - (c - x)


@inlined
def two_sum(large, small):
    """large + small as a sum of two, exactly where |large| >= |small|."""
    high = large + small
    return high, (large - high) + small


@inlined
def sum_of(a, b):
    """a + b as a sum of two, exactly; either may be the larger."""
    high = a + b
    rest = high - a
    return high, (a - (high - rest)) + (b - rest)


@inlined
def quotient(n, n_low, d, d_low, inverse):
    """(n + n_low) / (d + d_low) to nearly twice the precision; inverse is 1 / d."""
    high = n * inverse
    product, rest = two_product(high, d)
    return high, (((n - product) - rest) + (n_low - high * d_low)) * inverse


# Elementary functions ------------------------------------------------------------------------

# (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2: src/coefficients.py, "exp".
_exp_tail = polynomial(
    float32=(4.9999994e-1, 1.6666521e-1, 4.1668389e-2, 8.3687454e-3, 1.3814540e-3),
    float64=(
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
)

# (atanh(z) - z) / z^3 as a function of z^2, for |z| <= 1/3: src/coefficients.py, "atanh".
_atanh_tail = polynomial(
    float32=(0.333332065, 0.200108528, 0.139995127, 0.140125342),
    float64=(
        0.33333333333333151766,
        0.20000000000078676052,
        0.14285714273919517472,
        0.11111111985355523951,
        0.090908719442768262203,
        0.076932803672539266314,
        0.066504812413901613389,
        0.060530887175637681822,
        0.041698446251712432874,
        0.085096819238514074179,
    ),
)

# (x - tanh(x)) / x^3 less 1/3, over x^2, as a function of x^2 <= 1: src/coefficients.py, "tanh".
_tanh_tail = polynomial(
    float32=(
        -0.133333107,
        0.053963421,
        -0.0218295855,
        0.00869795099,
        -0.00320695358,
        0.000923609206,
        -0.00014282394,
    ),
    float64=(
        -0.13333333333333090569,
        5.3968253968046740857e-2,
        -2.1869488529139738874e-2,
        8.8632354047411413927e-3,
        -3.5921266808673743778e-3,
        1.4558247011305004934e-3,
        -5.8997933192145352631e-4,
        2.3895716105748322077e-4,
        -9.6463005172115849377e-5,
        3.838995147853161196e-5,
        -1.4606501923747837011e-5,
        4.9880382405912627245e-6,
        -1.3793194780109670273e-6,
        2.6334848125504449931e-7,
        -2.5160441116866362307e-8,
    ),
)

# erf(x) / x less 1 as a function of x^2 <= 0.75^2: src/coefficients.py, "erf".
_erf_tail = polynomial(
    float32=(
        0.128379165,
        -0.376126188,
        0.112833766,
        -0.0268346244,
        0.00511434508,
        -0.000674950962,
    ),
    float64=(
        0.12837916709551257389,
        -0.37612638903183751982,
        0.11283791670955085332,
        -0.026866170645117931632,
        0.0052239776252149450987,
        -0.00085483270005384465560,
        0.00012055331514559946160,
        -0.000014925588367953640176,
        0.0000016460361629383604612,
        -1.6332944560227330873e-7,
        1.4411754782857380521e-8,
        -9.4959947584661260592e-10,
    ),
)

# The polynomial of `mills_ratio` less its first two coefficients: src/coefficients.py, "mills".
_mills_tail = polynomial(
    float32=(
        0.2300177,
        -0.0472626878,
        -0.0104625169,
        0.00696930638,
        0.00102477005,
        -0.001032547,
        -0.000244743062,
        0.000131289446,
        5.44708928e-5,
    ),
    float64=(
        0.38713740074221483255,
        -0.18652185795965858286,
        0.060396574890920135113,
        -0.0075401889666847180704,
        -0.0034796923670308845381,
        0.0016308184570007868898,
        0.00013334430827664007536,
        -0.00023109493085590166572,
        -1.9082308191900402485e-6,
        0.000035144668435481277426,
        7.1655011730299868231e-7,
        -5.9201352263128707271e-6,
        -6.2938094027008406289e-7,
        1.0215278433434980458e-6,
        2.7125047977454089674e-7,
        -1.5502887857318828184e-7,
        -8.4801198384484693887e-8,
        1.3449774056446929701e-8,
        1.924175692981591539e-8,
        1.7622886832713808429e-9,
        -2.4201601727636448547e-9,
        -6.727779589825011836e-10,
    ),
)


@inlined
def _reduced(a, k, magic):
    """t = magic + n, to which n is rounded, and the two steps to r: k r = n ln 2 - k a.

    ln 2 is split so that n times its high part is exact.
    """
    t = fma(a, -k * like(a, 1.4426950408889634), magic)
    n = t - magic
    high = by_type(a, 0.693145751953125, 6.93147180369123816490e-01)
    low = by_type(a, 1.428606765330187e-06, 1.90821492927058770002e-10)
    return t, fma(n, divide(high, k), a), n, divide(low, k)


@inlined
def exp_minus(x, k):
    """The parts s and h of `exp_minus_exactly`, without what rounding h cost."""
    s, h, _ = exp_minus_exactly(x, k)
    return s, h


@inlined
def exp_minus_exactly(x, k):
    """exp(-k |x|) = s * (1 + k (h + h_low)), for a constant k that is a power of two.

    The parts s and h serve exp, expm1 and 1 + exp with one rounding each. With
    k |x| = n ln 2 - k r and |k r| <= ln(2) / 2, s is 2^n and k h is expm1(k r). The factor k
    stays outside h so that exp(-2|x|) costs no multiplication more than exp(-|x|).

    |x| is cut where exp(-k |x|) is below half the smallest subnormal; NaN stays NaN. n is
    rounded by adding 1.5 * 2^mantissa bits, whose low bits then hold n; a bias in that number
    keeps the exponent in range where 2^n is subnormal, and is taken out by the last factor.
    """
    k = like(x, k)
    magic = by_type(x, 1.5 * 2**23 + 127 + 64, 1.5 * 2**52 + 1023 + 512)
    t, r, n, ln2_low = _reduced(at_most(fabs(x), divide(by_type(x, 104, 746), k)), k, magic)
    r = fma(n, ln2_low, r)
    s = power_of_two(t) * by_type(x, 2.0**-64, 2.0**-512)
    tail = _exp_tail(r, -k, k)
    h = fma(r * r, tail, -r)
    return s, h, fma(r * r, tail, -r - h)


@inlined
def exp_minus_parts(a, a_low):
    """exp(-(a + a_low)) = s * s2 * (1 + h + h_low), for a >= 0.

    As exp_minus, for an argument in two parts. Each of s and s2 is about 2^(n/2) and a normal
    number: a large factor times one of them neither over- nor underflows where the whole
    product does not. The result is 0 from where it is some 2^-245 (float32) or 2^-2019.
    """
    zero, one, cut = like(a, 0), like(a, 1), by_type(a, 170, 1400)
    vanished = a > cut
    origin = by_type(a, 1.5 * 2**23, 1.5 * 2**52)
    t, r, n, ln2_low = _reduced(
        where(vanished, cut, a), one, origin + by_type(a, 2 * 127, 2 * 1023)
    )
    s, s2 = powers_of_two(t, origin)
    r, low = two_sum(r, fma(n, ln2_low, where(vanished, zero, a_low)))
    h, h_low = two_sum(-r, fma(r * r, _exp_tail(r, -one, one), fma(low, r, -low)))
    return where(vanished, zero, s), s2, h, h_low


@inlined
def log1p_exp_minus(s, h, h_low):
    """log1p(e) in two parts for e = s (1 + h + h_low) <= 1, the parts of exp_minus.

    With z = e / (2 + e), log1p(e) = 2 atanh(z) = e - z (e - 2 z^2 p(z^2)): the quotient's
    rounding errors are those of a correction, and e is never rounded.
    """
    one, two = like(s, 1), like(s, 2)
    e = fma(s, h, s)
    z = divide(e, fma(s, h, two + s))
    # e up to 1 and log1p(e) - e down to -0.31: the first is the larger.
    y, low = two_sum(s, fma(-z, fma(-z * z, _atanh_tail(z * z, one, two), e), s * h))
    return y, fma(s, h_low, low)


@inlined
def minus_expm1(y):
    """1 - exp(y) for y <= 0."""
    s, q = exp_minus(y, 1)
    return nan_or(y, fma(-s, q, like(y, 1) - s))


@inlined
def one_plus_exp(s, h, h_low):
    """1 + s (1 + h + h_low) in two parts, for s <= 1 and |h| <= 1/2."""
    d, low = two_sum(like(s, 1), s)
    d, d_low = two_sum(d, s * h)
    return d, fma(s, h_low, d_low + low)


@inlined
def tanh_parts(s, h, h_low):
    """tanh(a) in two parts from exp(-2a) = s (1 + h + h_low)."""
    n, n_low = one_plus_exp(-s, h, h_low)
    d, d_low = one_plus_exp(s, h, h_low)
    return quotient(n, n_low, d, d_low, divide(like(s, 1), d))


@inlined
def mills_ratio(a):
    """exp(a^2 / 2) Q(a) in two parts, for a >= 0; Q is the normal distribution's upper tail.

    (a + k) times that is a polynomial in q = (a - k) / (a + k) = 1 - 2 k / (a + k): one
    division.
    """
    one, k = like(a, 1), by_type(a, 3, 4)
    c0 = by_type(a, 0.72908369037262590939, 0.75528513041575149241)
    c0_low = by_type(a, -2.6496728338654925e-8, -2.3130269014548347e-17)
    c1 = by_type(a, -0.50933199140896093216, -0.60789664197189209542)
    c1_low = by_type(a, 9.8002981010398021e-9, -1.3254612155494847e-17)
    d, d_low = sum_of(a, k)
    inverse = divide(one, d)
    product, low = two_product(inverse, d)
    inverse_low = (((one - product) - low) - inverse * d_low) * inverse
    product, low = two_product(k + k, inverse)
    q = one - product
    q_low = ((one - q) - product) - fma(k + k, inverse_low, low)
    p = _mills_tail(q, one, one)
    # The last two steps in two parts, for they are all but the whole.
    p1 = fma(p, q, c1)
    p_low = fma(fma(p, q, c1 - p1) + c1_low, q, c0_low)
    p_low = fma(fma(p, q, p1), q_low, p_low)
    product, low = two_product(p1, q)
    p, c0_low = sum_of(c0, product)
    p_low = (p_low + low) + c0_low
    m, m_low = two_product(p, inverse)
    return m, m_low + fma(p, inverse_low, p_low * inverse)


# What fastact.elementary offers ----------------------------------------------------------------


@inlined
def _exp_parts(x):
    """exp(x) = s * s2 * (1 + h), for x of either sign; s and s2 are about 2^(n/2) and normal."""
    one, low, high = like(x, 1), by_type(x, -104, -746), by_type(x, 89, 710)
    origin = by_type(x, 1.5 * 2**23, 1.5 * 2**52)
    x = where(x < low, low, at_most(x, high))
    t, r, n, ln2_low = _reduced(-x, one, origin + by_type(x, 2 * 127, 2 * 1023))
    s, s2 = powers_of_two(t, origin)
    r = fma(n, ln2_low, r)
    return s, s2, fma(r * r, _exp_tail(r, -one, one), -r)


@inlined
def exp(x):
    s, s2, h = _exp_parts(x)
    return nan_or(x, fma(s, h, s) * s2)


@inlined
def expm1(x):
    s, s2, h = _exp_parts(x)
    scale = s * s2
    y = fma(scale, h, scale - like(x, 1))
    y = where(x > like(x, 40), fma(s, h, s) * s2, y)
    return nan_or(x, copysign(y, x))


@inlined
def log1p(x):
    # 1 + x = 2^n (1 + f), where f takes up what rounding 1 + x cost; log1p(f) = 2 atanh(z).
    one, two = like(x, 1), like(x, 2)
    u, u_low = sum_of(one, finite(x))
    m, n, scale = binade(u)
    f = (m - one) + where(x < like(x, 1e30), u_low * scale, like(x, 0))
    z = divide(f, two + f)
    y = f - z * fma(-z * z, _atanh_tail(z * z, one, two), f)
    high = by_type(x, 0.693145751953125, 6.93147180369123816490e-01)
    y = fma(n, high, fma(n, by_type(x, 1.428606765330187e-06, 1.90821492927058770002e-10), y))
    y = where(x > -one, y, where(x == -one, like(x, -np.inf), like(x, np.nan)))
    return nan_or(x, where(x < like(x, np.inf), copysign(y, x), x))


@inlined
def erf(x):
    # x + x P(x^2) up to 0.75; beyond, 1 less twice the normal distribution's upper tail.
    one, a = like(x, 1), at_most(fabs(x), like(x, 8))
    s, h = exp_minus(a * a, 1)
    m, _ = mills_ratio(a * like(x, 1.4142135623730951))
    y = fma(-fma(s, h, s), m + m, one)
    y = where(a > like(x, 0.75), y, fma(a, _erf_tail(a * a, one, one), a))
    return copysign(y, x)


# Formulas ------------------------------------------------------------------------------------


@inlined
def identity_with_derivative(x):
    return x, nan_or(x, like(x, 1))


@inlined
def identity_derivative_from_output(y):
    return nan_or(y, like(y, 1))


@inlined
def relu_with_derivative(x):
    return where(x < 0, like(x, 0), x), relu_derivative_from_output(x)


@inlined
def relu_derivative_from_output(y):
    return nan_or(y, where(y > 0, like(y, 1), like(y, 0)))


@inlined
def relu6_with_derivative(x):
    y = where(x < 0, like(x, 0), at_most(x, like(x, 6)))
    return y, relu6_derivative_from_output(x)


@inlined
def relu6_derivative_from_output(y):
    return nan_or(y, where((y > 0) & (y < 6), like(y, 1), like(y, 0)))


@inlined
def leaky_relu_with_derivative(x, negative_slope):
    # A slope of 0 is relu, at x = -inf too.
    below = where(negative_slope != 0, negative_slope * x, nan_or(x, like(x, 0)))
    return where(x > 0, x, below), nan_or(x, where(x > 0, like(x, 1), negative_slope))


@inlined
def leaky_relu_derivative_from_output(y, negative_slope):
    # A negative slope makes every output positive: y does not tell the side.
    slope = nan_or(y, where(y > 0, like(y, 1), negative_slope))
    return if_defined(negative_slope >= 0, slope)


prelu_with_derivative = leaky_relu_with_derivative


@inlined
def threshold_with_derivative(x, threshold, value):
    # A threshold of NaN gives NaN.
    below = x <= threshold
    y = where(x > threshold, x, where(below, value, x + threshold))
    return y, where(x > threshold, like(x, 1), where(below, like(x, 0), x + threshold))


@inlined
def elu_with_derivative(x, alpha):
    one = like(x, 1)
    s, q = exp_minus(x, 1)
    y = where(x > 0, x, alpha * copysign(fma(s, q, s - one), x))
    return y, nan_or(x, where(x > 0, one, alpha * fma(s, q, s)))


@inlined
def elu_derivative_from_output(y, alpha):
    return if_defined(alpha >= 0, nan_or(y, where(y > 0, like(y, 1), y + alpha)))


@inlined
def selu_with_derivative(x):
    scale, one = like(x, 1.0507009873554805), like(x, 1)
    scaled_alpha, rest = parts(x, 1.7580993408473766, 5.75014648756476e-17)
    s, q, q_low = exp_minus_exactly(x, 1)
    e = fma(s, q, s - one)
    # What rounding the constant, q and e cost: float64 is 2.07 ulp off at -0.07 without it.
    low = fma(s, q, (s - one) - e) + s * q_low
    below = fma(scaled_alpha, e, fma(scaled_alpha, low, rest * e))
    y = where(x > 0, scale * x, copysign(below, x))
    return y, nan_or(x, where(x > 0, scale, scaled_alpha * fma(s, q, s)))


@inlined
def selu_derivative_from_output(y):
    # y is near -scaled_alpha far out, where the second part is what is left.
    scaled_alpha, rest = parts(y, 1.7580993408473766, 5.75014648756476e-17)
    return nan_or(y, where(y > 0, like(y, 1.0507009873554805), (y + scaled_alpha) + rest))


@inlined
def celu_with_derivative(x, alpha):
    # x / alpha as a sum: one rounding of it is as many ulp of exp(x / alpha) as its size. Below
    # `tiny`, where that may underflow, the value is x.
    one, a = like(x, 1), fabs(x)
    z = divide(a, alpha)
    product, rest = two_product(z, alpha)
    s, s2, h, _ = exp_minus_parts(z, divide((a - product) - rest, alpha))
    s = s * s2
    tiny = z < by_type(x, 1e-10, 1e-20)
    y = where((x > 0) | tiny, x, alpha * fma(s, h, s - one))
    dy = nan_or(x, where(x > 0, one, fma(s, h, s)))
    return if_defined(alpha > 0, y), if_defined(alpha > 0, dy)


@inlined
def celu_derivative_from_output(y, alpha):
    slope = nan_or(y, where(y > 0, like(y, 1), divide(y + alpha, alpha)))
    return if_defined(alpha > 0, slope)


@inlined
def lower_sigmoid(s, h):
    """t = e / (1 + e) for e = s (1 + h), as s + s (h - e) / (1 + e).

    The rounding errors of the quotient reach t scaled down, and e is never rounded.
    """
    one = like(s, 1)
    return fma(s, divide(fma(h, one - s, -s), fma(s, h, one + s)), s)


@inlined
def sigmoid_with_derivative(x):
    t = lower_sigmoid(*exp_minus(x, 1))
    # t (1 - t), with t the small one of the two: nothing is lost at either tail.
    return where(x > 0, like(x, 1) - t, t), fma(-t, t, t)


@inlined
def sigmoid_derivative_from_output(y):
    return y * (like(y, 1) - y)


@inlined
def log_sigmoid_with_derivative(x):
    s, h = exp_minus(x, 1)
    zero = like(x, 0)
    high, low = log1p_exp_minus(s, h, zero)
    y = (where(x < 0, x, zero) - low) - high
    t = lower_sigmoid(s, h)
    return y, where(x < 0, like(x, 1) - t, t)


@inlined
def log_sigmoid_derivative_from_output(y):
    return minus_expm1(y)


@inlined
def hard_sigmoid_with_derivative(x):
    sixth = like(x, 1 / 6)
    y = where(x > 3, like(x, 1), (x + like(x, 3)) * sixth)
    slope = where((x > -3) & (x < 3), sixth, like(x, 0))
    return where(x < -3, like(x, 0), y), nan_or(x, slope)


@inlined
def hard_sigmoid_derivative_from_output(y):
    return nan_or(y, where((y > 0) & (y < 1), like(y, 1 / 6), like(y, 0)))


@inlined
def tanh_with_derivative(x):
    # tanh |x| = t = (1 - e) / (1 + e), e = exp(-2|x|) = s (1 + 2 h), each sum rounded once.
    one = like(x, 1)
    s, h, h_low = exp_minus_exactly(x, 2)
    n = fma(-(s + s), h, one - s)
    d = fma(s + s, h, one + s)
    t = divide(n, d)
    # What rounding n, d and h cost, with 1 / d to a tenth: 2.04 ulp of float64 without it at 0.125.
    lost = fma(t, fma(s + s, h, (one + s) - d), (s + s) * h_low * (one + t))
    lost = lost - fma(-(s + s), h, (one - s) - n)
    t = by_type(x, t, fma(-lost, fma(like(x, -0.5), d, like(x, 1.457)), t))
    # 1 - t^2 = v (2 - v) with v = 1 - t, as 2 e / (1 + e) = e (1 + t) to keep the tail.
    v = fma(s + s, h, s) * (one + t)
    return copysign(t, x), fma(-v, v, v + v)


@inlined
def tanh_derivative_from_output(y):
    return (like(y, 1) - y) * (like(y, 1) + y)


@inlined
def lecun_tanh_with_derivative(x):
    # exp(-4/3 |x|) and the constants in two parts: the tail of the derivative needs them.
    one, a = like(x, 1), fabs(x)
    four_thirds, four_thirds_low = parts(x, 1.3333333333333333, 7.401486830834377e-17)
    height, height_low = parts(x, 1.7159, 0.0)
    # 4 (2/3) 1.7159
    slope, slope_low = parts(x, 4.575733333333333, 2.9605947323337508e-16)
    z, z_low = two_product(a, four_thirds)
    s, s2, h, h_low = exp_minus_parts(z, fma(a, four_thirds_low, z_low))
    s = s * s2
    t, t_low = tanh_parts(s, h, h_low)
    t = fma(height, t, fma(height, t_low, height_low * t))
    # Where the low parts underflow tanh is its argument.
    t = where(a < like(x, 1e-20), a * like(x, 1.1439333333333332), t)
    # The derivative is slope e / (1 + e)^2.
    d, d_low = one_plus_exp(s, h, like(x, 0))
    square, square_low = two_product(d, d)
    n, n_low = two_sum(one, h)
    square_low = fma(d + d, d_low, square_low)
    q, q_low = quotient(n, n_low, square, square_low, divide(one, square))
    return copysign(t, x), s * fma(slope, q, fma(slope, q_low, slope_low * q))


@inlined
def lecun_tanh_derivative_from_output(y):
    # (2/3) (height - y) (height + y) / height, with the height in two parts.
    height, height_low = parts(y, 1.7159, 0.0)
    rest = (height - fabs(y)) + height_low
    # The float nearest to the height may be above it.
    rest = where(rest < 0, like(y, 0), rest)
    return like(y, 0.3885230297025856) * (rest * ((height + fabs(y)) + height_low))


@inlined
def hard_tanh_with_derivative(x, min_val, max_val):
    y = where(x < min_val, min_val, at_most(x, max_val))
    return if_defined(min_val < max_val, y), hard_tanh_derivative_from_output(x, min_val, max_val)


@inlined
def hard_tanh_derivative_from_output(y, min_val, max_val):
    slope = nan_or(y, where((y > min_val) & (y < max_val), like(y, 1), like(y, 0)))
    return if_defined(min_val < max_val, slope)


@inlined
def tanh_shrink_with_derivative(x):
    # x^3 (1/3 + ...) up to 0.75; beyond, the difference, with tanh in two parts.
    zero, one, a = like(x, 0), like(x, 1), fabs(x)
    s, s2, h, h_low = exp_minus_parts(a + a, zero)
    t, t_low = tanh_parts(s * s2, h, h_low)
    third, third_low = parts(x, 0.3333333333333333, 1.850371707708594e-17)
    b = at_most(a, one)
    x2, x2_low = two_product(b, b)
    x3, x3_low = two_product(b, x2)
    x3_low = fma(b, x2_low, x3_low)
    tail = _tanh_tail(x2, one, one)
    p = fma(x2, tail, third)
    p_low = fma(x2, tail, third - p) + third_low
    y = where(a > 0.75, (a - t) - t_low, fma(x3, p, fma(x3, p_low, x3_low * p)))
    return copysign(y, x), fma(t, t, (t + t) * t_low)


@inlined
def softsign_with_derivative(x):
    # From the bound on y rounds to 1 and the derivative to 0; infinity would give NaN.
    one = like(x, 1)
    a = at_most(fabs(x), by_type(x, 1e30, 1e200))
    d = divide(one, one + a)
    return copysign(divide(a, one + a), x), d * d


@inlined
def softsign_derivative_from_output(y):
    rest = like(y, 1) - fabs(y)
    return rest * rest


@inlined
def softplus_with_derivative(x, beta):
    # log1p(exp(-|z|)) / beta is the part that underflows: where it is about exp(-|z|) / beta,
    # below `tiny`, the factor that takes it to the subnormals comes last.
    zero, one = like(x, 0), like(x, 1)
    z, z_low = two_product(x, beta)
    s1, s2, h, h_low = exp_minus_parts(fabs(z), where(z > 0, z_low, -z_low))
    s = s1 * s2
    tiny = s < by_type(x, 1e-10, 1e-20)
    t, t_low = log1p_exp_minus(s, h, h_low)
    t, t_low = where(tiny, fma(s1, h, s1), t), where(tiny, zero, t_low)
    t, t_low = quotient(t, t_low, beta, zero, divide(one, beta))
    s2 = where(tiny, s2, one)
    y = fma(t, s2, fma(t_low, s2, where(x > 0, x, zero)))
    t = lower_sigmoid(s, h)
    dy = where(z > 0, one - t, t)
    return if_defined(beta > 0, y), if_defined(beta > 0, dy)


@inlined
def softplus_derivative_from_output(y, beta):
    return if_defined(beta > 0, minus_expm1(-beta * y))


@inlined
def squareplus_with_derivative(x, b):
    # Below 0 the sum cancels: there y is b / 4 over what it is above. The derivative is y over
    # the root. x is scaled where its square overflows, and b with it.
    zero, one, half, a = like(x, 0), like(x, 1), like(x, 0.5), fabs(x)
    large = a > by_type(x, 1.1e12, 1e150)
    scale = where(large, by_type(x, 2.0**-66, 2.0**-600), one)
    unscale = where(large, by_type(x, 2.0**66, 2.0**600), one)
    a = finite(a)
    square, square_low = two_product(a * scale, a * scale)
    t, low = sum_of(square, b * scale * scale)
    root = sqrt(t)
    inverse = divide(one, root)
    square, rest = two_product(root, root)
    root_low = (((t - square) - rest) + (low + square_low)) * inverse * half
    root, root_low = root * unscale, root_low * unscale
    above, above_low = sum_of(fabs(x) * half, root * half)
    above_low = above_low + root_low * half
    quarter = b * like(x, 0.25)
    t, t_low = quotient(quarter, zero, above, above_low, divide(one, above))
    t = where(x > 0, above, where(large, divide(quarter, above), t))
    t_low = where(x > 0, above_low, t_low)
    y = nan_or(x, where(large, t, t + t_low))
    inverse = inverse * scale
    slope, slope_low = quotient(t, t_low, root, root_low, inverse)
    t = where(x > 0, (one + a * inverse) * half, t * inverse)
    dy = nan_or(x, where(large, t, slope + slope_low))
    return if_defined(b > 0, y), if_defined(b > 0, dy)


@inlined
def gelu_with_derivative(x):
    # x > 0: x - |x| Q(|x|) and 1 - (Q - |x| phi); else -|x| Q and Q - |x| phi. Q is exp(-x^2/2)
    # times Mills' ratio m; x^2 and m in two parts, for the tail magnifies their roundings.
    one, half, a = like(x, 1), like(x, 0.5), fabs(x)
    density, density_low = parts(x, 0.3989422804014327, -2.4923272022777433e-17)
    v, v_low = two_product(a, a)
    s, s2, h, _ = exp_minus_parts(v * half, v_low * half)
    a = at_most(a, like(x, 64))  # there the tail has long vanished
    m, m_low = mills_ratio(a)
    n, n_low = two_product(a, m)
    n, n_low = n * s, fma(a, m_low, n_low) * s
    tail = copysign((n + fma(n, h, fma(n_low, h, n_low))) * s2, x)
    m = s * (fma(-density, a, m) + fma(-density_low, a, m_low))
    slope = fma(m, h, m) * s2
    return where(x > 0, x - tail, tail), where(x > 0, one - slope, slope)


@inlined
def gate(x, sign, w, w_low, v, v_low):
    """x sigmoid(+-(w + w_low)) and its derivative, for w >= 0, v = |x w'(x)| and the sign's side.

    With t = sigmoid(-w), the value is x t or x - x t, and the derivative t (1 - v (1 - t)) or
    1 less that. t is s (1 + t') as in lower_sigmoid, but with s / 2 for s near 1, where t' is
    large and its error would be too.
    """
    zero, one = like(x, 0), like(x, 1)
    s1, s2, h, _ = exp_minus_parts(w, w_low)
    s = s1 * s2
    near = s > like(x, 0.3)
    c = where(near, like(x, 2), one)
    t = divide(fma(h, c - s, (c - one) - s), fma(s, h, one + s))
    s1 = s1 * where(near, like(x, 0.5), one)
    s = s1 * s2
    tail = finite(fabs(x)) * s1
    tail = copysign(fma(tail, t, tail) * s2, x)
    # 1 - t and v in two parts, for the difference magnifies their roundings.
    rest = one - fma(s, t, s)
    rest_low = fma(-s, t, (one - rest) - s)
    far = w > 2000  # the tail has vanished, and these may be infinite or NaN
    v, v_low = where(far, zero, v), where(far, zero, v_low)
    product, low = two_product(v, rest)
    slope = s1 * ((one - product) - (low + fma(v, rest_low, v_low * rest)))
    slope = fma(slope, t, slope) * s2
    above = sign >= 0
    return copysign(where(above, x - tail, tail), x), where(above, one - slope, slope)


@inlined
def silu_with_derivative(x):
    zero, a = like(x, 0), fabs(x)
    return gate(x, x, a, zero, a, zero)


@inlined
def swish_with_derivative(x, beta):
    a = finite(fabs(x))  # for a beta of 0 makes x / 2 of infinity too
    w, w_low = two_product(a, fabs(beta))
    w_low = where(fabs(w_low) <= w, w_low, like(x, 0))  # Dekker's is NaN for a huge factor
    return gate(x, copysign(a, x) * beta, w, w_low, w, w_low)


@inlined
def quick_gelu_with_derivative(x):
    beta, beta_low = parts(x, 1.702, 0.0)
    a = finite(fabs(x))
    w, w_low = two_product(a, beta)
    w_low = fma(a, beta_low, w_low)
    return gate(x, x, w, w_low, w, w_low)


@inlined
def gelu_tanh_with_derivative(x):
    # w = |x| (c1 + c3 x^2), c1 = 2 sqrt(2 / pi), c3 = 0.044715 c1.
    c1, c1_low = parts(x, 1.5957691216057308, -9.9693088091109203e-17)
    c3, c3_low = parts(x, 0.07135481627260025, -4.1218577217431828e-18)
    a = at_most(fabs(x), like(x, 32))  # there the tail has long vanished
    z, z_low = two_product(a, a)
    p, p_low = two_product(c3, z)
    p_low = p_low + fma(c3, z_low, fma(c3_low, z, c1_low))
    g, g_low = sum_of(c1, p)
    w, w_low = two_product(a, g)
    w_low = fma(a, g_low + p_low, w_low)
    # x w' = |x| (c1 + 3 c3 x^2)
    p, g_low = two_sum(p + p, p)
    p_low = (p_low + (p_low + p_low)) + g_low
    g, g_low = sum_of(c1, p)
    v, v_low = two_product(a, g)
    return gate(x, x, w, w_low, v, fma(a, g_low + p_low, v_low))


@inlined
def mish_with_derivative(x):
    # With e = exp(-|x|), v = 1 + e and g = 2 e above 0, v elsewhere, tanh(softplus(x)) is
    # (1 + g) / (1 + g v), elsewhere times e; the derivative that plus
    # 4 x e (e or 1) v / (1 + g v)^2.
    zero, one, four, far = like(x, 0), like(x, 1), like(x, 4), like(x, 1500)
    a, above = fabs(x), x > 0
    s1, s2, h, _ = exp_minus_parts(a, zero)
    s = s1 * s2
    e, e_low = two_sum(s, s * h)
    v, v_low = one_plus_exp(s, h, zero)
    g, g_low = where(above, e + e, v), where(above, e_low + e_low, v_low)
    n, n_low = two_sum(one, g)
    n_low = n_low + g_low
    d, d_low = two_product(g, v)
    d, low = two_sum(one, d)
    d_low = fma(g, v_low, fma(g_low, v, d_low)) + low
    inverse = divide(one, d)
    q, q_low = quotient(n, n_low, d, d_low, inverse)
    s1, s2, h = where(above, one, s1), where(above, one, s2), where(above, zero, h)
    a = at_most(a, far)  # from there the value is x, or the tail has vanished
    tail, tail_low = two_product(a * s1, q)
    tail_low = fma(a * s1, q_low, tail_low)
    tail = (tail + fma(tail, h, fma(tail_low, h, tail_low))) * s2
    # 4 x v (e^2 or 1) / d, beside n
    q, q_low = quotient(v, v_low, d, d_low, inverse)
    a = copysign(four * a, x) * where(above, e * e, one)
    slope, slope_low = two_product(a, q)
    slope_low = fma(a, q_low, slope_low)
    g, low = sum_of(n, slope)
    q, q_low = quotient(g, low + (slope_low + n_low), d, d_low, inverse)
    q, q_low = q * s1, q_low * s1
    slope = (q + fma(q, h, fma(q_low, h, q_low))) * s2
    return where(x > far, x, copysign(tail, x)), nan_or(x, slope)


@inlined
def hard_swish_with_derivative(x):
    # x (x + 3) / 6 with the roundings of sum, product and 1/6 made good.
    zero, one, three = like(x, 0), like(x, 1), like(x, 3)
    sixth, sixth_low = parts(x, 0.16666666666666666, 9.25185853854297e-18)
    b = where(x < -3, -three, at_most(x, three))
    s, s_low = two_sum(three, b)
    p, p_low = two_product(b, s)
    p_low = fma(b, s_low, p_low)
    p = fma(p, sixth, fma(p, sixth_low, p_low * sixth))
    slope = where(x >= 3, one, fma(b, like(x, 2), three) * sixth)
    return where(x > 3, x, copysign(p, x)), nan_or(x, where(x <= -3, zero, slope))


@inlined
def soft_shrink_with_derivative(x, lambd):
    y = where(x < -lambd, x + lambd, nan_or(x, like(x, 0)))
    y = where(x > lambd, x - lambd, y)
    return if_defined(lambd >= 0, y), shrink_derivative(x, lambd)


@inlined
def hard_shrink_with_derivative(x, lambd):
    y = where(fabs(x) > lambd, x, nan_or(x, like(x, 0)))
    return if_defined(lambd >= 0, y), shrink_derivative(x, lambd)


@inlined
def shrink_derivative(x, lambd):
    slope = nan_or(x, where(fabs(x) > lambd, like(x, 1), like(x, 0)))
    return if_defined(lambd >= 0, slope)


# Loops ---------------------------------------------------------------------------------------


def jitable(name):
    """`inlined` for a closure, whose `name` must be unlike any other's.

    Numba's cache keeps the symbols of a closure under its qualified name and a number that
    restarts in each process: of two kernels from the cache with equal symbols, one would
    call the other's functions.
    """

    def decorate(function):
        function.__name__ = function.__qualname__ = name
        return inlined(function)

    return decorate


def project(row, operation):
    """The function from an operation's inputs to the tuple of its outputs."""
    if isinstance(row, Elementary):
        formula = globals()[row.name]
        return lambda x: (formula(x),)
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


@functools.cache
def make_element(row, operation):
    """`project` compiled: a jitable function of scalars."""
    return jitable(f"_{row.name}{operation.suffix}_element")(project(row, operation))


@functools.cache
def make_loop(row, operation):
    """The compiled loop, ``loop(*inputs, *outputs)``, of a `Blockwise`."""
    name = row.name + operation.suffix
    element = make_element(row, operation)
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
    # What is set here is not taken over from a caller that compiles it, nor left in the cache.
    loop = njit(error_model="numpy", nogil=True, fastmath=False, forceinline=False)(loop)
    with contextlib.suppress(RuntimeError):  # there is no directory to write to
        loop.enable_caching()
    return loop
