"""Recompute the polynomials of the kernels: ``python src/coefficients.py [NAME]``.

Each is the minimax polynomial, by Remez exchange at 60 digits, of a function for which the error
is weighted as it reaches the result; a degree is the least whose error (printed in bits) is
small beside half an ulp. Needs mpmath and NumPy.
"""

import struct
import sys

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 60

TINY = mp.mpf("1e-7")
# The reduced argument of exp, and a rounding; not symmetric lest 0, of no weight, be a node.
REDUCED = mp.log(2) / 2 * mp.mpf("-1.0002"), mp.log(2) / 2 * mp.mpf("1.0003")


def exp_tail(r):
    """(exp(r) - 1 - r) / r^2."""
    if abs(r) < TINY:
        return mp.mpf(1) / 2 + r / 6 + r * r / 24
    return (mp.expm1(r) - r) / (r * r)


def exp_weight(r):
    return r * r / mp.exp(r)


def gate_exp(k):
    """(exp(k r) - 1 - k r) / r^2, where k is to be the nearest float: also what that costs."""
    nearest = rounded(k)
    return lambda r: (mp.expm1(k * r) - nearest * r) / (r * r)


def rounded(x):
    """The float nearest to x."""
    return mp.mpf(struct.unpack("f", struct.pack("f", x))[0])


def atanh_tail(z2):
    """(atanh(z) - z) / z^3 as a function of z^2."""
    if z2 < TINY:
        return mp.mpf(1) / 3 + z2 / 5 + z2 * z2 / 7
    z = mp.sqrt(z2)
    return (mp.atanh(z) / z - 1) / z2


def log1p_tail(e):
    """(e - log1p(e)) / e^2."""
    if e < TINY:
        return mp.mpf(1) / 2 - e / 3 + e * e / 4
    return (e - mp.log1p(e)) / (e * e)


def tanh_tail(x2):
    """(x - tanh(x)) / x^3 as a function of x^2."""
    if x2 < TINY:
        return mp.mpf(1) / 3 - 2 * x2 / 15 + 17 * x2 * x2 / 315
    x = mp.sqrt(x2)
    return (1 - mp.tanh(x) / x) / x2


def tanh_shrink(x2):
    """x^3 / (x - tanh(x)) as a function of x^2."""
    return 1 / tanh_tail(x2)


def shrunk(r):
    """What an error of exp's tail at r makes of x - tanh(x) at the least x beyond 1.25."""
    a = (mp.log(2) * (4 if r <= 4 * mp.log(2) - mp.mpf("2.5") else 5) - r) / 2
    q = 1 / (mp.exp(2 * a) + 1)
    return r * r / mp.exp(r) * 2 * q * (1 - q) / (a - 1 + 2 * q)


def erf_tail(x2):
    """erf(x) / x - 1 as a function of x^2."""
    if x2 < TINY:
        return 2 / mp.sqrt(mp.pi) * (1 - x2 / 3 + x2 * x2 / 10) - 1
    x = mp.sqrt(x2)
    return mp.erf(x) / x - 1


def mills(k):
    """(a + k) exp(a^2 / 2) Q(a), Q the normal distribution's upper tail; q = (a - k) / (a + k)."""

    def function(q):
        a = k * (1 + q) / (1 - q)
        return (a + k) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2

    return function


#: a's scale in t = a / (a + K) of gelu's polynomials for float, and what ln 2 is too large there.
K = mp.mpf("2.2355232238769531")
EXCESS = mp.mpf("0.693147182464599609375") / mp.log(2) - 1


def scaled(a):
    return mp.mpf(a) / (mp.mpf(a) + K)


def gelu(t):
    """p(t) of a Q(a) = K / 2 t exp(-(a^2 + 2 t + t p(t)) / 2), with what EXCESS asks for."""
    t = max(t, TINY)
    a = K * t / (1 - t)
    exponent = -2 * mp.log(mills(K)((a - K) / (a + K)) * 2 / K)
    return (exponent + EXCESS * (a * a + exponent)) / t - 2


