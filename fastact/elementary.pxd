# Elementary functions for the formulas of scalar.pxd, float and double.
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
from libc.math cimport copysign, copysignf, fabs, fabsf
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__aarch64__)
    #define fastact_fma(a, b, c) __builtin_fma(a, b, c)
    #define fastact_fmaf(a, b, c) __builtin_fmaf(a, b, c)
    #else
    #define fastact_fma(a, b, c) ((a) * (b) + (c))
    #define fastact_fmaf(a, b, c) ((a) * (b) + (c))
    #endif
    static inline uint32_t fastact_bits32(float x) { uint32_t i; memcpy(&i, &x, 4); return i; }
    static inline uint64_t fastact_bits64(double x) { uint64_t i; memcpy(&i, &x, 8); return i; }
    static inline float fastact_float(uint32_t i) { float x; memcpy(&x, &i, 4); return x; }
    static inline double fastact_double(uint64_t i) { double x; memcpy(&x, &i, 8); return x; }
    """
    ctypedef unsigned long long uint64_t
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


cdef inline real nan_or(real x, real value) noexcept nogil:
    """`value`, but NaN where x is NaN."""
    return value if x == x else x


@cython.cdivision(True)
cdef inline void exp_minus(real x, real k, real *scale, real *h) noexcept nogil:
    """exp(-k |x|) = scale * (1 + k h), for a constant k that is a power of two.

    The parts serve exp, expm1 and 1 + exp with one rounding each. With k |x| = n ln 2 - k r
    and |k r| <= ln(2) / 2, scale is 2^n and k h = expm1(k r). The factor k stays outside
    h so that exp(-2|x|) costs no multiplication more than exp(-|x|): k only scales constants.

    |x| is cut where exp(-k |x|) is below half the smallest subnormal; NaN stays NaN. n is
    rounded by adding 1.5 * 2^mantissa bits, whose low bits then hold n; a bias in that number
    keeps the exponent in range where 2^n is subnormal, and is taken out by the last factor.
    ln 2 is split so that n times its high part is exact.

    The polynomial is the minimax of (exp(r) - 1 - r) / r^2 on |r| <= 1.0003 ln(2) / 2, with
    the error weighted by r^2 / exp(r) (Remez exchange, 60 digits): 2^-28.3 for float (degree
    4), 2^-57.9 for double (degree 9). Degree 3 is 2^-23.2, too much for 2 ulp in float.
    """
    cdef real a = abs_(x), t, n, r, p
    if real is float:
        a = <float>104 / k if <float>104 / k < a else a
        t = fma_(a, -k * <float>1.44269504088896341, <float>(12582912 + 127 + 64))
        n = t - <float>(12582912 + 127 + 64)
        r = fma_(n, <float>0.693145751953125 / k, a)
        r = fma_(n, <float>1.428606765330187e-06 / k, r)
        p = <float>1.3814540e-3 * k * k * k * k * k
        p = fma_(p, r, -<float>8.3687454e-3 * k * k * k * k)
        p = fma_(p, r, <float>4.1668389e-2 * k * k * k)
        p = fma_(p, r, -<float>1.6666521e-1 * k * k)
        p = fma_(p, r, <float>4.9999994e-1 * k)
        scale[0] = float_of(bits32(t) << 23) * <float>5.421010862427522e-20  # 2^-64
    else:
        a = 746 / k if 746 / k < a else a
        t = fma_(a, -k * 1.44269504088896341, 6755399441055744.0 + 1023 + 512)
        n = t - (6755399441055744.0 + 1023 + 512)
        r = fma_(n, 6.93147180369123816490e-01 / k, a)
        r = fma_(n, 1.90821492927058770002e-10 / k, r)
        p = -2.5000018853084049286e-8 * k * k * k * k * k * k * k * k * k * k
        p = fma_(p, r, 2.7630306255647531086e-7 * k * k * k * k * k * k * k * k * k)
        p = fma_(p, r, -2.7557586803847067016e-6 * k * k * k * k * k * k * k * k)
        p = fma_(p, r, 2.480149294961707177e-5 * k * k * k * k * k * k * k)
        p = fma_(p, r, -1.9841269505773807003e-4 * k * k * k * k * k * k)
        p = fma_(p, r, 1.388888894375996401e-3 * k * k * k * k * k)
        p = fma_(p, r, -8.333333333494977261e-3 * k * k * k * k)
        p = fma_(p, r, 4.1666666666529728134e-2 * k * k * k)
        p = fma_(p, r, -1.6666666666666411508e-1 * k * k)
        p = fma_(p, r, 5.0000000000000106688e-1 * k)
        scale[0] = double_of(bits64(t) << 52) * 7.458340731200207e-155  # 2^-512
    h[0] = fma_(r * r, p, -r)


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
