# The formulas, one per activation, for float and double.
#
# Design: a formula returns value *and* derivative from shared subexpressions. The operations
# project that pair and the compiler drops the unused half, so no operation can disagree with
# another. Where the output determines the derivative, a second formula gives it from there.
# Constants are typed (`cdef real one = 1`): a bare 1 may become a double in the C source, and
# the float loop then converts forth and back. Derivatives at kinks and the promised errors are
# facts of the table (activations.py).

cimport cython
from libc.math cimport NAN

from fastact.elementary cimport copysign_, exp_minus, fma_, nan_or, real


cdef inline void identity_with_derivative(real x, real *y, real *dy) noexcept nogil:
    y[0] = x
    dy[0] = nan_or(x, <real>1)


cdef inline real identity_derivative_from_output(real y) noexcept nogil:
    return nan_or(y, <real>1)


cdef inline void relu_with_derivative(real x, real *y, real *dy) noexcept nogil:
    y[0] = 0 if x < 0 else x
    dy[0] = relu_derivative_from_output(x)


cdef inline real relu_derivative_from_output(real y) noexcept nogil:
    return nan_or(y, <real>1 if y > 0 else <real>0)


cdef inline void leaky_relu_with_derivative(
    real x, real negative_slope, real *y, real *dy
) noexcept nogil:
    # A slope of 0 is relu, at x = -inf too.
    cdef real below = negative_slope * x if negative_slope != 0 else nan_or(x, <real>0)
    y[0] = x if x > 0 else below
    dy[0] = nan_or(x, <real>1 if x > 0 else negative_slope)


cdef inline real leaky_relu_derivative_from_output(real y, real negative_slope) noexcept nogil:
    cdef real slope = <real>1 if y > 0 else negative_slope
    # With a negative slope every output is positive: y does not tell the side.
    return nan_or(y, slope if negative_slope >= 0 else <real>NAN)


@cython.cdivision(True)
cdef inline void sigmoid_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # t = sigmoid(-|x|) = e / (1 + e), e = exp(-|x|) = s (1 + q), as s + s (q - e) / (1 + e):
    # the rounding errors of the quotient reach t scaled down, and e is never rounded.
    # Plain e / (1 + e) is 2.3 ulp off at -3.47, this 1.9.
    cdef real one = 1, s, q, t
    exp_minus(x, one, &s, &q)
    t = fma_(s, fma_(q, one - s, -s) / fma_(s, q, one + s), s)
    y[0] = one - t if x > 0 else t
    # t (1 - t), with t the small one of the two: nothing is lost at either tail.
    dy[0] = fma_(-t, t, t)


cdef inline real sigmoid_derivative_from_output(real y) noexcept nogil:
    cdef real one = 1
    return y * (one - y)


@cython.cdivision(True)
cdef inline void tanh_with_derivative(real x, real *y, real *dy) noexcept nogil:
    # tanh |x| = t = (1 - e) / (1 + e), e = exp(-2|x|) = s (1 + 2 h), each sum rounded once.
    cdef real one = 1, two = 2, s, h, t, v
    exp_minus(x, two, &s, &h)
    t = fma_(-two * s, h, one - s) / fma_(two * s, h, one + s)
    y[0] = copysign_(t, x)
    # 1 - t^2 = v (2 - v) with v = 1 - t, as 2 e / (1 + e) = e (1 + t) to keep the tail.
    v = fma_(two * s, h, s) * (one + t)
    dy[0] = fma_(-v, v, v + v)


cdef inline real tanh_derivative_from_output(real y) noexcept nogil:
    cdef real one = 1
    return (one - y) * (one + y)