def gelu_weight(t):
    """Less where other errors leave less."""
    a = K * t / (1 - t)
    for end, divisor in (0.2, 2), (0.36, 1.4), (0.45, 2), (1, 1.5), (2.9, 2), (4.2, 1.4):
        if a < end:
            return t / divisor
    return t / 2.2


def gelu_slope(t):
    """p'(t) of Q(a) - a phi(a) = (root - a) (p'(0) + t p'(t)) (a + K) Q(a), p'(0) rounded."""
    return (whole_gelu_slope(t) - mp.mpf("0.595008790493011474609375")) / t


def whole_gelu_slope(t):
    """p'(0) + t p'(t)."""

    def ratio(a):
        return mills(K)((a - K) / (a + K)) / (a + K) - a / mp.sqrt(2 * mp.pi)

    root = mp.findroot(ratio, 0.75)
    a = K * t / (1 - t)
    a += TINY if abs(a - root) < TINY else 0
    return ratio(a) / (root - a) / mills(K)((a - K) / (a + K))


def gelu_slope_weight(t):
    return t / whole_gelu_slope(t) * (1.3 if 0.3 < t < 0.5 else 1)


#: w = GELU_TANH x (C + x^2)
QUICK_GELU, GELU_TANH = mp.mpf("1.702"), 2 * mp.sqrt(2 / mp.pi) * mp.mpf("0.044715")


def relative(function):
    return lambda x: 1 / function(x)


#: name: (function, weight of its error, low, high, degree), the function's result in the dtype; of
#: two degrees, those of a quotient of polynomials.
POLYNOMIALS = {
    "exp float": (exp_tail, exp_weight, *REDUCED, 4),
    **{
        f"exp of {name} float": (
            gate_exp(k),
            lambda r, k=k: r * r / mp.exp(k * r),
            REDUCED[0] / k,
            -REDUCED[0] / k,
            4,
        )
        for name, k in (("quick_gelu", QUICK_GELU), ("gelu_tanh", GELU_TANH))
    },
    "exp double": (exp_tail, exp_weight, *REDUCED, 9),
    "atanh float": (atanh_tail, lambda z2: z2, TINY, mp.mpf("0.11112"), 3),
    "atanh double": (atanh_tail, lambda z2: z2, TINY, mp.mpf("0.11112"), 9),
    "log1p float": (log1p_tail, lambda e: e * e / mp.log1p(e), TINY, mp.mpf(1), (2, 3)),
    # In 1 - e: where the error counts, near e = 1, the last steps alone are rounded.
    "log1p double": (
        lambda w: log1p_tail(1 - w),
        lambda w: (1 - w) ** 2 / mp.log1p(1 - w),
        mp.mpf(0),
        1 - TINY,
        (5, 6),
    ),
    # Numba's and NumPy's.
    "tanh float": (tanh_tail, relative(tanh_tail), mp.mpf(0), mp.mpf(1), 7),
    "tanh double": (tanh_tail, relative(tanh_tail), mp.mpf(0), mp.mpf(1), 15),
    # Up to 1.25; the constant is rounded to 3.
    "tanh_shrink float": (tanh_shrink, tanh_tail, mp.mpf(0), mp.mpf("1.5625"), 4),
    "tanh_shrink double": (tanh_shrink, tanh_tail, mp.mpf(0), mp.mpf("1.5625"), 9),
    "exp of tanh_shrink float": (exp_tail, shrunk, *REDUCED, 3),
    "exp of tanh_shrink double": (exp_tail, shrunk, *REDUCED, 8),
    "tanh of r double": (tanh_tail, lambda x2: x2, TINY, REDUCED[1] ** 2 / 4, 5),
    "erf to 1 double": (erf_tail, lambda x2: 1 / (1 + erf_tail(x2)), mp.mpf(0), mp.mpf(1), 11),
    "erf float": (erf_tail, lambda x2: 1 / (1 + erf_tail(x2)), mp.mpf(0), mp.mpf("0.5625"), 5),
    "erf double": (erf_tail, lambda x2: 1 / (1 + erf_tail(x2)), mp.mpf(0), mp.mpf("0.5625"), 11),
    # Up to where the value is subnormal.
    "gelu float": (gelu, gelu_weight, TINY, scaled("13.13"), 8),
    "exp of gelu float": (exp_tail, exp_weight, mp.mpf("-0.36"), mp.mpf("0.49"), 4),
    "gelu' float": (gelu_slope, gelu_slope_weight, mp.mpf("1e-3"), scaled("13.3"), 9),
    # Up to where a exp(-a^2/2) has underflowed; the first Numba's.
    "mills float": (mills(3), relative(mills(3)), mp.mpf(-1), mp.mpf("11.7") / mp.mpf("17.7"), 10),
    "mills double": (mills(4), relative(mills(4)), mp.mpf(-1), mp.mpf("34.8") / mp.mpf("42.8"), 23),
}

