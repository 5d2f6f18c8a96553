"""Recompute the polynomials of the kernels: ``python src/coefficients.py [NAME]``.

Each is the minimax polynomial, by Remez exchange at 60 digits, of a function for which the error
is weighted as it reaches the result; a degree is the least whose error (printed in bits) is
small beside half an ulp. Needs mpmath.
"""

import struct
import sys

import mpmath

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


def atanh_tail(z2):
    """(atanh(z) - z) / z^3 as a function of z^2."""
    if z2 < TINY:
        return mp.mpf(1) / 3 + z2 / 5 + z2 * z2 / 7
    z = mp.sqrt(z2)
    return (mp.atanh(z) / z - 1) / z2


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


def gelu(t):
    """p(t) of a Q(a) = t exp(-(a^2 + t p(t)) / 2), t = a / (a + 2)."""
    t = max(t, TINY)
    return -2 * mp.log(mills(2)(2 * t - 1)) / t


def gelu_slope(t):
    """p'(t) of Q(a) - a phi(a) = (root - a) p'(t) exp(-(a^2 + t p(t)) / 2)."""

    def ratio(a):
        return mills(2)((a - 2) / (a + 2)) / (a + 2) - a / mp.sqrt(2 * mp.pi)

    root = mp.findroot(ratio, 0.75)
    a = 2 * t / (1 - t)
    a += TINY if abs(a - root) < TINY else 0
    return ratio(a) / (root - a) * mp.exp(t * gelu(t) / 2)


def relative(function):
    return lambda x: 1 / function(x)


#: name: (function, weight of its error, low, high, degree), the function's result in the dtype.
POLYNOMIALS = {
    "exp float": (exp_tail, lambda r: r * r / mp.exp(r), *REDUCED, 4),
    "exp double": (exp_tail, lambda r: r * r / mp.exp(r), *REDUCED, 9),
    "atanh float": (atanh_tail, lambda z2: z2, TINY, mp.mpf("0.11112"), 3),
    "atanh double": (atanh_tail, lambda z2: z2, TINY, mp.mpf("0.11112"), 9),
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
    # Up to where the value is subnormal; half, for it is an exponent's error. Between, where other
    # errors are smaller, more is allowed.
    "gelu float": (gelu, lambda t: t / (5 if 0.2 < t < 0.48 else 2), TINY, mp.mpf("0.868"), 9),
    "gelu' float": (gelu_slope, relative(gelu_slope), mp.mpf(0), mp.mpf("0.868"), 11),
    # Up to where a exp(-a^2/2) has underflowed; the first Numba's.
    "mills float": (mills(3), relative(mills(3)), mp.mpf(-1), mp.mpf("11.7") / mp.mpf("17.7"), 10),
    "mills double": (mills(4), relative(mills(4)), mp.mpf(-1), mp.mpf("34.8") / mp.mpf("42.8"), 23),
}

#: Those of which rounding the coefficients would cost as much again.
ROUNDED = {"gelu' float"}


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
        polynomial[i] = mp.mpf(struct.unpack("f", struct.pack("f", found[i]))[0])
    return polynomial, error


if __name__ == "__main__":
    for name in sys.argv[1:] or POLYNOMIALS:
        search = remez_rounded if name in ROUNDED else remez
        polynomial, error = search(*POLYNOMIALS[name])
        print(f"{name}: 2^{float(mp.log(error, 2)):.1f}")
        print(*(f"    {mp.nstr(c, 33)}" for c in polynomial), sep="\n")
