"""Elementary functions of float64 arrays for the formulas of the NumPy backend.

Design: NumPy's exp, log1p and sqrt round to about half an ulp. What they are given and what they
give is multiplied in two parts, product and rounding error, for the tail of exp magnifies an
error in its argument. There is no FMA in NumPy: products are split by their bits.
"""

import numpy as np

LARGEST = np.finfo(np.float64).max

# 512 ln 2 = FAR + FAR_LOW: FAR has so few bits that w - FAR is exact from 512 to 2048.
FAR, FAR_LOW, FAR_SCALE = 354.8913564466918, 1.824037762693171e-13, 2.0**-512


def where(condition, a, b):
    """`np.where` on bits: its branch an element costs 7 ns where the signs are random."""
    dtype = np.result_type(a, b)
    integer = f"i{dtype.itemsize}"
    a, b = (np.asarray(choice, dtype).view(integer) for choice in (a, b))
    return (b ^ (a ^ b) & -condition.astype(integer)).view(dtype)


def polynomial(x, coefficients):
    """The polynomial with these coefficients, highest first, by Horner's rule."""
    p = coefficients[0] * x
    for coefficient in coefficients[1:-1]:
        p += coefficient
        p *= x
    return p + coefficients[-1]


def halves(x):
    """The upper 26 bits of each x, and the rest."""
    upper = (np.asarray(x).view(np.int64) & -(1 << 27)).view(np.float64)
    return upper, x - upper


def product(a, b):
    """a * b, and its rounding error (Dekker)."""
    p = a * b
    a, a_low = halves(a)
    b, b_low = halves(b)
    return p, (((a * b - p) + a * b_low) + a_low * b) + a_low * b_low


def third(x):
    """x / 3, and its rounding error."""
    t = x / 3
    return t, ((x - 2 * t) - t) / 3  # both differences are exact


def exp_minus(w, w_low=0.0):
    """Arrays e, r, s with exp(-(w + w_low)) = e (1 + r) s for w >= 0; r is tiny.

    s is 1 but far out, where e alone would be subnormal, and a large factor times e would have
    lost its precision.
    """
    far = w > 700
    return np.exp(far * FAR - w), far * FAR_LOW - w_low, where(far, FAR_SCALE, np.ones_like(w))


def bell(e, rest, near):
    """b, c with exp(-w) / (1 + exp(-w))^2 = b (1 + c), exp(-w) = e (1 + rest); near: w < 1.2.

    With z = (1 - e) / (1 + e) that is (1 - z^2) / 4, and z is good to 0 where e goes to 1.
    """
    z = (near - e) / (1 + e)
    c = z * where(near, -z, 2 + z)
    return where(near, 0.25, e), c + rest * (1 - e) * (1 + c)


def scaled(factor, number, c, c_low, scale):
    """factor * number * (1 + c + c_low) * scale, the first product rounded but once, at the end."""
    p, low = product(factor, number)
    return (p + (p * c + (p * c_low + low))) * scale


def log1p_tail(e):
    """log(1 + e) - e for -1/3 <= e <= 1."""
    z = e / (2 + e)  # log(1 + e) is 2 atanh(z)
    square = z * z
    return -z * (e - 2 * square * polynomial(square, ATANH_TAIL))


#: See src/coefficients.py, "atanh double", "tanh double" and "mills double"; highest degree first.
ATANH_TAIL = (
    0.085096819238514074179,
    0.041698446251712432874,
    0.060530887175637681822,
    0.066504812413901613389,
    0.076932803672539266314,
    0.090908719442768262203,
    0.11111111985355523951,
    0.14285714273919517472,
    0.20000000000078676052,
    0.33333333333333151766,
)
TANH_TAIL = (
    -2.5160441116866362307e-8,
    2.6334848125504449931e-7,
    -1.3793194780109670273e-6,
    4.9880382405912627245e-6,
    -1.4606501923747837011e-5,
    3.838995147853161196e-5,
    -9.6463005172115849377e-5,
    2.3895716105748322077e-4,
    -5.8997933192145352631e-4,
    1.4558247011305004934e-3,
    -3.5921266808673743778e-3,
    8.8632354047411413927e-3,
    -2.1869488529139738874e-2,
    5.3968253968046740857e-2,
    -0.13333333333333090569,
)
MILLS_TAIL = (
    -6.727779589825011836e-10,
    -2.4201601727636448547e-9,
    1.7622886832713808429e-9,
    1.924175692981591539e-8,
    1.3449774056446929701e-8,
    -8.4801198384484693887e-8,
    -1.5502887857318828184e-7,
    2.7125047977454089674e-7,
    1.0215278433434980458e-6,
    -6.2938094027008406289e-7,
    -5.9201352263128707271e-6,
    7.1655011730299868231e-7,
    0.000035144668435481277426,
    -1.9082308191900402485e-6,
    -0.00023109493085590166572,
    0.00013334430827664007536,
    0.0016308184570007868898,
    -0.0034796923670308845381,
    -0.0075401889666847180704,
    0.060396574890920135113,
    -0.18652185795965858286,
    0.38713740074221483255,
)
MILLS_0, MILLS_0_LOW = 0.75528513041575149241, -2.3130269014548347e-17
MILLS_1, MILLS_1_LOW = -0.60789664197189209542, -1.3254612155494847e-17


def mills_ratio(a):
    """exp(a^2 / 2) Q(a) and its rounding error, for 0 <= a <= 64; Q is the normal upper tail.

    (a + 4) times that is a polynomial in q = (a - 4) / (a + 4) = 1 - 8 / (a + 4).
    """
    d = a + 4
    d_low = np.minimum(a, 4) - (d - np.maximum(a, 4))
    inverse = 1 / d
    p, low = product(inverse, d)
    inverse_low = ((1 - p) - low - inverse * d_low) * inverse
    q = 1 - 8 * inverse
    q_low = ((1 - q) - 8 * inverse) - 8 * inverse_low
    # The last steps in two parts, for they are all but the whole.
    tail = q * polynomial(q, MILLS_TAIL[:-1])
    slope = MILLS_TAIL[-1] + tail
    slope_low = tail - (slope - MILLS_TAIL[-1])
    tail = q * slope
    slope = MILLS_1 + tail
    slope_low = (tail - (slope - MILLS_1)) + (MILLS_1_LOW + q * slope_low)
    p, low = product(slope, q)
    low += slope_low * q + (slope + tail) * q_low + MILLS_0_LOW
    total = MILLS_0 + p
    rest = total - MILLS_0
    low += (MILLS_0 - (total - rest)) + (p - rest)
    m, m_low = product(total, inverse)
    return m, m_low + (low * inverse + total * inverse_low)
