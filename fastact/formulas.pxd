# The formulas, one per activation, for float and double.
#
# Design: a formula returns value *and* derivative from shared subexpressions. The operations
# project that pair and the compiler drops the unused half, so no operation can disagree with
# another. Where the output determines the derivative, a second formula gives it from there.
# Constants are typed (`cdef real one = 1`): a bare 1 may become a double in the C source, and
# the float loop then converts forth and back. Derivatives at kinks and the promised errors are
# facts of the table (activations.py).

cimport cython
from libc.math cimport INFINITY, NAN
from libc.stdint cimport int32_t

from fastact.elementary cimport (
    HAS_FMA,
    HAS_MASKS,
    abs_,
    bits32,
    copysign_,
    cut_at,
    error_of_ln2,
    exp_cut,
    exp_magic,
    exp_minus,
    exp_of_parts,
    exp_of_product,
    exp_of_sum,
    exp_scaled,
    exp_unit,
    expm1_reduced,
    expm1_series,
    finite,
    float_of,
    fma_,
    gate_reduced,
    gate_unit,
    head,
    inverse_half_end,
    inverse_root_power,
    lecun_tanh_expm1_series,
    lecun_tanh_series,
    log1p_over_scale,
    mills_ratio,
    nan_or,
    nan_or_constant,
    near_inverse,
    normal_slope,
    normal_tail,
    one_and_exp,
    power_of_2,
    quotient,
    real,
    reduced,
    reduced_four_thirds,
    reduced_product,
    shrink_reduced,
    shrink_series,
    sqrt_,
    sum_of,
    tanh_series,
    two_product,
    two_sum,
    unknown,
)


cdef inline void identity_with_derivative(real x, real *y, real *dy) noexcept nogil:
    y[0] = x
    dy[0] = nan_or_constant(x, 1)


cdef inline real identity_derivative_from_output(real y) noexcept nogil:
    return nan_or_constant(y, 1)


cdef inline void relu_with_derivative(real x, real *y, real *dy) noexcept nogil:
    y[0] = not_below(x, 0, 0)
    dy[0] = relu_derivative_from_output(x)


cdef inline real relu_derivative_from_output(real y) noexcept nogil:
    cdef real known = nan_or_constant(y, 1)
    return 0 if y <= 0 else known


cdef inline void relu6_with_derivative(real x, real *y, real *dy) noexcept nogil:
    y[0] = clipped(x, unknown(<real>0), unknown(<real>6))
    dy[0] = relu6_derivative_from_output(x)


cdef inline real relu6_derivative_from_output(real y) noexcept nogil:
    cdef real known = nan_or_constant(y, 1)
    return 0 if (y <= 0) | (y >= 6) else known


cdef inline real clipped(real x, real low, real high) noexcept nogil:
    """x within the bounds; NaN stays NaN."""
    x = low if low > x else x
    return high if high < x else x


cdef inline void leaky_relu_with_derivative(
    real x, real negative_slope, real *y, real *dy
) noexcept nogil:
    # A slope of 0 is relu, at x = -inf too.
    cdef real below = negative_slope * x if negative_slope != 0 else nan_or(x, <real>0)
    y[0] = below if x <= 0 else x
    cdef real known = nan_or_constant(x, 1)
    dy[0] = negative_slope if x <= 0 else known


cdef inline real leaky_relu_derivative_from_output(real y, real negative_slope) noexcept nogil:
    cdef real known = nan_or_constant(y, 1)
    cdef real slope = negative_slope if y <= 0 else known
    # With a negative slope every output is positive: y does not tell the side.
    return slope if negative_slope >= 0 else <real>NAN


cdef inline void prelu_with_derivative(real x, real weight, real *y, real *dy) noexcept nogil:
    leaky_relu_with_derivative(x, weight, y, dy)


cdef inline void threshold_with_derivative(
    real x, real threshold, real value, real *y, real *dy
) noexcept nogil:
    # A threshold of NaN gives NaN; what is said of the parameters alone leaves the loop.
    cdef real below = value if threshold == threshold else threshold
    cdef real none = 0 if threshold == threshold else threshold
    threshold = threshold if threshold == threshold else <real>INFINITY
    y[0] = below if x <= threshold else x
    cdef real known = nan_or_constant(x, 1)
    dy[0] = none if x <= threshold else known


cdef inline void elu_with_derivative(real x, real alpha, real *y, real *dy) noexcept nogil:
    cdef real one = 1, s, q
    exp_minus(x, one, &s, &q)
    y[0] = x if x > 0 else alpha * copysign_(fma_(s, q, s - one), x)
    dy[0] = one if x > 0 else alpha * fma_(s, q, s)


cdef inline real elu_derivative_from_output(real y, real alpha) noexcept nogil:
    cdef real one = 1, slope = one if y > 0 else y + alpha
    return slope if alpha >= 0 else <real>NAN


