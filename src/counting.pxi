# Design: what the diagnostics count of a batch, in one pass over it where NumPy needs a dozen.
#
# The batch is walked in tiles of units, all rows of a tile at a time: the tile's accumulators
# stay in L1, and being local arrays they alias nothing. Every innermost loop is branch-free
# and vectorises, which is why counts are integers as wide as the data (a comparison's mask is
# the count, negated) and why no condition is written twice in a loop (the compiler would join
# the two into a branch). Counts are integers, so no order of summing changes them; sums are
# of doubles, of what is left after the shift that the caller takes from the data, so that a
# mean far from 0 costs the variance no digits.
#
# fastact/diagnostics/_passes.py has the same two functions in NumPy, and documents them.

from libc.float cimport DBL_MAX
from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fastact.elementary cimport real

cdef enum:
    TILE = 256

ctypedef fused integer:
    int32_t
    int64_t


cdef inline void count(
    const real *x, const real *v, Py_ssize_t width, real low, real high, real near,
    integer *below, integer *above, integer *small, integer *bad, integer *signs,
) noexcept nogil:
    """One row of a tile; `signs` gets how many are positive and how many negative."""
    cdef real zero = 0
    cdef integer positive = 0, negative = 0
    cdef Py_ssize_t j
    for j in range(width):
        below[j] += x[j] <= low
        above[j] += x[j] >= high
        small[j] += v[j] <= near
        bad[j] += v[j] - v[j] != zero  # NaN or infinite
        positive += v[j] > zero
        negative += v[j] < zero
    signs[0] = positive
    signs[1] = negative


cdef inline void add_moments(
    const real *v, const double *shift, Py_ssize_t width, double *first, double *second,
    double *absolute,
) noexcept nogil:
    """One row of a tile; what is not finite adds nothing."""
    cdef double size, d
    cdef Py_ssize_t j
    for j in range(width):
        size = fabs(<double>v[j])
        d = <double>v[j] - shift[j]
        d = d if d - d == 0 else 0.0
        first[j] += d
        second[j] += d * d
        absolute[j] += size if size <= DBL_MAX else 0.0


cdef inline void walk(
    const real[:, ::1] z, const real[:, ::1] y, real low, real high, real near,
    const double[::1] shift, int64_t[:, ::1] counts, double[:, ::1] sums, int64_t[:, ::1] signs,
    integer *width_of_data,
) noexcept nogil:
    cdef Py_ssize_t rows = z.shape[0], units = z.shape[1], tile, start, width, i, j, k
    cdef integer tally[4][TILE]
    cdef integer row[2]
    cdef double total[3][TILE]
    for tile in range((units + TILE - 1) // TILE):
        start = tile * TILE
        width = min(units - start, <Py_ssize_t>TILE)
        memset(tally, 0, sizeof(tally))
        memset(total, 0, sizeof(total))
        for i in range(rows):
            count(
                &z[i, start], &y[i, start], width, low, high, near,
                tally[0], tally[1], tally[2], tally[3], row,
            )
            signs[0, i] += row[0]
            signs[1, i] += row[1]
            add_moments(&y[i, start], &shift[start], width, total[0], total[1], total[2])
        for j in range(width):
            for k in range(4):
                counts[k, start + j] = tally[k][j]
            for k in range(3):
                sums[k, start + j] = total[k][j]


def outputs(
    const real[:, ::1] z, const real[:, ::1] y, double low, double high, double near,
    const double[::1] shift, int64_t[:, ::1] counts, double[:, ::1] sums, int64_t[:, ::1] signs,
):
    with nogil:
        if real is float:
            walk(z, y, <real>low, <real>high, <real>near, shift, counts, sums, signs, <int32_t *>NULL)
        else:
            walk(z, y, <real>low, <real>high, <real>near, shift, counts, sums, signs, <int64_t *>NULL)


def gradients(const real[:, ::1] grad, double[:, ::1] sums):
    cdef Py_ssize_t rows = grad.shape[0], units = grad.shape[1], tile, start, width, i, j, k
    cdef const real *g
    cdef double size
    cdef double total[3][TILE]
    with nogil:
        for tile in range((units + TILE - 1) // TILE):
            start = tile * TILE
            width = min(units - start, <Py_ssize_t>TILE)
            memset(total, 0, sizeof(total))
            for i in range(rows):
                g = &grad[i, start]
                for j in range(width):
                    size = fabs(<double>g[j])
                    total[0][j] += 1.0 if size - size != 0 else 0.0  # NaN or infinite
                    size = size if size <= DBL_MAX else 0.0
                    total[1][j] += size
                    total[2][j] += size * size
            for j in range(width):
                for k in range(3):
                    sums[k, start + j] = total[k][j]