#: Those of which rounding the coefficients would cost as much again.
ROUNDED = {"gelu' float"}
#: Those of which the function has a pole, if hardly any, where it has no weight.
POLES = {"exp of quick_gelu float", "exp of gelu_tanh float"}

#: Those that are evaluated by `factored`, with its shift.
FACTORED = {"gelu float": mp.mpf("0.9025")}


def extrema(errors):
    """The places of the largest errors of alternating sign."""
    found = []
    for i, error in enumerate(errors):
        if found and mp.sign(errors[found[-1]]) == mp.sign(error):
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    return found


def remez(function, weight, low, high, degree):
    """The coefficients, constant first, and the largest weighted error."""
    count, grid = degree + 2, 60 * (degree + 2)
    middle, half = (low + high) / 2, (high - low) / 2

    def chebyshev(n):
        return [middle - half * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]

    points = [(x, function(x), weight(x)) for x in chebyshev(grid)]
    nodes = [(x, function(x), weight(x)) for x in chebyshev(count)]
    for _ in range(20):
        system = [
            [x**j for j in range(degree + 1)] + [(-1) ** i / w] for i, (x, _, w) in enumerate(nodes)
        ]
        solution = mp.lu_solve(mp.matrix(system), mp.matrix([f for _, f, _ in nodes]))
        polynomial = list(solution[: degree + 1])
        errors = [w * (mp.polyval(polynomial[::-1], x) - f) for x, f, w in points]
        places = extrema(errors)
        while len(places) > count:
            places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
        sizes = [abs(errors[i]) for i in places]
        if len(places) < count or max(sizes) < mp.mpf("1.001") * min(sizes):
            break
        nodes = [points[i] for i in places]
    return polynomial, max(map(abs, errors))


def remez_rounded(function, weight, low, high, degree):
    """As `remez`, but each coefficient is rounded to float before those of lower degree are found."""
    polynomial = [mp.mpf(0)] * (degree + 1)
    for i in range(degree, -1, -1):
        found, error = remez(
            lambda x: function(x) - mp.polyval(polynomial[::-1], x), weight, low, high, i
        )
        polynomial[i] = rounded(found[i])
    return polynomial, error


def factored(polynomial, shift):
    """b, c, d, z, r, z, r, ... of a polynomial as ((b + c y + d v) (y - z) + r) (y - z) + r ...,

    v = x - shift, y = v^2, for an even degree. The z are the zeros in y of what the odd powers of v
    are v times; they have to be real. So a step takes two coefficients (Knuth, Eve).
    """
    coefficients, powers = [], list(polynomial)
    while powers:  # Horner's division by x - shift: the powers of v
        for i in range(len(powers) - 2, -1, -1):
            powers[i] += shift * powers[i + 1]
        coefficients.append(powers.pop(0))
    even, odd = coefficients[::2], coefficients[1::2]
    zeros = sorted(mp.polyroots(odd[::-1]), reverse=True)
    steps = []
    for zero in zeros:
        for i in range(len(even) - 2, -1, -1):
            even[i] += zero * even[i + 1]
        steps = [zero, even.pop(0), *steps]
    return [*even, odd[-1], *steps]