cdef inline void selu_with_derivative(real x, real *y, real *dy) noexcept nogil:
    cdef real scale = <real>1.0507009873554805, scaled_alpha = <real>1.7580993408473766
    cdef real one = 1, zero = 0, s, q, q_low, e, low, t, a = abs_(x)
    cdef real cut = unknown(exp_cut(zero))
    exp_scaled(cut if cut < a else a, one, exp_magic(zero), &s, &q, &q_low)
    s = s * exp_unit(x)
    e = fma_(s, q, s - one)
    if real is double:  # what rounding the constant, q and e cost: 2.23 ulp at -0.32 without it
        low = fma_(s, q, (s - one) - e) + s * q_low
        t = fma_(scaled_alpha, e, fma_(scaled_alpha, low, 5.75014648756476e-17 * e))
    else:
        t = scaled_alpha * e
    y[0] = scale * x if x > 0 else copysign_(t, x)
    dy[0] = scale if x > 0 else scaled_alpha * fma_(s, q, s)


cdef inline real selu_derivative_from_output(real y) noexcept nogil:
    cdef real scale = <real>1.0507009873554805, scaled_alpha = <real>1.7580993408473766, low
    if real is float:
        low = <float>(1.7580993408473766 - <double>scaled_alpha)
    else:
        low = 5.75014648756476e-17
    return scale if y > 0 else (y + scaled_alpha) + low


@cython.cdivision(True)
cdef inline void celu_with_derivative(real x, real alpha, real *y, real *dy) noexcept nogil:
    # x / alpha as a sum: one rounding of it is as many ulp of exp(x / alpha) as its size. Below
    # `tiny`, where that may underflow, the value is x.
    cdef real tiny = <real>1e-10 if sizeof(real) == 4 else <real>1e-20
    cdef real one = 1, a = abs_(x), z = a / alpha, cut = unknown(exp_cut(<real>0))
    cdef real product, rest, scale, s, h, h_low
    two_product(z, alpha, &product, &rest)
    rest = 0 if z > cut else ((a - product) - rest) / alpha
    exp_of_sum(cut if z > cut else z, rest, &scale, &h, &h_low)
    s = scale * exp_unit(x)
    y[0] = x if (x > 0) | (z < tiny) else alpha * fma_(s, h, s - one)
    dy[0] = one if x > 0 else fma_(scale, h, scale) * exp_unit(x)
    if not alpha > 0:
        y[0] = dy[0] = <real>NAN


@cython.cdivision(True)
cdef inline real celu_derivative_from_output(real y, real alpha) noexcept nogil:
    cdef real one = 1, slope = one if y > 0 else (y + alpha) / alpha
    return slope if alpha > 0 else <real>NAN


@cython.cdivision(True)
cdef inline void sigmoid_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # t = sigmoid(-|x|) = 1 / (1 + exp(|x|)): the exponential grows, so the quotient alone makes t
    # subnormal, rounded once. 1.997 ulp; with the power of two and 1 summed first it is 2.33 ulp
    # off at -16.66, where 1 is half an ulp of that.
    cdef real one = 1, unit = gate_unit(x), scale, rest, t
    rest = one_and_exp(cut_at(abs_(x), 104, 746), &scale)
    t = unit / (scale + rest)
    y[0] = one - t if x > 0 else t
    # t (1 - t), with t the small one of the two: nothing is lost at either tail.
    dy[0] = fma_(-t, t, t)


cdef inline real sigmoid_derivative_from_output(real y) noexcept nogil:
    cdef real one = 1
    return y * (one - y)


@cython.cdivision(True)
cdef inline void log_sigmoid_with_derivative(real x, real *y, real *dy) noexcept nogil:
    cdef real one = 1, s, h, t
    exp_minus(x, one, &s, &h)
    # sigmoid(-|x|) = e / (1 + e), e = s (1 + h) never rounded: as s + s (h - e) / (1 + e)
    t = fma_(s, fma_(h, one - s, -s) / fma_(s, h, one + s), s)
    dy[0] = one - t if x < 0 else t
    h = log1p_over_scale(s, h, fma_(s, h, s), <real>-0.0)
    y[0] = fma_(-s, h, x if x < 0 else 0) - s


cdef inline real log_sigmoid_derivative_from_output(real y) noexcept nogil:
    return minus_expm1(y)


cdef inline real minus_expm1(real y) noexcept nogil:
    """1 - exp(y) for y <= 0."""
    cdef real one = 1, s, q
    exp_minus(y, one, &s, &q)
    return fma_(-s, q, one - s)


cdef inline void hard_sigmoid_with_derivative(real x, real *y, real *dy) noexcept nogil:
    cdef real three = 3, sixth = <real>0.16666666666666666
    y[0] = (clipped(x, unknown(-three), unknown(three)) + three) * sixth
    cdef real known = nan_or_constant(x, sixth)
    dy[0] = 0 if abs_(x) >= 3 else known


