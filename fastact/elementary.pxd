# Elementary functions for the formulas (formulas.pxd), float and double.
#
# Design: every function is branch-free arithmetic that a C compiler vectorises in the loop
# it is inlined into: no calls to libm (they do not vectorise), ternaries instead of ifs,
# integer arithmetic on the bits for powers of two.
#
# Products and sums are fused where the source says `fma_` and nowhere else (the build sets
# -ffp-contract=off): what a compiler fuses depends on the uses of a product, so value,
# derivative and pair would differ in their last bits. Without FMA hardware `fma_` rounds
# twice; the error bounds hold there too.

cimport cython
from libc.float cimport DBL_MAX, FLT_MAX
from libc.math cimport copysign, copysignf, fabs, fabsf, sqrt, sqrtf
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__aarch64__)
    #define fastact_has_fma 1
    #define fastact_fma(a, b, c) __builtin_fma(a, b, c)
    #define fastact_fmaf(a, b, c) __builtin_fmaf(a, b, c)
    #else
    #define fastact_has_fma 0
    #define fastact_fma(a, b, c) ((a) * (b) + (c))
    #define fastact_fmaf(a, b, c) ((a) * (b) + (c))
    #endif
    #if defined(__AVX512F__)
    #define fastact_has_masks 1
    #else
    #define fastact_has_masks 0
    #endif
    /* GCC makes a minimum of a comparison and a choice, but not of those with a constant. */
    #if defined(__GNUC__) && !defined(__clang__)
    static float fastact_onef __attribute__((used)) = 1;
    static double fastact_one __attribute__((used)) = 1;
    #else
    #define fastact_onef 1.0f
    #define fastact_one 1.0
    #endif
    static inline uint32_t fastact_bits32(float x) { uint32_t i; memcpy(&i, &x, 4); return i; }
    static inline uint64_t fastact_bits64(double x) { uint64_t i; memcpy(&i, &x, 8); return i; }
    static inline float fastact_float(uint32_t i) { float x; memcpy(&x, &i, 4); return x; }
    static inline double fastact_double(uint64_t i) { double x; memcpy(&x, &i, 8); return x; }
    """
    ctypedef unsigned long long uint64_t
    bint HAS_FMA "fastact_has_fma"
    bint HAS_MASKS "fastact_has_masks"
    float unknown_onef "fastact_onef"
    double unknown_one "fastact_one"
    float fmaf_ "fastact_fmaf"(float, float, float) noexcept nogil
    double fma "fastact_fma"(double, double, double) noexcept nogil
    uint32_t bits32 "fastact_bits32"(float) noexcept nogil
    uint64_t bits64 "fastact_bits64"(double) noexcept nogil
    float float_of "fastact_float"(uint32_t) noexcept nogil
    double double_of "fastact_double"(uint64_t) noexcept nogil

ctypedef fused real:
    float
    double


cdef inline real fma_(real a, real b, real c) noexcept nogil:
    """a * b + c, rounded once where the hardware can."""
    if real is float:
        return fmaf_(a, b, c)
    else:
        return fma(a, b, c)


cdef inline real abs_(real x) noexcept nogil:
    if real is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline real copysign_(real x, real sign) noexcept nogil:
    if real is float:
        return copysignf(x, sign)
    else:
        return copysign(x, sign)


cdef inline real sqrt_(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline real nan_or(real x, real value) noexcept nogil:
    """`value`, but NaN where x is NaN."""
    return value if x == x else x


cdef inline void two_product(real a, real b, real *high, real *low) noexcept nogil:
    """a * b = high + low, exactly."""
    high[0] = a * b
    if HAS_FMA:
        low[0] = fma_(a, b, -high[0])
    else:
        # Dekker: products of halves are exact. |a|, |b| below 2^100 or so.
        low[0] = -high[0]
        low[0] = head(a) * head(b) + low[0]
        low[0] = head(a) * (b - head(b)) + low[0]
        low[0] = (a - head(a)) * head(b) + low[0]
        low[0] = (a - head(a)) * (b - head(b)) + low[0]


cdef inline real head(real x) noexcept nogil:
    """The upper half of the bits of x (Veltkamp)."""
    cdef real c
    if real is float:
        c = <float>4097 * x
    else:
        c = 134217729.0 * x
    return c - (c - x)


cdef inline void two_sum(real large, real small, real *high, real *low) noexcept nogil:
    """large + small = high + low, exactly where |large| >= |small|."""
    high[0] = large + small
    low[0] = (large - high[0]) + small


cdef inline void product_sum(real a, real b, real c, real *high, real *low) noexcept nogil:
    """a * b + c = high + low, to nearly twice the precision where the sum does not cancel."""
    cdef real product, rest
    if HAS_FMA:
        high[0] = fma_(a, b, c)
        low[0] = fma_(a, b, c - high[0])
    else:
        two_product(a, b, &product, &rest)
        high[0] = sum_of(c, product, low)
        low[0] = low[0] + rest


cdef inline void quotient(
    real n, real n_low, real d, real d_low, real inverse, real *high, real *low
) noexcept nogil:
    """(n + n_low) / (d + d_low) = high + low, to nearly twice the precision; inverse is 1 / d."""
    cdef real product, rest
    high[0] = n * inverse
    if HAS_FMA:
        rest = fma_(-high[0], d, n)
    else:
        two_product(high[0], d, &product, &rest)
        rest = (n - product) - rest
    low[0] = fma_(-high[0], d_low, rest + n_low) * inverse


@cython.cdivision(True)
cdef inline real near_inverse(real d) noexcept nogil:
    """1 / d to 2^-14 (double 2^-28) at least, for d > 0; 0 from twice `inverse_half_end` on.

    On the long registers without the divider, and d must not be near overflow; on the short ones a
    division takes less: 0.76 of the time of squareplus with its derivative.
    """
    cdef real one = 1, y, w
    if not HAS_MASKS:
        return one / d
    # The error is least where the bits of d are those just above a power of 2: there it counts in
    # squareplus.
    if real is float:
        y = float_of(<uint32_t>0x7ef48000 - bits32(d))
    else:
        y = double_of(<uint64_t>0x7fde900000000000 - bits64(d))
    # y is 6 % off; the constants of a cubic step and the number above are found together.
    w = fma_(d, y, -<real>1.5011314)
    y = y * fma_(w, w, <real>0.74885875)
    if real is double:
        y = fma_(fma_(-d, y, 1), y, y)
    return y


cdef inline real inverse_half_end(real unused) noexcept nogil:
    """Half the number from which `near_inverse` is 0."""
    cdef real half = <real>0.5
    if not HAS_MASKS:  # half of infinity
        return <real>1.7014118346046923e38 if sizeof(real) == 4 else <real>8.98846567431158e307
    if real is float:  # of what bits are subtracted from
        return float_of(0x7ef48000) * half
    else:
        return double_of(0x7fde900000000000) * half


cdef inline real inverse_root_power(real b) noexcept nogil:
    """About 2^-29 / sqrt(b), in double 2^-59 / sqrt(b), a power of 2."""
    if real is float:
        return float_of(<uint32_t>0x50800000 - (bits32(b) >> 1 & <uint32_t>0x7f800000))
    else:
        return double_of(
            <uint64_t>0x5c30000000000000 - (bits64(b) >> 1 & <uint64_t>0x7ff0000000000000)
        )


cdef inline real unknown(real constant) noexcept nogil:
    """A constant that the compiler does not know, to be a bound."""
    if real is float:
        return constant * unknown_onef
    else:
        return constant * unknown_one


cdef inline real cut_at(real a, real end_of_float, real end_of_double) noexcept nogil:
    """a, but no more than the end that is given for its type; NaN stays NaN."""
    cdef real end = unknown(end_of_float if sizeof(real) == 4 else end_of_double)
    return end if end < a else a


cdef inline real nan_or_constant(real x, real constant) noexcept nogil:
    """`constant`, but NaN where x is NaN: by a maximum and a minimum, without a comparison."""
    cdef real same = unknown(constant)
    x = same if same > x else x
    return same if same < x else x


cdef inline real finite(real x) noexcept nogil:
    """x, or the largest number where x is infinite; for x >= 0."""
    if real is float:
        return FLT_MAX if FLT_MAX < x else x
    else:
        return DBL_MAX if DBL_MAX < x else x


@cython.cdivision(True)
cdef inline real expm1_series(real r, real k) noexcept nogil:
    """(expm1(-k r) / k + r) / r^2 for |k r| <= ln(2) / 2, a constant k that is a power of two."""
    cdef real p, q, r2
    # src/coefficients.py, "exp". A float polynomial of degree 3 is 2^-23.2, too much for 2 ulp.
    if real is float:
        p = <float>1.3814540e-3 * k * k * k * k * k
        p = fma_(p, r, -<float>8.3687454e-3 * k * k * k * k)
        p = fma_(p, r, <float>4.1668389e-2 * k * k * k)
        p = fma_(p, r, -<float>1.6666521e-1 * k * k)
        p = fma_(p, r, <float>4.9999994e-1 * k)
    else:
        # Even and odd powers side by side: the chain is what takes the time.
        r2 = r * r
        p = -2.5000018853084049286e-8 * k * k * k * k * k * k * k * k * k * k
        q = 2.7630306255647531086e-7 * k * k * k * k * k * k * k * k * k
        p = fma_(p, r2, -2.7557586803847067016e-6 * k * k * k * k * k * k * k * k)
        q = fma_(q, r2, 2.480149294961707177e-5 * k * k * k * k * k * k * k)
        p = fma_(p, r2, -1.9841269505773807003e-4 * k * k * k * k * k * k)
        q = fma_(q, r2, 1.388888894375996401e-3 * k * k * k * k * k)
        p = fma_(p, r2, -8.333333333494977261e-3 * k * k * k * k)
        q = fma_(q, r2, 4.1666666666529728134e-2 * k * k * k)
        p = fma_(p, r2, -1.6666666666666411508e-1 * k * k)
        q = fma_(q, r2, 5.0000000000000106688e-1 * k)
        p = fma_(p, r, q)
    return p


cdef inline real expm1_reduced(real r) noexcept nogil:
    """expm1(r) for |r| <= ln(2) / 2."""
    cdef real minus_one = -1, r2 = r * r, p, q
    if real is float:
        # That of expm1_series with a shorter chain.
        p = fma_(r, <float>8.3687454e-3, <float>4.1668389e-2)
        q = fma_(r, <float>1.6666521e-1, <float>4.9999994e-1)
        p = fma_(fma_(r2, <float>1.3814540e-3, p), r2, q)
    else:
        p = -expm1_series(r, minus_one)
    return fma_(r2, p, r)


@cython.cdivision(True)
cdef inline void exp_minus(real x, real k, real *scale, real *h) noexcept nogil:
    """exp(-k |x|) = scale * (1 + k h), for a constant k that is a power of two.

    The parts serve exp, expm1 and 1 + exp with one rounding each. |x| is cut where exp(-k |x|)
    is below half the smallest subnormal; NaN stays NaN.
    """
    cdef real a = abs_(x), cut = unknown(exp_cut(<real>0) / k), h_low
    exp_scaled(cut if cut < a else a, k, exp_magic(<real>0), scale, h, &h_low)
    scale[0] = scale[0] * exp_unit(x)


cdef inline real exp_cut(real exponent) noexcept nogil:
    """Where exp(-a) * 2^exponent is below half the smallest subnormal."""
    if real is float:
        return <float>104 + exponent * <float>0.6931471805599453
    else:
        return 746 + exponent * 0.6931471805599453


cdef inline real exp_magic(real exponent) noexcept nogil:
    """The number that makes `exp_scaled` compute exp(-k a) * 2^exponent."""
    if real is float:
        return <float>(12582912 + 127 + 64) + exponent
    else:
        return 6755399441055744.0 + 1023 + 512 + exponent


cdef inline real exp_unit(real unused) noexcept nogil:
    """What takes out the bias of `exp_magic`: the last factor, for its product may underflow."""
    return <real>5.421010862427522e-20 if sizeof(real) == 4 else <real>7.458340731200207e-155


@cython.cdivision(True)
cdef inline void exp_scaled(
    real a, real k, real magic, real *scale, real *h, real *h_low
) noexcept nogil:
    """exp(-k a) * 2^exponent = scale * exp_unit() * (1 + k (h + h_low)), k as in `exp_minus`.

    With k a = n ln 2 - k r and |k r| <= ln(2) / 2, k h = expm1(k r), and scale is 2^(n + exponent)
    times the bias that keeps it a normal number. The factor k stays outside h so that exp(-2|x|)
    costs no multiplication more than exp(-|x|): k only scales constants.

    n is rounded by adding `magic`, 1.5 * 2^mantissa bits, whose low bits then hold n and the bias.
    ln 2 is split so that n times its high part is exact.
    """
    cdef real t, n, r, p
    if real is float:
        t = fma_(a, -k * <float>1.44269504088896341, magic)
        n = t - magic
        r = fma_(n, <float>0.693145751953125 / k, a)
        r = fma_(n, <float>1.428606765330187e-06 / k, r)
        scale[0] = float_of(bits32(t) << 23)
    else:
        t = fma_(a, -k * 1.44269504088896341, magic)
        n = t - magic
        r = fma_(n, 6.93147180369123816490e-01 / k, a)
        r = fma_(n, 1.90821492927058770002e-10 / k, r)
        scale[0] = double_of(bits64(t) << 52)
    p = expm1_series(r, k)
    h[0] = fma_(r * r, p, -r)
    h_low[0] = fma_(r * r, p, -r - h[0])


@cython.cdivision(True)
cdef inline void reduced(
    real a, real k, real magic, real *n, real *scale, real *r, real *r_low
) noexcept nogil:
    """n, scale and r of exp_scaled, r in two parts for double.

    For float with FMA ln 2 is one number: 2^n exp(-k r) times 1 + n error_of_ln2() is exp(-k a).
    """
    cdef real t
    if real is float:
        t = fma_(a, -k * <float>1.44269504088896341, magic)
        n[0] = t - magic
        if HAS_FMA:
            r[0] = fma_(n[0], <float>0.6931471805599453 / k, a)
        else:
            r[0] = fma_(n[0], <float>0.693145751953125 / k, a)
            r[0] = fma_(n[0], <float>1.428606765330187e-06 / k, r[0])
        r_low[0] = 0
        scale[0] = float_of(bits32(t) << 23)
    else:
        t = fma_(a, -k * 1.44269504088896341, magic)
        n[0] = t - magic
        r[0] = fma_(n[0], 6.93147180369123816490e-01 / k, a)
        r_low[0] = n[0] * (1.90821492927058770002e-10 / k)
        scale[0] = double_of(bits64(t) << 52)


cdef inline void reduced_four_thirds(
    real a, real *n, real *scale, real *r, real *r_low
) noexcept nogil:
    """`reduced` for k = 4/3: it is no power of 2, so what is split is 3/4 ln 2."""
    cdef real magic = exp_magic(<real>0), t
    if real is float:
        t = fma_(a, -<float>1.9235933878519513, magic)
        n[0] = t - magic
        if HAS_FMA:
            r[0] = fma_(n[0], <float>0.5198603854199590, a)
        else:
            r[0] = fma_(n[0], <float>0.519851684570312, a)
            r[0] = fma_(n[0], <float>8.70084964652127e-06, r[0])
        r_low[0] = 0
        scale[0] = float_of(bits32(t) << 23)
    else:
        t = fma_(a, -1.9235933878519513, magic)
        n[0] = t - magic
        r[0] = fma_(n[0], 0.5198603854198609, a)
        r_low[0] = n[0] * 9.80778415011208e-14
        scale[0] = double_of(bits64(t) << 52)


cdef inline real error_of_ln2(real unused) noexcept nogil:
    """What its nearest float is above ln 2, where `reduced` takes it."""
    return <real>1.904654e-9 if HAS_FMA and sizeof(real) == 4 else 0


@cython.cdivision(True)
cdef inline void exp_of_product(
    real a, real b, real rest, real bias, real *scale, real *h
) noexcept nogil:
    """exp(rest - a b) * 2^bias = scale * (1 + h), or 0 below the smallest normal number.

    a, b >= 0; rest is a rounding error. What depends on b, rest and bias alone is for the compiler
    to take out of a loop.
    """
    cdef real one = 1, t, n, r, magic, cut, product, low
    if real is float:
        magic = <float>(12582912 + 127) + bias
        cut = finite((bias + <float>127) * <float>0.6931471805599453 / b)
        a = cut if cut < a else a
        t = fma_(a, b * -<float>1.44269504088896341, magic)
        n = t - magic
        product = n * <float>0.693145751953125
        low = fma_(n, <float>1.428606765330187e-06, -rest)
        scale[0] = float_of(bits32(t) << 23)
    else:
        magic = 6755399441055744.0 + 1023 + bias
        cut = finite((bias + 1023) * 0.6931471805599453 / b)
        a = cut if cut < a else a
        t = fma_(a, b * -1.44269504088896341, magic)
        n = t - magic
        product = n * 6.93147180369123816490e-01
        low = fma_(n, 1.90821492927058770002e-10, -rest)
        scale[0] = double_of(bits64(t) << 52)
    if HAS_FMA:
        r = fma_(a, b, product) + low
    else:
        two_product(a, b, &r, &n)
        r = (r + product) + (low + n)
    h[0] = fma_(r * r, expm1_series(r, one), -r)


cdef inline real reduced_product(real a, real b, real n, real w, real w_low) noexcept nogil:
    """a b + 2 n ln 2 for a b = w + w_low, of which a fused product has no need."""
    cdef real product, low
    if real is float:
        product = n * (2 * <float>0.693145751953125)
        low = 2 * <float>1.428606765330187e-06
    else:
        product = n * (2 * 6.93147180369123816490e-01)
        low = 2 * 1.90821492927058770002e-10
    if HAS_FMA:
        return fma_(n, low, fma_(a, b, product))
    return (w + product) + fma_(n, low, w_low)


cdef inline void exp_of_sum(real a, real a_low, real *scale, real *h, real *h_low) noexcept nogil:
    """exp(-(a + a_low)) = scale * exp_unit() * (1 + h + h_low), for a up to 130 (double 1000)."""
    cdef real t, n, r, low, one = 1, magic = exp_magic(<real>0)
    if real is float:
        t = fma_(a, -<float>1.44269504088896341, magic)
        n = t - magic
        a = fma_(n, <float>0.693145751953125, a)
        low = fma_(n, <float>1.428606765330187e-06, a_low)
        scale[0] = float_of(bits32(t) << 23)
    else:
        t = fma_(a, -1.44269504088896341, magic)
        n = t - magic
        a = fma_(n, 6.93147180369123816490e-01, a)
        low = fma_(n, 1.90821492927058770002e-10, a_low)
        scale[0] = double_of(bits64(t) << 52)
    two_sum(a, low, &r, &low)
    two_sum(-r, fma_(r * r, expm1_series(r, one), fma_(low, r, -low)), h, h_low)


cdef inline void exp_of_parts(
    real a, real a_low, real magic, real *n, real *scale, real *h
) noexcept nogil:
    """exp(-(a + a_low)) = 2^n (1 + h), scale being 2^n times the bias of `magic`."""
    cdef real t, r, one = 1
    if real is float:
        t = fma_(a, -<float>1.44269504088896341, magic)
        n[0] = t - magic
        r = fma_(n[0], <float>0.693145751953125, a)
        r = r + fma_(n[0], <float>1.428606765330187e-06, a_low)
        scale[0] = float_of(bits32(t) << 23)
    else:
        t = fma_(a, -1.44269504088896341, magic)
        n[0] = t - magic
        r = fma_(n[0], 6.93147180369123816490e-01, a)
        r = r + fma_(n[0], 1.90821492927058770002e-10, a_low)
        scale[0] = double_of(bits64(t) << 52)
    h[0] = fma_(r * r, expm1_series(r, one), -r)


cdef inline real gate_unit(real unused) noexcept nogil:
    """The factor that keeps the exp of `gate_reduced` from overflowing where its inverse matters."""
    # 2^-40, 2^-200
    return <real>9.094947017729282e-13 if sizeof(real) == 4 else <real>6.223015277861142e-61


cdef inline void gate_reduced(
    real a, real inverse, real step, real *n, real *scale, real *r
) noexcept nogil:
    """n and r of a = n step + r, |r| <= step / 2, and scale = 2^n gate_unit(), for a >= 0.

    inverse is 1 / step, and n step is exact.
    """
    cdef real magic = exp_magic(<real>-104 if sizeof(real) == 4 else <real>-712)
    cdef real t = fma_(a, inverse, magic)
    n[0] = t - magic
    r[0] = fma_(-n[0], step, a)
    if real is float:
        scale[0] = float_of(bits32(t) << 23)
    else:
        scale[0] = double_of(bits64(t) << 52)


cdef inline real one_and_exp(real a, real *scale) noexcept nogil:
    """The rest of (1 + exp(a)) gate_unit() = scale + rest, for 0 <= a up to where 1 / exp(a) is 0."""
    cdef real n, r
    if real is float:
        gate_reduced(a, <float>1.44269504088896341, <float>0.693145751953125, &n, scale, &r)
        r = fma_(n, -<float>1.428606765330187e-06, r)
    else:
        gate_reduced(a, 1.44269504088896341, 6.93147180369123816490e-01, &n, scale, &r)
        r = fma_(n, -1.90821492927058770002e-10, r)
    return fma_(scale[0], expm1_reduced(r), gate_unit(a))


cdef inline real power_of_2(real n, real magic) noexcept nogil:
    """2^n times the bias of `magic`, for an integer n."""
    if real is float:
        return float_of(bits32(n + magic) << 23)
    else:
        return double_of(bits64(n + magic) << 52)


@cython.cdivision(True)
cdef inline real log1p_over_scale(real s, real h, real e, real rest) noexcept nogil:
    """log1p(e) / s - 1 + rest for e = s (1 + h) <= 1, the parts of exp_minus; s may be 0.

    log1p(e) is e - e^2 p(e) / q(e): the quotient's rounding errors are those of a correction, and
    1 + h is not rounded. Without FMA that is 2.1 ulp off: there it is, with z = e / (2 + e),
    2 atanh(z) = e - z (e - 2 z^2 p(z^2)), which elsewhere takes 1.07 of the time.
    """
    cdef real one = 1, two = 2, p, q, z, z2
    # src/coefficients.py, "log1p", some ulp off, that their rounding costs less, and "atanh".
    if not HAS_FMA:
        q = (one + h) / (two + e)
        z = s * q
        z2 = z * z
        if real is float:
            p = 2 * <float>0.140125342
            p = fma_(p, z2, 2 * <float>0.139995127)
            p = fma_(p, z2, 2 * <float>0.200108528)
            p = fma_(p, z2, 2 * <float>0.333332065)
        else:
            p = 2 * 0.085096819238514074179
            p = fma_(p, z2, 2 * 0.041698446251712432874)
            p = fma_(p, z2, 2 * 0.060530887175637681822)
            p = fma_(p, z2, 2 * 0.066504812413901613389)
            p = fma_(p, z2, 2 * 0.076932803672539266314)
            p = fma_(p, z2, 2 * 0.090908719442768262203)
            p = fma_(p, z2, 2 * 0.11111111985355523951)
            p = fma_(p, z2, 2 * 0.14285714273919517472)
            p = fma_(p, z2, 2 * 0.20000000000078676052)
            p = fma_(p, z2, 2 * 0.33333333333333151766)
        return fma_(-q, fma_(-z2, p, e), h + rest)
    if real is float:
        p = <float>0.9544453620910645
        p = fma_(p, e, <float>5.9540557861328125)
        p = fma_(p, e, <float>6.604818820953369)
        q = e + <float>9.11432933807373
        q = fma_(q, e, <float>20.7144718170166)
        q = fma_(q, e, <float>13.209640502929688)
    else:
        z = one - e
        p = -0.9854259370346854
        q = z - 37.080716560945625
        p = fma_(p, z, 31.671619125567428)
        q = fma_(q, z, 455.6990204866419)
        p = fma_(p, z, -316.3250959941016)
        q = fma_(q, z, -2588.8973626031175)
        p = fma_(p, z, 1353.4973439634014)
        q = fma_(q, z, 7487.728909798467)
        p = fma_(p, z, -2603.680986230584)
        q = fma_(q, z, -10722.053462607506)
        p = fma_(p, z, 1852.3906096280036)
        q = fma_(q, z, 6036.739740596967)
    return fma_(-fma_(e, h, e), p / q, h + rest)


cdef inline real sum_of(real a, real b, real *low) noexcept nogil:
    """a + b, with its rounding error as `low`; either may be the larger."""
    cdef real high = a + b, rest = high - a
    low[0] = (a - (high - rest)) + (b - rest)
    return high


cdef inline double tanh_series(double high, double low) noexcept nogil:
    """tanh(high + low) for |high| <= ln(2) / 4 and a low part of some bits."""
    # src/coefficients.py, "tanh of r".
    cdef double r = high + low, r2 = r * r, p = 0.00344483138189130379766
    p = fma_(p, r2, -0.00885730862869286352468)
    p = fma_(p, r2, 0.0218693707241166918121)
    p = fma_(p, r2, -0.0539682527823670432597)
    p = fma_(p, r2, 0.133333333327841190552)
    p = fma_(p, r2, -0.333333333333324861375)
    return high + fma_(r, r2 * p, low)


cdef inline double lecun_tanh_series(double high, double low) noexcept nogil:
    """1.7159 tanh(2/3 (high + low)) for |high| <= 3/8 ln(2) and a low part of some bits."""
    # tanh's coefficients times 1.7159 (2/3)^n. Without FMA the slope has so few bits that its
    # product with a head is exact.
    cdef double r = high + low, r2 = r * r, p = 0.000030372012879316339803
    cdef double slope = 1.1439333333333332465 if HAS_FMA else 1.1439333260059356689
    cdef double slope_low = 8.6804637552025572707e-17 if HAS_FMA else 7.3273976643880208333e-9
    p = fma_(p, r2, -0.00017570733929445559395)
    p = fma_(p, r2, 0.0009761283570320610536)
    p = fma_(p, r2, -0.0054199030605879021581)
    p = fma_(p, r2, 0.030128285321118380098)
    p = fma_(p, r2, -0.16947160493826729767)
    p = fma_(fma_(p, r2, slope_low), r, slope * low)
    if HAS_FMA:
        return fma_(slope, high, p)
    return slope * head(high) + (slope * (high - head(high)) + p)


cdef inline float lecun_tanh_expm1_series(float r) noexcept nogil:
    """The slope of lecun_tanh at 0 times expm1_series(r, 4/3), in the shorter chain."""
    cdef float k = <float>1.3333333333333333, slope = <float>1.1439333333333333, r2 = r * r, p, q
    q = fma_(-<float>8.3687454e-3 * k * k * k * k * slope, r, <float>4.1668389e-2 * k * k * k * slope)
    q = fma_(<float>1.3814540e-3 * k * k * k * k * k * slope, r2, q)
    p = fma_(-<float>1.6666521e-1 * k * k * slope, r, <float>4.9999994e-1 * k * slope)
    return fma_(q, r2, p)


cdef inline void shrink_reduced(real a, real *s, real *r) noexcept nogil:
    """exp(-2 a) = s exp(-2 r) closely enough for tanh_shrink beyond 1.25; a up to 40."""
    cdef real t, n, magic
    if real is float:
        magic = 12582912 + 127
        t = fma_(a, -<float>2.88539008177792681, magic)
        n = t - magic
        s[0] = float_of(bits32(t) << 23)
    else:
        magic = 6755399441055744.0 + 1023
        t = fma_(a, -2.88539008177792681, magic)
        n = t - magic
        s[0] = double_of(bits64(t) << 52)
    if HAS_FMA:
        r[0] = fma_(n, <real>0.34657359027997264, a)
    elif real is float:
        r[0] = fma_(n, <float>7.14303382635163e-07, fma_(n, <float>0.3465728759765625, a))
    else:
        r[0] = fma_(n, 9.54107464635385e-11, fma_(n, 0.34657359018456191, a))


cdef inline real choose(bint first, real a, real b) noexcept nogil:
    return a if first else b


cdef inline real shrink_series(bint small, real v, real v2) noexcept nogil:
    """One of two polynomials: of z = (x/2)^2 if small, where 3/4 + z p = x^3 / (x - tanh(x)) / 4,
    else of r, where exp(-2 r) = 1 + 2 (r^2 p - r) closely enough for tanh_shrink beyond 1.25.
    """
    # src/coefficients.py, "tanh_shrink" and "exp of tanh_shrink".
    cdef real p, q
    if real is float:
        p = choose(small, -<float>1.01820795e-5 * 64, -<float>0.00835339873903450275931 * 16)
        p = fma_(p, v, choose(small, <float>0.000251404589 * 16, <float>0.04188596159310945009 * 8))
        p = fma_(p, v, choose(small, -<float>0.0057129476 * 4, -<float>0.16666588004027573086 * 4))
        p = fma_(p, v, choose(small, <float>1.19999976, <float>0.499992447685015113893 * 2))
    else:
        p = choose(small, 2.4750022426499882344e-12 * 65536, 2.75729884631692419122e-7 * 512)
        q = choose(small, -6.9047027646815727422e-11 * 16384, -2.76329720550991132034e-6 * 256)
        p = fma_(
            p, v2, choose(small, 1.4569262707855024624e-9 * 4096, 2.48016157550782735703e-5 * 128)
        )
        q = fma_(
            q, v2, choose(small, -2.9558854000179007303e-8 * 1024, -0.000198411897471452196668 * 64)
        )
        p = fma_(
            p, v2, choose(small, 5.987621552515593491e-7 * 256, 0.00138888888693054289107 * 32)
        )
        q = fma_(
            q, v2, choose(small, -1.2203667667797562426e-5 * 64, -0.00833333336785100144855 * 16)
        )
        p = fma_(
            p, v2, choose(small, 0.00025396825357970855692 * 16, 0.0416666666666264107769 * 8)
        )
        q = fma_(q, v2, choose(small, -0.0057142857142402371924 * 4, -0.166666666666174057867 * 4))
        p = fma_(p, v2, choose(small, 1.199999999999997949, 0.500000000000002196918 * 2))
        p = fma_(q, v, p)
    return p


@cython.cdivision(True)
cdef inline void mills_ratio(
    double a, double *t, double *t_low, double *p, double *p_low, double *ratio, double *ratio_low
) noexcept nogil:
    """The ratio exp(a^2 / 2) Q(a), and a times that as (t + t_low) (p + p_low), for a >= 0.

    Q is the upper tail of the normal distribution; t = a / (a + k), and p is a polynomial in
    q = 2 t - 1 = (a - k) / (a + k), so one division serves.
    """
    cdef double d, d_low, inverse, q, q2, p1, p1_low, p2, odd
    cdef double k = 4, c0 = 0.75528513041575149241, c0_low = -2.3130269014548347e-17
    cdef double c1 = -0.60789664197189209542, c1_low = -1.3254612155494847e-17
    two_sum(k, a, &d, &d_low)  # exact beyond k too, which is a multiple of the last bit of d
    inverse = 1 / d
    quotient(a, -0.0, d, d_low, inverse, t, t_low)  # -0.0: the sum with it is left out
    q = fma_(t[0], 2, -1)
    q2 = q * q
    # src/coefficients.py, "mills".
    p2 = -6.727779589825011836e-10
    odd = -2.4201601727636448547e-9
    p2 = fma_(p2, q2, 1.7622886832713808429e-9)
    odd = fma_(odd, q2, 1.924175692981591539e-8)
    p2 = fma_(p2, q2, 1.3449774056446929701e-8)
    odd = fma_(odd, q2, -8.4801198384484693887e-8)
    p2 = fma_(p2, q2, -1.5502887857318828184e-7)
    odd = fma_(odd, q2, 2.7125047977454089674e-7)
    p2 = fma_(p2, q2, 1.0215278433434980458e-6)
    odd = fma_(odd, q2, -6.2938094027008406289e-7)
    p2 = fma_(p2, q2, -5.9201352263128707271e-6)
    odd = fma_(odd, q2, 7.1655011730299868231e-7)
    p2 = fma_(p2, q2, 0.000035144668435481277426)
    odd = fma_(odd, q2, -1.9082308191900402485e-6)
    p2 = fma_(p2, q2, -0.00023109493085590166572)
    odd = fma_(odd, q2, 0.00013334430827664007536)
    p2 = fma_(p2, q2, 0.0016308184570007868898)
    odd = fma_(odd, q2, -0.0034796923670308845381)
    p2 = fma_(p2, q2, -0.0075401889666847180704)
    odd = fma_(odd, q2, 0.060396574890920135113)
    p2 = fma_(p2, q2, -0.18652185795965858286)
    odd = fma_(odd, q2, 0.38713740074221483255)
    p2 = fma_(p2, q, odd)
    # The last steps in two parts, for they are all but the whole; p1 + q p2 is the slope.
    product_sum(p2, q, c1, &p1, &p1_low)
    product_sum(p1, q, c0, p, p_low)
    p_low[0] = fma_(p1_low + c1_low, q, p_low[0])
    p_low[0] = fma_(fma_(p2, q, p1), t_low[0] + t_low[0], p_low[0] + c0_low)
    quotient(p[0], p_low[0], d, d_low, inverse, ratio, ratio_low)


@cython.cdivision(True)
cdef inline void normal_tail(
    float a, float *t, float *scale, float *h, float *v, float *lost
) noexcept nogil:
    """With the normal distribution's upper tail Q(a), t = a / (a + k) and a polynomial p,

    a Q(a) is t e, e = exp(-(a^2 + 2 t + t p - c) / 2) = scale * exp_unit() * (2 + h), for
    0 <= a <= 15. So one exp gives it, of a sum that is small but for a^2, and as p is small too
    the power of two need not wait for it. In e is what rounding a + k costs, of which the error
    is `lost`; v = t - 0.9025.
    """
    # Near this k p needs the least degree, and c = 2 log(k / 2) has but a few bits.
    cdef float k = <float>2.2355232, c = <float>0.22265625, half = <float>0.5, one = 1
    cdef float d = k + a, u, y, p, z, z_low, m, n, r, r2, low, high, magic = exp_magic(-one)
    t[0] = a / d
    u = t[0] + t[0]
    two_product(a, a, &z, &z_low)
    m = fma_(z + u, half * -<float>1.44269504088896341, magic)
    n = m - magic
    scale[0] = float_of(bits32(m) << 23)
    # ln 2 is its nearest float; that its error grows as a^2 is in p.
    if HAS_FMA:
        r = fma_(n, <float>0.6931471805599453 / half, z)
    else:
        r = fma_(n, <float>0.693145751953125 / half, z)
        z_low = fma_(n, <float>1.430511474609375e-06 / half, z_low)
    # src/coefficients.py, "gelu": in v, of whose odd powers the polynomial in v^2 has real zeros, so
    # that a step takes two coefficients: 0.98 of the time with even and odd powers side by side,
    # and more exact.
    v[0] = t[0] - <float>0.9025
    y = v[0] * v[0]
    p = fma_(y, -<float>0.378989524, -<float>2.30249872)
    p = fma_(v[0], -<float>1.64141304, p)
    p = fma_(p, y + <float>1.23470006, <float>2.55543867)
    p = fma_(p, y + <float>0.121106893, -<float>0.758891311)
    p = fma_(p, y - <float>0.225381594, -<float>0.117944865)
    # The rounding error of a + k, times 2 / (a + k) (1 - t (2 t + t p)' / 2), which is nearly y.
    lost[0] = a - (d - k)
    r = fma_(t[0], p, (r + u) + fma_(lost[0], y, z_low - c))
    # src/coefficients.py, "exp of gelu": n is rounded without t p, so r is -0.72 to 0.98.
    r2 = r * r
    high = fma_(r, -<float>5.2358507e-4, <float>5.2066743e-3)
    low = fma_(r, -<float>4.1666042e-2, <float>0.25000021)
    p = fma_(fma_(r2, <float>4.5946625e-5, high), r2, low)
    h[0] = fma_(r2, p, -r)


cdef inline float normal_slope(float a, float t) noexcept nogil:
    """(Q(a) - a phi(a)) (a + k) / e, all of `normal_tail`, phi being the normal distribution's
    density."""
    cdef float root = <float>0.751791537, root_low = <float>-1.21144495e-8
    cdef float t2 = t * t, p, odd
    # src/coefficients.py, "gelu'", with each coefficient rounded before those below are found.
    p = <float>0.508616745
    odd = -<float>0.158359453
    p = fma_(p, t2, <float>0.328641385)
    odd = fma_(odd, t2, -<float>0.576674104)
    p = fma_(p, t2, <float>0.0100951772)
    odd = fma_(odd, t2, -<float>0.178578854)
    p = fma_(p, t2, <float>0.119399644)
    odd = fma_(odd, t2, <float>0.026567569)
    p = fma_(p, t2, <float>0.112996541)
    odd = fma_(odd, t2, <float>0.212229028)
    p = fma_(odd, t, p)
    p = fma_(p, t, <float>0.59500879)
    return ((root - a) + root_low) * p


cdef inline float half_to_float(uint16_t half) noexcept nogil:
    """The float with the value of a float16 given by its bits; exact."""
    # Its bits, moved into a float's fields, read as a number 2^112 too small, subnormals
    # included; infinity and NaN still need the exponent filled up.
    cdef float magnitude = float_of((half & 0x7fff) << 13) * <float>5.192296858534828e33
    cdef uint32_t special = 0x7f800000 if (half & 0x7c00) == 0x7c00 else 0
    return float_of(bits32(magnitude) | special | <uint32_t>(half & 0x8000) << 16)


cdef inline uint16_t float_to_half(float x) noexcept nogil:
    """The bits of the float16 nearest to x, ties to even."""
    cdef uint32_t a = bits32(x) & 0x7fffffff
    # Normal: rebias the exponent by 15 - 127, round away the 13 low bits. Subnormal: adding
    # 0.5 puts the last bit of a float16 subnormal at the last bit of the sum.
    cdef uint32_t normal = (a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13
    cdef uint32_t subnormal = bits32(float_of(a) + <float>0.5) - 0x3f000000
    cdef uint32_t infinite = 0x7e00 if a > 0x7f800000 else 0x7c00
    cdef uint32_t half = subnormal if a < 0x38800000 else normal
    half = infinite if a >= 0x47800000 else half
    return <uint16_t>(half | (bits32(x) >> 16 & 0x8000))


cdef inline float bfloat16_to_float(uint16_t bits) noexcept nogil:
    """The float with the value of a bfloat16 given by its bits; exact."""
    return float_of(<uint32_t>bits << 16)


cdef inline uint16_t float_to_bfloat16(float x) noexcept nogil:
    """The bits of the bfloat16 nearest to x, ties to even."""
    cdef uint32_t i = bits32(x)
    cdef uint32_t rounded = (i + 0x7fff + (i >> 16 & 1)) >> 16
    return <uint16_t>(rounded if x == x else i >> 16 | 0x40)
