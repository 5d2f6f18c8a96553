# Design: what the diagnostics count of a batch, in one pass over it where NumPy needs a dozen.
#
# The batch is walked in tiles of units, all rows of a tile at a time: the tile's accumulators
# stay in L1, and being local arrays they alias nothing. The innermost loops are branch-free and
# vectorise, which is why counts are integers as wide as the data (a comparison's mask is the
# count, negated); float64 on the baseline tier, which lacks such integers' comparisons, is the
# exception. Counts are integers, so no order of summing changes them; sums are of doubles, of
# the distances from the unit's first value, so that a mean far from 0 costs the variance no
# digits. What can be finished here is: in NumPy, with the arrays of the statistics out of the
# caches, the last steps took as long as the pass.
#
# NaN and infinity show in the sum of absolute values. Only a tile where it is not finite is
# walked once more, with masks: masks for all cost a third of the time.
#
# fastact/diagnostics/_passes.py has the same two functions in NumPy, and documents them.

from libc.float cimport DBL_MAX
from libc.math cimport fabs
from libc.stdint cimport INT32_MAX, int32_t, int64_t
from libc.string cimport memset

import numpy

from fastact.elementary cimport real

cdef enum:
    TILE = 256

ctypedef fused integer:
    int32_t
    int64_t


cdef inline void count(
    const real *x, const real *v, Py_ssize_t width, real low, real high, real near,
    integer *below, integer *above, integer *small, integer *signs,
) noexcept nogil:
    """One row of a tile; `signs` gets how many are positive and how many negative."""
    cdef real zero = 0
    cdef integer positive = 0, negative = 0
    cdef Py_ssize_t j
    for j in range(width):
        below[j] += x[j] <= low
        above[j] += x[j] >= high
        small[j] += v[j] <= near
        positive += v[j] > zero
        negative += v[j] < zero
    signs[0] = positive
    signs[1] = negative


cdef inline void add_moments(
    const real *v, const double *shift, Py_ssize_t width, double *first, double *second,
    double *absolute,
) noexcept nogil:
    """One row of a tile of finite values."""
    cdef double d
    cdef Py_ssize_t j
    for j in range(width):
        d = <double>v[j] - shift[j]
        first[j] += d
        second[j] += d * d
        absolute[j] += fabs(<double>v[j])


cdef inline void add_finite_moments(
    const real *v, const double *shift, Py_ssize_t width, double *first, double *second,
    double *absolute, double *bad,
) noexcept nogil:
    """One row of a tile; what is not finite is counted and adds nothing."""
    cdef double size, d
    cdef Py_ssize_t j
    for j in range(width):
        size = fabs(<double>v[j])
        d = <double>v[j] - shift[j] if size <= DBL_MAX else 0.0
        first[j] += d
        second[j] += d * d
        absolute[j] += size if size <= DBL_MAX else 0.0
        bad[j] += 0.0 if size <= DBL_MAX else 1.0


cdef inline bint all_finite(const double *values, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(width):
        if not fabs(values[j]) <= DBL_MAX:
            return False
    return True


cdef inline void walk(
    const real[:, ::1] z, const real[:, ::1] y, real low, real high, real near,
    int64_t examples, int64_t[:, ::1] counts, double[:, ::1] moments, int64_t[::1] active,
    int64_t[:, ::1] signs, integer *tag,
) noexcept nogil:
    cdef Py_ssize_t rows = z.shape[0], units = z.shape[1], tile, start, width, i, j, k
    cdef integer tally[3][TILE]
    cdef integer row[2]
    cdef double shift[TILE]
    cdef double total[4][TILE]
    cdef double finite, before, first, gap, step
    for tile in range((units + TILE - 1) // TILE):
        start = tile * TILE
        width = min(units - start, <Py_ssize_t>TILE)
        memset(tally, 0, sizeof(tally))
        memset(total, 0, sizeof(total))
        for j in range(width):
            shift[j] = y[0, start + j] if fabs(<double>y[0, start + j]) <= DBL_MAX else 0.0
        for i in range(rows):
            count(
                &z[i, start], &y[i, start], width, low, high, near,
                tally[0], tally[1], tally[2], row,
            )
            signs[0, i] += row[0]
            signs[1, i] += row[1]
            add_moments(&y[i, start], shift, width, total[0], total[1], total[2])
        if not all_finite(total[2], width):
            memset(total, 0, sizeof(total))
            for i in range(rows):
                add_finite_moments(
                    &y[i, start], shift, width, total[0], total[1], total[2], total[3]
                )
        for j in range(width):
            k = start + j
            finite = rows - total[3][j]
            before = examples - counts[3, k]
            first = total[0][j]
            # The batch's mean and squared deviations, merged by Chan's formula.
            gap = shift[j] + first / max(finite, 1.0) - moments[0, k]
            step = gap * (finite / max(before + finite, 1.0))
            moments[0, k] += step
            moments[1, k] += max(total[1][j] - first * first / max(finite, 1.0), 0.0)
            moments[1, k] += gap * step * before
            moments[2, k] += total[2][j]
            counts[0, k] += tally[0][j]
            counts[1, k] += tally[1][j]
            counts[2, k] += tally[2][j]
            counts[3, k] += <int64_t>total[3][j]
            active[k] = <int64_t>finite - tally[0][j] - tally[1][j]


def outputs(
    const real[:, ::1] z, const real[:, ::1] y, double low, double high, double near,
    int64_t examples, int64_t[:, ::1] counts, double[:, ::1] moments, int64_t[::1] active,
):
    cdef real bottom = <real>low
    cdef real top = <real>high
    cdef real nought = <real>near
    cdef int64_t[:, ::1] signs = numpy.zeros((2, z.shape[0]), numpy.int64)
    cdef Py_ssize_t i, signed_rows = 0
    cdef double shares = 0
    with nogil:
        if real is float and z.shape[0] <= INT32_MAX:
            walk(
                z, y, bottom, top, nought, examples, counts, moments, active, signs,
                <int32_t *>NULL,
            )
        else:
            walk(
                z, y, bottom, top, nought, examples, counts, moments, active, signs,
                <int64_t *>NULL,
            )
        for i in range(signs.shape[1]):
            if signs[0, i] or signs[1, i]:
                signed_rows += 1
                shares += max(signs[0, i], signs[1, i]) / <double>(signs[0, i] + signs[1, i])
    return signed_rows, shares


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
                    total[1][j] += fabs(<double>g[j])
                    total[2][j] += <double>g[j] * g[j]
            if not all_finite(total[1], width):
                memset(total, 0, sizeof(total))
                for i in range(rows):
                    g = &grad[i, start]
                    for j in range(width):
                        size = fabs(<double>g[j])
                        total[0][j] += 0.0 if size <= DBL_MAX else 1.0
                        size = size if size <= DBL_MAX else 0.0
                        total[1][j] += size
                        total[2][j] += size * size
            for j in range(width):
                for k in range(3):
                    sums[k, start + j] += total[k][j]