cdef inline real hard_sigmoid_derivative_from_output(real y) noexcept nogil:
    cdef real sixth = <real>0.16666666666666666
    cdef real known = nan_or_constant(y, sixth)
    return 0 if (y <= 0) | (y >= 1) else known


@cython.cdivision(True)
cdef inline void tanh_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # With e = exp(-2|x|) = s exp(-2 r), s a power of 2, tanh |x| is u = (1 - e) / (1 + e). In
    # double that is 2.07 ulp off at 0.12: there it is, with t = tanh(r), ((1 - s) + t (1 + s)) / d
    # of d = (1 + s) + t (1 - s), or (1 - s)^2 + s q, which is t as long as s is 1. (That takes 1.14
    # of the time in float; the plain quotient takes 0.8, but is 2.56 ulp off.)
    cdef real one = 1, two = 2, inverse = one / exp_unit(x), n, scale, r, r_low, s, h, t, u, v
    cdef real w, rest, square, d
    reduced(cut_at(abs_(x), 53, 373), two, exp_magic(<real>0), &n, &scale, &r, &r_low)
    if real is float:
        h = fma_(r * r, expm1_series(r, two), -r)
        t = scale + scale
        u = fma_(-t, h, inverse - scale) / fma_(t, h, inverse + scale)
        # 1 - u as 2 e / (1 + e) = e (1 + u) to keep the tail, where u is 1.
        v = fma_(t, h, scale) * fma_(n, two * error_of_ln2(x), one + u) * exp_unit(x)
    else:
        s = scale * exp_unit(x)
        t = tanh_series(r, r_low)
        w = one - s
        rest = w * s
        square = w - rest
        d = fma_(t, w, one + s)
        u = fma_(s, fma_(t, square + (3 - s), rest) / d, square)
        v = (scale + scale) * (one - t) / d * exp_unit(x)
    y[0] = copysign_(u, x)
    dy[0] = fma_(-v, v, v + v)  # 1 - u^2


cdef inline real tanh_derivative_from_output(real y) noexcept nogil:
    cdef real one = 1
    return (one - y) * (one + y)


@cython.cdivision(True)
cdef inline void lecun_tanh_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # In double as tanh, with t and the square H times as large. In float, where that is 2.4 ulp
    # off, with e = exp(-4/3 |x|) and m + m_low = H (e - 1) / 2 it is -m H / (H + m) = -m + m q,
    # q = m / (H + m): the quotient's rounding errors are scaled down. What q needs for those of m
    # is near 7.3 / H where they matter: below, s is 1 and m exact. H is exactly 3/2 of the slope
    # at 0; `error` is what that costs, 1 at 0 and 2 at infinity.
    cdef real one = 1, height = <real>1.7159, slope = <real>1.1439333333333333, part = one / height
    cdef real error = -<real>4.3e-8, half = slope * <real>0.75, factor = slope * 4
    cdef real n, scale, s, r, r_low, t, u, w, h, rest, square, d, q, m, m_low, c, v
    reduced_four_thirds(cut_at(abs_(x), 90, 700), &n, &scale, &r, &r_low)
    s = scale * exp_unit(x)
    if real is float:
        h = r * r * lecun_tanh_expm1_series(r)
        t = fma_(-slope, r, h)
        if HAS_FMA:
            h = t
            factor = fma_(n, factor * error_of_ln2(x), factor)
        else:
            h = h - (head(slope) * (r - head(r)) + (slope - head(slope)) * r)
            h = h - head(slope) * head(r)
        c = fma_(s, half, -half)
        m = fma_(s, h, c)
        m_low = fma_(s, h, c - m)
        if not HAS_FMA:  # what rounding c cost: 2.31 ulp without it
            m_low = m_low + fma_(s, half, -(half + c))
        q = m / (height + m)
        u = cut_at(fma_(m, q + fma_(m_low, <float>7.3 / height, error), -m), height, height)
        # slope 4 e / (1 + e)^2, as 4 e / (1 + e) (1 - e / (1 + e))
        q = (half + t) / (height + fma_(s, t, c))
        dy[0] = fma_(-s * q, q, q) * (scale * factor) * exp_unit(x)
    else:
        t = lecun_tanh_series(r, r_low)
        w = one - s
        h = fma_(-height, s, height)
        rest = h * s
        square = h - rest
        d = fma_(t, fma_(s, -part, part), one + s)
        u = fma_(s, fma_(t, (w - w * s) + (3 - s), rest) / d, square)
        # slope v (2 - v), of which v = 1 - u / height
        v = (scale + scale) * fma_(t, -0.6666666666666666, slope) / d * exp_unit(x)
        dy[0] = fma_(-v, v * (one / slope), v + v)
    y[0] = copysign_(u, x)