def remez_quotient(function, weight, low, high, degrees):
    """As `remez`: the coefficients of the numerator, then of the denominator, which end in 1."""
    above, below = degrees
    count = above + below + 2
    middle, half, last = (low + high) / 2, (high - low) / 2, 60 * count - 1
    points = [middle - half * mp.cos(mp.pi * i / last) for i in range(last + 1)]
    points = [(x, function(x), weight(x)) for x in points]
    places = [round(i * last / (count - 1)) for i in range(count)]
    numerator, denominator, error = [], [mp.mpf(1)] + [mp.mpf(0)] * below, mp.mpf(0)
    for _ in range(20):
        # Newton's method, for the error's product with the denominator is not linear.
        for _ in range(8):
            system, right = [], []
            for i, (x, f, w) in enumerate(points[place] for place in places):
                sign, d = (-1) ** i / w, mp.polyval(denominator[::-1], x)
                row = [x**j for j in range(above + 1)]
                row += [-(f + sign * error) * x**j for j in range(1, below + 1)]
                system.append([*row, -sign * d])
                right.append(f + sign * error * (1 - d))
            solution = list(mp.lu_solve(mp.matrix(system), mp.matrix(right)))
            numerator, error = solution[: above + 1], solution[-1]
            denominator = [mp.mpf(1), *solution[above + 1 : -1]]
        errors = [
            w * (mp.polyval(numerator[::-1], x) / mp.polyval(denominator[::-1], x) - f)
            for x, f, w in points
        ]
        if max(map(abs, errors)) < mp.mpf("1.001") * abs(error):
            break
        places = extrema(errors)
        while len(places) > count:
            places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
    return [c / denominator[-1] for c in numerator + denominator], max(map(abs, errors))


def lawson_rounded(function, weight, low, high, degree):
    """By Lawson's weighted least squares, each coefficient rounded before those of higher degree."""
    middle, half, count = (low + high) / 2, (high - low) / 2, 2001
    xs = [middle + half * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / count) for i in range(count)]
    xs = [x for x in xs if abs(x) > half / 1000]
    weights = np.array([float(weight(x)) for x in xs])
    rest = np.array([float(function(x) * weight(x)) for x in xs])
    powers = np.array([[float((x / half) ** j) for j in range(degree + 1)] for x in xs])
    powers *= weights[:, None]
    polynomial = []
    for i in range(degree + 1):
        share = np.full(len(xs), 1 / len(xs))
        for _ in range(400):
            root = np.sqrt(share)
            found = np.linalg.lstsq(powers[:, i:] * root[:, None], rest * root, rcond=None)[0]
            share *= abs(powers[:, i:] @ found - rest)
            share /= share.sum()
        polynomial.append(rounded(found[0] / half**i))
        rest = rest - float(polynomial[i] * half**i) * powers[:, i]
    return polynomial, mp.mpf(float(abs(rest).max()))


if __name__ == "__main__":
    for name in sys.argv[1:] or POLYNOMIALS:
        search = remez_rounded if name in ROUNDED else lawson_rounded if name in POLES else remez
        search = remez_quotient if isinstance(POLYNOMIALS[name][-1], tuple) else search
        polynomial, error = search(*POLYNOMIALS[name])
        print(f"{name}: 2^{float(mp.log(error, 2)):.1f}")
        if name in FACTORED:
            polynomial = factored(polynomial, FACTORED[name])
        print(*(f"    {mp.nstr(c, 33)}" for c in polynomial), sep="\n")