@cython.cdivision(True)
cdef inline real lecun_tanh_derivative_from_output(real y) noexcept nogil:
    # (2/3) (height - y) (height + y) / height, with the height in two parts.
    cdef real height = <real>1.7159, height_low = <real>(1.7159 - <double>height)
    cdef real factor = <real>0.3885230297025856, rest = (height - abs_(y)) + height_low
    rest = 0 if rest < 0 else rest  # the float nearest to the height may be above it
    return factor * (rest * ((height + abs_(y)) + height_low))


cdef inline void hard_tanh_with_derivative(
    real x, real min_val, real max_val, real *y, real *dy
) noexcept nogil:
    y[0] = clipped(x, min_val, max_val)
    dy[0] = hard_tanh_derivative_from_output(x, min_val, max_val)
    if not min_val < max_val:
        y[0] = <real>NAN


cdef inline real hard_tanh_derivative_from_output(
    real y, real min_val, real max_val
) noexcept nogil:
    cdef real known = nan_or_constant(y, 1)
    cdef real slope = 0 if (y <= min_val) | (y >= max_val) else known
    return slope if min_val < max_val else <real>NAN


@cython.cdivision(True)
cdef inline void tanh_shrink_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # Up to 1.25 x^3 over a polynomial, as (x/2)^2 x / d, beyond |x| - 1, which is exact, and 2 q,
    # q = e / (1 + e), e = exp(-2|x|): one division. The derivative is the square of what they leave
    # of |x|, where x^3 / d needs no more than its rounding.
    cdef real a = abs_(x), one = 1, two = 2, s, r, p, z, z_low, f, h
    cdef real v, v2, part, whole, d, q, t, t_low
    cdef bint small = a < 1.25
    shrink_reduced(cut_at(a, 40, 40), &s, &r)  # from there tanh is 1
    two_product(a * <real>0.25, a, &z, &z_low)
    if HAS_MASKS:  # choosing coefficients takes 0.9 of the time of two series, elsewhere 1.15
        v = z if small else r
        v2 = v * v
        p = shrink_series(small, v, v2)
        f = z if small else v2
        part = <real>0.75 if small else -r
        whole = h = fma_(p, f, part)
    else:
        h = fma_(shrink_series(False, r, r * r), r * r, -r)
        p = shrink_series(True, z, z * z)
        part = <real>0.75
        whole = fma_(p, z, part)
    d = fma_(two * s, h, s)
    q = (a if small else d) / (whole if small else one + d)
    f = z if small else two
    # What rounding d and z cost; d is near 1.
    t_low = fma_(-z, fma_(p, z, part - whole), z_low) * q
    if HAS_FMA:
        y[0] = copysign_(fma_(f, q, t_low if small else a - one), x)
    else:
        s = <real>16777216 * q  # lest the parts be subnormal
        two_product(z, s, &t, &d)
        t = (t + (d + t_low * <real>16777216)) * <real>5.960464477539063e-08
        y[0] = copysign_(t if small else fma_(two, q, a - one), x)
    t = fma_(-f, q, a if small else one)
    dy[0] = t * t


@cython.cdivision(True)
cdef inline void softsign_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # From the cut on y rounds to 1 and the derivative to 0; infinity would give NaN.
    cdef real one = 1, a = cut_at(abs_(x), <real>1e30, <real>1e200), d = one / (one + a)
    y[0] = copysign_(a / (one + a), x)
    dy[0] = d * d


@cython.cdivision(True)
cdef inline void softsign_and_derivative(real x, real *y, real *dy) noexcept nogil:
    """The same bits with one division: Markstein's step rounds the quotient correctly."""
    cdef real one = 1, a = cut_at(abs_(x), <real>1e30, <real>1e200), d = one / (one + a), t = a * d
    if HAS_FMA:
        t = fma_(fma_(-t, one + a, a), d, t)
    else:
        t = a / (one + a)
    y[0] = copysign_(t, x)
    dy[0] = d * d


cdef inline real softsign_derivative_from_output(real y) noexcept nogil:
    cdef real rest = 1 - abs_(y)
    return rest * rest


@cython.cdivision(True)
cdef inline void softplus_with_derivative(real x, real beta, real *y, real *dy) noexcept nogil:
    # max(x, 0) + log1p(e) / beta, e = exp(-beta |x|) = s (1 + h). s is scale 2^-bias, a factor that
    # comes last for the quotient may be subnormal where e is not and the other way round: below 1
    # beta makes tails normal of which e underflows. From the cut on scale is 0.
    cdef real one = 1, bias, unit, inverse, rest, scale, s, h, t
    beta = beta if beta > 0 else <real>NAN
    if real is float:
        bias = 126 if beta < 1 else 30
        unit = <float>1.1754943508222875e-38 if beta < 1 else <float>9.313225746154785e-10
    else:
        bias = 1022 if beta < 1 else 60
        unit = 2.2250738585072014e-308 if beta < 1 else 8.673617379884035e-19
    inverse = one / beta
    two_product(inverse, beta, &h, &rest)
    # The relative error of 1 / beta, partly as one of e, of which log1p(e) has 0.7 to 1: so no
    # product is needed. Not where beta is too large to be split.
    rest = (one - h) - rest
    rest = rest if abs_(rest) < one else 0
    inverse = inverse * unit
    exp_of_product(abs_(x), beta, rest * <real>0.6, bias, &scale, &h)
    s = without_bias(scale, unit)
    t = log1p_over_scale(s, h, fma_(s, h, s), rest * <real>0.4)
    inverse = scale * inverse
    y[0] = fma_(inverse, t, not_below(x, 0, 0)) + inverse
    s = scale * unit
    t = s * ((one + h) / (one + fma_(s, h, s)))
    dy[0] = one - t if x > 0 else t


cdef inline real without_bias(real scale, real unit) noexcept nogil:
    """scale * unit, powers of 2, or 0 where that is small."""
    cdef int32_t bits
    if HAS_MASKS and real is float:  # not a product, which would take 1.03 of softplus's time
        bits = bits32(scale) - bits32(1 / unit) + 0x3f800000
        return float_of(bits if bits > 0 else 0)
    return scale * unit


cdef inline real softplus_derivative_from_output(real y, real beta) noexcept nogil:
    cdef real slope = minus_expm1(-beta * y)
    return slope if beta > 0 else <real>NAN


@cython.cdivision(True)
cdef inline void squareplus_with_derivative(real x, real b, real *y, real *dy) noexcept nogil:
    # y = max(x, 0) + q, q = c / t, c = b / 4, t = a + root, a = |x| / 2, root^2 = a^2 + c. The
    # derivative is c / (2 root t), or 1 less that above 0, with root t = root^2 + a root. a is
    # scaled by a power of 2 with which c is near 2^-60 (double 2^-120): so the square overflows
    # only where the root is a, and root t only where the quotient is 0. What depends on b alone
    # leaves the loop.
    cdef real one = 1, half = <real>0.5, a, c, n, m, scale, square, root, rest, t, low, q, d
    cdef real inverse, end
    cdef bint far
    b = b if b > 0 else <real>NAN
    scale = inverse_root_power(b)
    n = b * scale * <real>0.25
    c = n * scale
    m = c * half
    a = abs_(x) * (scale * half)
    if HAS_FMA:
        square = fma_(a, a, c)
        root = sqrt_(square)
        d = fma_(a, root, square)
        if HAS_MASKS:
            d = cut_at(d, <real>4.951760157141521e27, <real>9.7453140114e288)
            inverse = near_inverse(d)
            q = m * inverse
            d = fma_(inverse, fma_(-d, q, m), q)
        else:
            d = m / d
        # The remainder is that of a + root, not of t: the root's error is the largest left.
        end = unknown(inverse_half_end(b))  # from there t has an inverse of 0, as infinity has
        a = end if end < a else a
        root = cut_at(root, <real>1.8446744073709552e19, <real>1.3407807929942597e154)
        root = a if a > root else root
        inverse = near_inverse(a + root)
        q = n * inverse
        q = fma_(inverse, fma_(-a, q, fma_(-root, q, n)), q)
    else:
        two_product(a, a, &t, &low)
        square = sum_of(t, c, &q)
        root = sqrt_(square)
        far = a > (<real>4e18 if sizeof(real) == 4 else <real>1e153)
        rest = 0 if far else low + q
        d = square + (a * root + rest)
        d = m / cut_at(d, <real>4.951760157141521e27, <real>9.7453140114e288)
        two_product(root, root, &t, &low)
        rest = ((square - t) - low) + rest
        root = a if far else root
        two_sum(root, a, &t, &low)
        # The roundings of root and sum made good. Infinity has given NaN.
        q = n / t
        inverse = q * (one / n)
        rest = 0 if far else -fma_(rest, inverse * <real>0.6666666666666666, low)
        q = fma_(q * inverse, rest, q)
    y[0] = not_below(x, 0, 0) + q
    dy[0] = one - d if x > 0 else d


cdef inline real positive_part(real x) noexcept nogil:
    """x or, below 0, the zero that leaves the sign of a difference right."""
    return not_below(x, <real>-0.0, <real>-0.0)


cdef inline void gelu_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # x > 0: x - |x| Q(|x|) and 1 - (Q - |x| phi); else -|x| Q and Q - |x| phi.
    if real is float:
        gelu_of_float(x, y, dy)
    else:
        gelu_of_double(x, y, dy)


cdef inline void gelu_of_float(float x, float *y, float *dy) noexcept nogil:
    cdef float one = 1, a = cut_at(abs_(x), 15, 15), t, scale, h, v, lost, tail, high, low
    normal_tail(a, &t, &scale, &h, &v, &lost)
    tail = t * scale
    if HAS_FMA:
        tail = fma_(tail, h, tail + tail)
    else:
        two_product(tail, h, &high, &low)
        two_sum(tail + tail, high, &tail, &high)
        tail = tail + (high + low)
    y[0] = fma_(-exp_unit(x), tail, positive_part(x))
    tail = normal_slope(a, t) * scale
    h = fma_(-lost, v, h)  # without what `lost` is of t, and with it of a + k
    tail = fma_(tail, h, tail + tail) * exp_unit(x)
    dy[0] = one - tail if x > 0 else tail


cdef inline void gelu_of_double(double x, double *y, double *dy) noexcept nogil:
    # Q is exp(-x^2/2) times Mills' ratio; x^2 in two parts, for the tail magnifies its rounding.
    cdef double one = 1, a = cut_at(abs_(x), 39, 39), v, v_low, scale, h, h_low, n, n_low, tail
    cdef double zero = 0, t, t_low, p, p_low, m, m_low
    cdef double density = 0.3989422804014327, density_low = -2.4923272022777433e-17
    two_product(a * 0.5, a, &v, &v_low)
    if HAS_FMA:
        exp_of_parts(v, v_low, exp_magic(zero), &n, &scale, &h)
    else:
        exp_of_sum(v, v_low, &scale, &h, &h_low)
    mills_ratio(a, &t, &t_low, &p, &p_low, &m, &m_low)
    if HAS_FMA:
        tail = fma_(t, p, fma_(t, fma_(p, h, p_low), t_low * p))
    else:
        two_product(t, p, &n, &n_low)
        n_low = fma_(n, h_low, fma_(t, p_low, fma_(t_low, p, n_low)))
        tail = n + fma_(n, h, n_low)
    y[0] = fma_(-(tail * scale), exp_unit(x), positive_part(x))
    two_product(density, a, &n, &n_low)
    tail = (m - n) + fma_(-density_low, a, m_low - n_low)
    tail = fma_(tail, h, tail) * scale * exp_unit(x)
    dy[0] = one - tail if x > 0 else tail


cdef inline real not_below(real x, real end_of_float, real end_of_double) noexcept nogil:
    """x, but no less than the end that is given for its type; NaN stays NaN."""
    cdef real end = unknown(end_of_float if sizeof(real) == 4 else end_of_double)
    return end if end > x else x


@cython.cdivision(True)
cdef inline void gate(
    real x, real a, real scale, real e, real rest, bint refined, real *y, real *dy
) noexcept nogil:
    """x sigmoid(w) and its derivative, w a function of x as odd and growing as x.

    `a` is |x|, cut where the results have vanished, and 1 + exp(|w|) is (scale + e) / gate_unit().
    With t = sigmoid(-|w|) the value is max(x, 0) - a t; the derivative, with rest = 1 - x w'(x), is
    p = t (rest + (1 - rest) t) below 0 and 1 - p above. gate_unit() is the last factor of both, for
    t may be subnormal where they are not.
    """
    cdef real one = 1, half = <real>0.5, unit = gate_unit(x), d = scale + e, p
    y[0] = fma_(-unit, a / d, positive_part(x))
    p = fma_(one / d, fma_(-unit, rest, unit), rest)
    # gelu_tanh' and quick_gelu' are up to 4.3 ulp off if a product gives p.
    p = p / d if refined else p * (one / d)
    dy[0] = fma_(-p, copysign_(unit, x), half + copysign_(half, x))


cdef inline void silu_with_derivative(real x, real *y, real *dy) noexcept nogil:
    cdef real one = 1, a = cut_at(abs_(x), 110, 760), scale, rest = one_and_exp(a, &scale)
    gate(x, a, scale, rest, one - a, False, y, dy)


@cython.cdivision(True)
cdef inline void swish_with_derivative(real x, real beta, real *y, real *dy) noexcept nogil:
    # x / (1 + e), e = exp(w), w = -beta x: x may be anything where e matters, so instead of by
    # gate_unit, e is kept from overflowing by a factor of its own where n is above 126 (double
    # 1022), 0 from 253 (2045) on. Below w = -80 e is nothing. With t = 1 / (1 + e) the derivative
    # is t (1 - w e t) for w < 0, else t (1 - w + w t).
    cdef real zero = <real>-0.0, one = 1, half = <real>0.5, most = finite(<real>INFINITY), magic
    cdef real inverse, far, near, up, down, a, b, w, w_low, t, top, scale, unit, q, d, slope
    cdef bint above
    # That of exp_scaled without a bias, and halved with n, for beta / ln 2 may overflow.
    if real is float:
        magic = <float>(12582912 + 127) / 2
        top = magic + 63
    else:
        magic = (6755399441055744.0 + 1023) / 2
        top = magic + 511
    beta = copysign_(finite(abs_(beta)), beta)
    inverse = one / abs_(beta)
    far = finite((<real>175.5 if sizeof(real) == 4 else <real>1417.5) * inverse)
    near = finite(<real>80 * inverse)
    # The bounds as sums, for choices would not leave the loop. Half of infinity is infinity, where
    # beta is 0, so there are none for a.
    up = half + copysign_(half, beta)
    down = one - up
    b = clipped(x, -fma_(down, near, up * far), fma_(up, near, down * far))
    far = far + (inverse - finite(inverse))
    a = clipped(x, -(far + down * most + down * most), far + up * most + up * most)
    two_product(b, -beta, &w, &w_low)
    if not HAS_FMA:
        w_low = w_low if abs_(w_low) <= abs_(w) else 0  # NaN where b is too large to be split
    t = fma_(b, beta * -<real>0.72134752044448170, magic)
    top = unknown(top)
    top = top if top < t else t
    scale = power_of_2(top, zero)
    unit = power_of_2(top - t, magic)
    q = expm1_reduced(reduced_product(b, -beta, magic - t, w, w_low))
    d = scale + fma_(scale, q, unit)
    y[0] = a / d * unit
    above = w < 0
    slope = fma_(b, beta, one) if HAS_FMA else (one - w) - w_low
    q = (fma_(-scale, q, -scale) if above else unit) / d
    dy[0] = fma_(w, q, one if above else slope) / d * unit


cdef inline void quick_gelu_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # Not 1.702 x is reduced by multiples of ln 2, but x by those of ln(2) / 1.702, the double.
    cdef real one = 1, k = <real>1.702, a = cut_at(abs_(x), 66, 450), n, scale, r, e, v, v_low, p
    if real is float:
        gate_reduced(a, <float>2.4554669595930157, <float>0.407257080078125, &n, &scale, &r)
        r = fma_(n, <float>2.567410707074373e-06, r)
        # src/coefficients.py, "exp of quick_gelu"
        p = <float>0.0336021222
        p = fma_(p, r, <float>0.119556397)
        p = fma_(p, r, <float>0.34965843)
        p = fma_(p, r, <float>0.821717739)
        p = fma_(p, r, <float>1.44840181)
        if HAS_FMA:
            e = fma_(scale * r, fma_(p, r, k), gate_unit(x))
        else:
            e = fma_(scale, fma_(r * r, p, k * r), gate_unit(x))
    else:
        gate_reduced(a, 2.4554669595930157, 0.40725451266746404, &n, &scale, &r)
        r = fma_(k, r, n * (k * 4.6105613979999193e-14))
        e = fma_(scale, expm1_reduced(r), gate_unit(x))
    if HAS_FMA:
        v = fma_(-k, a, one)
    else:
        two_product(k, a, &v, &v_low)
        v = (one - v) - v_low
    gate(x, a, scale, e, v, True, y, dy)


cdef inline void gelu_tanh_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # w = B x (C + x^2), 1 / C the double 0.044715, of which w / B is computed, in two parts, and
    # reduced by multiples of ln(2) / B. The bits of C are so few that g - C is exact.
    cdef real B = <real>0.07135481627260025, B3 = <real>0.21406444881780073, C, C_low
    cdef real A = <real>1.5957691216057308, A_low, one = 1
    cdef real a = cut_at(abs_(x), <real>10.9, <real>21.8)
    cdef real z, z_low, g, g_low, w, w_low, n, scale, r, e, p, v, v_low, high, low
    two_product(a, a, &z, &z_low)
    if real is float:
        C, C_low, A_low = <float>22.363861083984375, -<float>1.08174799e-6, -<float>4.53406803e-8
    else:
        C, C_low, A_low = 22.36386000223638, 8.1664076543347415e-15, -9.969308809110920e-17
    g = z + C
    g_low = (z - (g - C)) + (z_low + C_low)
    two_product(a, g, &w, &w_low)
    w_low = fma_(a, g_low, w_low)
    if real is float:
        gate_reduced(w, <float>0.10294323958002349, <float>9.714111328125, &n, &scale, &r)
        low = fma_(n, <float>2.0300101303904393e-05, w_low)
        high, r = r, r + low
        # src/coefficients.py, "exp of gelu_tanh"
        p = <float>1.81565804e-10
        p = fma_(p, r, <float>1.54676343e-8)
        p = fma_(p, r, <float>1.08021254e-6)
        p = fma_(p, r, <float>6.05504756e-5)
        p = fma_(p, r, <float>2.54575443e-3)
        if HAS_FMA:
            e = fma_(scale * r, fma_(p, r, B), gate_unit(x))
        else:  # that is 2.05 ulp off at -5.19685
            e = fma_(scale, fma_(B, high, fma_(B, low, r * r * p)), gate_unit(x))
    else:
        gate_reduced(w, 0.10294323958002349, 9.714091028024995, &n, &scale, &r)
        low = B * fma_(n, 1.2988940133329521e-12, w_low)
        if HAS_FMA:
            r = fma_(B, r, low)
        else:
            two_product(B, r, &high, &v_low)
            r = high + (v_low + low)
        e = fma_(scale, expm1_reduced(r), gate_unit(x))
    # 1 - x w' = 1 - x (A + 3 B x^2), A = B C: near the root of the derivative A x is near 1.
    if not HAS_FMA or real is double:
        A_low = fma_(B3, z_low, A_low)
    if HAS_FMA:
        v = fma_(-a, fma_(B3, z, A_low), fma_(-a, A, one))
    else:
        two_product(B3, z, &high, &low)
        g = sum_of(A, high, &g_low)
        g_low = g_low + (A_low + low)
        two_product(a, g, &v, &v_low)
        high = sum_of(-v, one, &low)
        v = high - (fma_(a, g_low, v_low) - low)
    gate(x, a, scale, e, v, True, y, dy)


@cython.cdivision(True)
cdef inline void mish_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # With e = exp(x) = s (1 + h), n = e (e + 2) and d = n + 2 the value is x n / d, here as
    # x b (1 + t): b = 1/2 and t = (n - 2) / d, or below b = s and t = (2 h + e (h - 1 - e)) / d.
    # So the errors of e and d reach the result scaled down. From the upper cut on t is 1. The
    # derivative is b (1 + t) times 1 + x q, q = 4 (e + 1) / (d (e + 2)); below times
    # (1 + x) - x (1 - q).
    cdef real one = 1, two = 2, four = 4, half = <real>0.5, z = cut_at(-x, 110, 760)
    cdef real a = not_below(z, -12, -25), scale, s, h, h_low, e, p, d, t, b, n
    cdef bint above = x > <real>-0.347  # where s is 1 at least
    exp_scaled(a, one, exp_magic(<real>0), &scale, &h, &h_low)
    s = scale * exp_unit(x)
    e = fma_(s, h, s)
    p = e + two
    d = fma_(e, p, two)
    if HAS_FMA:
        t = fma_(e, p if above else (h - one) - e, -two if above else h + h) / d
    else:  # t = h - n / d: that way it is 2.1 ulp; with FMA this takes 1.1 of the time
        n = fma_(e, h, e) * (e + one)
        t = (fma_(e, p, -two) if above else -n) / d
        t = t + (0 if above else h)
    b = half if above else scale
    n = z * b
    n = fma_(-n, t, -n)
    y[0] = n if above else n * exp_unit(x)
    n = fma_(four, e, four) if above else -e * fma_(e, four + e, two)
    n = fma_(-a, n / (d * p), one if above else one - a)
    n = fma_(n, t, n) * b
    dy[0] = n if above else n * exp_unit(x)


cdef inline void hard_swish_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # (x / 6) (x + 3) with x / 6 rounded once: 2.2 ulp otherwise. The low part of 1/6 is positive,
    # or -0 would lose its sign. Without FMA the product is split, for x / 6 may be subnormal.
    cdef real three = 3, nearest = <real>0.16666666666666666, sixth, sixth_low, p, p_low
    cdef real b = -three if x < -3 else x
    if real is float:
        sixth, sixth_low = <float>0.16666665, <float>9.934107462565104e-09
    else:
        sixth, sixth_low = 0.16666666666666666, 9.25185853854297e-18
    if HAS_FMA:
        p = fma_(b, sixth, b * sixth_low) * (b + three)
    else:
        two_product(b, b + three, &p, &p_low)
        p = copysign_(p * sixth + (p * sixth_low + p_low * sixth), x)
    y[0] = x if x > 3 else p
    dy[0] = 0 if x <= -3 else <real>1 if x >= 3 else fma_(x, 2, three) * nearest


cdef inline void soft_shrink_with_derivative(real x, real lambd, real *y, real *dy) noexcept nogil:
    # x less x within the bounds, which are NaN where lambd is not in the domain.
    cdef real bound = lambd if lambd >= 0 else <real>NAN, within = x if x > -bound else -bound
    y[0] = x - (within if within < bound else bound)
    if lambd == INFINITY:  # of infinity too
        y[0] = nan_or(x, <real>0)
    dy[0] = shrink_derivative(x, lambd)


cdef inline void hard_shrink_with_derivative(real x, real lambd, real *y, real *dy) noexcept nogil:
    y[0] = 0 if abs_(x) <= lambd else x
    dy[0] = shrink_derivative(x, lambd)
    if not lambd >= 0:
        y[0] = <real>NAN


cdef inline real shrink_derivative(real x, real lambd) noexcept nogil:
    cdef real known = nan_or_constant(x, 1)
    cdef real slope = 0 if abs_(x) <= lambd else known
    return slope if lambd >= 0 else <real>NAN
