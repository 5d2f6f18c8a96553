# Design: every function over an axis is a few passes over *tiles* of LANES columns, and a pass is
# an elementwise loop over whole rows of a tile. The lanes are LANES rows of the operand side by
# side (short rows, or an axis that is not the last), or they share one row between them (long
# rows: element i is in lane i % LANES) and `join` combines what they found. So each pass is
# written once, has no remainder, and a sum or a maximum over a row vectorises without leave
# to reassociate: its order is written down.
#
# Tiles are gathered and scattered, which serves every layout and float16. Long contiguous rows
# are written where they lie, and read there if they are a multiple of LANES long: outputs never
# overlap inputs here, for NumPy gives a generalised ufunc copies of those.
#
# Tried: the sum in the pass that makes the exponentials. The registers do not suffice: softmax of
# 1024 x 1024 takes 0.65 ns an element instead of 0.57 (AVX2).
#
# Exactness. exp(x - max) would lose half an ulp of x - max, 32 ulp of the result at -80. The
# exponentials are instead those of x itself, scaled by 2^-n, n the rounded max / ln 2: the power of
# two goes into the argument reduction and costs nothing. Where |max| is so large that x - max is
# exact for every x that counts (Sterbenz), the maximum is subtracted before. Sums are kept in
# double, for double in two: their error does not grow with the length. The exponential of the
# maximum stays out of the sum, so that log(sum) is log1p(rest / largest), exact near 0 too: the
# loss of a sure and right prediction is 1e-30, not 0.

from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.math cimport INFINITY, NAN
from libc.stdlib cimport free, malloc

from fastact.axiswise import ROW_KERNELS
from fastact.elementary cimport (
    abs_, bits64, double_of, exp_cut, exp_magic, exp_minus, exp_scaled, exp_unit, fma_, uint64_t
)

cdef extern from *:
    """
    /* A loop of operands of one dtype but the last input, a label. */
    static int fastact_add_label_loop(PyObject *ufunc, void *loop, PyObject *dtype)
    {
        PyArray_DTypeMeta *dtypes[8];
        int nin = ((PyUFuncObject *)ufunc)->nin, nout = ((PyUFuncObject *)ufunc)->nout;
        for (int i = 0; i < nin + nout; i++)
            dtypes[i] = i == nin - 1 ? &PyArray_IntpDType : (PyArray_DTypeMeta *)dtype;
        PyType_Slot slots[] = {{NPY_METH_strided_loop, loop}, {0, NULL}};
        PyArrayMethod_Spec spec = {
            ((PyUFuncObject *)ufunc)->name, nin, nout, NPY_NO_CASTING,
            NPY_METH_NO_FLOATINGPOINT_ERRORS, dtypes, slots};
        return PyUFunc_AddLoopFromSpec(ufunc, &spec);
    }
    """
    int register_label_loop "fastact_add_label_loop"(
        object ufunc, void *address, object dtype
    ) except -1


# A function's tag.
ctypedef struct softmax_t:
    char _
ctypedef struct softmax_backward_t:
    char _
ctypedef struct softmax_backward_from_output_t:
    char _
ctypedef struct log_softmax_t:
    char _
ctypedef struct log_softmax_backward_t:
    char _
ctypedef struct log_softmax_backward_from_output_t:
    char _
ctypedef struct logsumexp_t:
    char _
ctypedef struct logsumexp_backward_t:
    char _
ctypedef struct label_entropy_t:
    char _
ctypedef struct label_entropy_with_derivative_t:
    char _
ctypedef struct entropy_t:
    char _
ctypedef struct entropy_with_derivative_t:
    char _

ctypedef fused row_function:
    softmax_t
    softmax_backward_t
    softmax_backward_from_output_t
    log_softmax_t
    log_softmax_backward_t
    log_softmax_backward_from_output_t
    logsumexp_t
    logsumexp_backward_t
    label_entropy_t
    label_entropy_with_derivative_t
    entropy_t
    entropy_with_derivative_t

# What operands a function has, in this order: a gradient for each row or for each element, x or
# the saved output, labels or probabilities; then a result for each row, one for each element.
ctypedef fused row_gradient:
    logsumexp_backward_t
    label_entropy_with_derivative_t
    entropy_with_derivative_t

ctypedef fused gradient:
    softmax_backward_t
    softmax_backward_from_output_t
    log_softmax_backward_t
    log_softmax_backward_from_output_t

ctypedef fused from_output:
    softmax_backward_from_output_t
    log_softmax_backward_from_output_t

ctypedef fused labels:
    label_entropy_t
    label_entropy_with_derivative_t

ctypedef fused probabilities:
    entropy_t
    entropy_with_derivative_t

ctypedef fused row_result:
    logsumexp_t
    label_entropy_t
    label_entropy_with_derivative_t
    entropy_t
    entropy_with_derivative_t

ctypedef fused reduction:  # nothing but a result for each row
    logsumexp_t
    label_entropy_t
    entropy_t

ctypedef fused logarithm:  # needs log(sum(exp(x)))
    log_softmax_t
    logsumexp_t
    label_entropy_t
    label_entropy_with_derivative_t
    entropy_t
    entropy_with_derivative_t

cdef enum:
    LANES = 32
    STACK = 4096  # elements of tiles that need no malloc
    LONGEST = 32768  # elements of rows that are side by side
    SHORT = 16  # lines of which each element is added by itself
    JOIN = 6  # lines that take as long as to join the lanes


cdef void maxima(real *x, npy_intp height, bint joined, real *top) noexcept nogil:
    """The maximum of each row; NaN is passed over."""
    cdef real best[LANES]  # in registers, as `top` could not be
    cdef npy_intp j, w
    for w in range(LANES):
        best[w] = <real>-INFINITY
    for j in range(height):
        for w in range(LANES):
            best[w] = x[j * LANES + w] if x[j * LANES + w] > best[w] else best[w]
    if joined:
        j = LANES // 2
        while j > 0:
            for w in range(j):
                best[w] = best[w + j] if best[w + j] > best[w] else best[w]
            j //= 2
    for w in range(LANES):
        top[w] = best[0] if joined else best[w]


cdef enum terms:
    ALL  # a
    EACH  # the same, none of them added in its own precision
    PRODUCTS  # a * b
    OTHERS  # a where b is not the row's value of c


cdef void total(
    terms kind, real *a, real *b, real *c, npy_intp height, bint joined, double *result
) noexcept nogil:
    """The sum of the terms of each row."""
    if kind == ALL:
        add_up(ALL, a, b, c, height, joined, result)
    elif kind == EACH:
        add_up(EACH, a, b, c, height, joined, result)
    elif kind == PRODUCTS:
        add_up(PRODUCTS, a, b, c, height, joined, result)
    else:
        add_up(OTHERS, a, b, c, height, joined, result)


cdef inline void add_up(
    terms kind, real *a, real *b, real *c, npy_intp height, bint joined, double *result
) noexcept nogil:
    cdef double sums[LANES]
    cdef double errors[LANES]
    cdef double sum, part
    cdef real four
    cdef npy_intp fours = 0 if kind == EACH else height // 4 * 4, j, i, w
    for w in range(LANES):
        sums[w] = 0
        errors[w] = 0
    for j in range(0, fours, 4):
        for w in range(LANES):
            i = j * LANES + w
            # Four elements are added in their own precision, two roundings deep.
            four = (
                term(kind, a[i], b[i], c[w])
                + term(kind, a[i + LANES], b[i + LANES], c[w])
            ) + (
                term(kind, a[i + 2 * LANES], b[i + 2 * LANES], c[w])
                + term(kind, a[i + 3 * LANES], b[i + 3 * LANES], c[w])
            )
            sum = sums[w] + four
            if real is double:
                part = sum - sums[w]
                errors[w] += (sums[w] - (sum - part)) + (four - part)
            sums[w] = sum
    for j in range(fours, height):
        for w in range(LANES):
            i = j * LANES + w
            sums[w] += term(kind, a[i], b[i], c[w])
    for w in range(LANES):
        # The error of an infinite sum is NaN.
        result[w] = sums[w] + errors[w] if errors[w] == errors[w] else sums[w]
    if joined:
        i = LANES // 2
        while i > 0:
            for w in range(i):
                result[w] += result[w + i]
            i //= 2


cdef inline real term(terms kind, real a, real b, real c) noexcept nogil:
    if kind == PRODUCTS:
        return a * b
    return <real>0 if kind == OTHERS and b == c else a


cdef void exponentials(
    bint biased, real *x, real *top, npy_intp height, bint joined, real *e, real *largest
) noexcept nogil:
    """e = exp(x - top), times a power of two for each row that makes it exact (see Design).

    `largest` is where x is top. Where they are `biased`, all are larger by exp_unit, which spares a
    multiplication: for what is made of ratios alone. What is too small to count is then not 0, but
    2^-188 (double 2^-1526) of the largest.
    """
    cdef real shift[LANES]
    cdef real magic[LANES]
    cdef real lowest[LANES]
    cdef real near, n
    cdef real further = 0 if not biased else 38 if sizeof(real) == 4 else 450
    # x >= top - cut > top / 2 makes top - x exact.
    cdef real far = 2 * exp_cut(<real>4 + further)
    cdef bint shifted = False
    cdef npy_intp j, w
    for w in range(LANES):
        near = top[w] if abs_(top[w]) < far else <real>0
        n = (near * <real>1.44269504088896341 + exp_magic(<real>0)) - exp_magic(<real>0)
        shift[w] = top[w] - near
        shifted |= shift[w] != 0
        magic[w] = exp_magic(-n)
        lowest[w] = -exp_cut(further - n)
        largest[w] = exponential(biased, top[w] - shift[w], lowest[w], magic[w])
    if shifted:
        for j in range(height):
            for w in range(LANES):
                e[j * LANES + w] = x[j * LANES + w] - shift[w]
        x = e
    if biased:
        all_exponentials(True, x, lowest, magic, height, joined, e)
    else:
        all_exponentials(False, x, lowest, magic, height, joined, e)


cdef inline void all_exponentials(
    bint biased, real *x, real *lowest, real *magic, npy_intp height, bint joined, real *e
) noexcept nogil:
    cdef npy_intp j, w
    if joined:
        for j in range(height * LANES):
            e[j] = exponential(biased, x[j], lowest[0], magic[0])
    else:
        for j in range(height):
            for w in range(LANES):
                e[j * LANES + w] = exponential(biased, x[j * LANES + w], lowest[w], magic[w])


cdef inline real exponential(bint biased, real x, real lowest, real magic) noexcept nogil:
    cdef real s, h, h_low, one = 1
    exp_scaled(-(lowest if lowest > x else x), one, magic, &s, &h, &h_low)
    return fma_(s, h, s) if biased else fma_(s, h, s) * exp_unit(x)


cdef bint has_nan(real *x, npy_intp step, npy_intp n) noexcept nogil:
    cdef npy_intp i
    for i in range(n):
        if x[i * step] != x[i * step]:
            return True
    return False


cdef inline void row_kernel(
    real *x, real *g, real *scale, npy_intp *label, real *e, real *value, real *out, npy_intp n,
    bint joined, row_function *tag
) noexcept nogil:
    """One tile: from the operands x, g, scale and label the results out and value; e is scratch.

    x is the saved output for `from_output`; g is the gradient of out, or the probabilities.
    """
    cdef real top[LANES]
    cdef real largest[LANES]
    cdef real p[LANES]
    cdef real q[LANES]
    cdef real x_label[LANES]
    cdef real e_label[LANES]
    cdef double sums[LANES]
    cdef double others[LANES]
    cdef double dot[LANES]
    cdef double mass[LANES]
    cdef double log_sum[LANES]
    cdef npy_intp i, j, w, lanes = 1 if joined else LANES
    cdef npy_intp height = (n + LANES - 1) // LANES if joined else n
    cdef bint cancels = False
    cdef double share, least = 0.75
    cdef real t

    # Passes over the elements: the exponentials, and sums over each row.
    if row_function is softmax_backward_from_output_t:
        total(PRODUCTS, g, x, top, height, joined, dot)
    elif row_function is log_softmax_backward_from_output_t:
        total(ALL, g, g, top, height, joined, dot)
    else:
        maxima(x, height, joined, top)
        if row_function in probabilities:
            for j in range(height):
                for w in range(LANES):
                    i = j * LANES + w
                    t = g[i] * (x[i] - top[w])
                    e[i] = t if g[i] != 0 else <real>0  # 0 log(0) = 0
            total(ALL, e, e, top, height, joined, dot)
            total(ALL, g, g, top, height, joined, mass)
        exponentials(
            row_function is softmax_t or row_function is log_softmax_t or row_function in reduction,
            x, top, height, joined, e, largest,
        )
        if row_function in logarithm and real is float and height <= SHORT and not joined:
            # What cancels of them is not lost: for short rows cheaper than another pass.
            total(EACH, e, e, top, height, joined, sums)
            least = 9.5367431640625e-07  # 2^-20
        else:
            total(ALL, e, e, top, height, joined, sums)
        if row_function is softmax_backward_t:
            total(PRODUCTS, g, e, top, height, joined, dot)
        elif row_function is log_softmax_backward_t:
            total(ALL, g, g, top, height, joined, dot)
        elif row_function in logarithm:
            for w in range(lanes):
                others[w] = sums[w] - largest[w]
                cancels |= others[w] < least * largest[w]
            if cancels:
                total(OTHERS, e, x, top, height, joined, others)
                for w in range(lanes):
                    t = <real>(sums[w] - largest[w])
                    others[w] = others[w] if t < <real>least * largest[w] else sums[w] - largest[w]

    # What the elements of a row have in common. Loops that a compiler vectorises: without loads
    # from computed addresses, which come first.
    if row_function in labels:
        for w in range(lanes):
            x_label[w] = x[label[w]]
            e_label[w] = e[label[w]]
    if row_function in logarithm:
        for w in range(lanes):
            log_sum[w] = log1p_ratio(others[w], largest[w], x)
    for w in range(lanes):
        if row_function is softmax_t:
            p[w] = <real>(1 / sums[w])
        elif row_function is softmax_backward_t:
            p[w] = <real>(1 / sums[w])
            q[w] = <real>(dot[w] / sums[w])
        elif row_function in from_output:
            q[w] = <real>dot[w]
        elif row_function is log_softmax_t:
            p[w] = top[w]
            q[w] = <real>log_sum[w]
        elif row_function is log_softmax_backward_t:
            p[w] = <real>(dot[w] / sums[w])
        elif row_function is logsumexp_t:
            value[w] = <real>(top[w] + log_sum[w])
        elif row_function is logsumexp_backward_t:
            p[w] = <real>(scale[w] / sums[w])
        elif row_function in labels:
            value[w] = <real>(log_sum[w] + (<double>top[w] - x_label[w]))
        elif row_function in probabilities:
            value[w] = <real>(log_sum[w] * mass[w] - dot[w])
        if row_function is entropy_with_derivative_t:
            p[w] = <real>(scale[w] * mass[w] / sums[w])
            q[w] = scale[w]
        elif row_function is label_entropy_with_derivative_t:
            share = 1 / sums[w]
            p[w] = <real>(scale[w] * share)
            # What softmax lacks to 1 at the label is the share of all others.
            others[w] = others[w] if x_label[w] == top[w] else sums[w] - e_label[w]
            q[w] = <real>(-scale[w] * (others[w] * share))
    if row_function is logsumexp_t:
        for w in range(lanes):
            if abs_(top[w]) == <real>INFINITY:
                i = 1 if joined else LANES
                value[w] = <real>NAN if has_nan(x + w, i, height * (LANES // i)) else top[w]

    if row_function not in reduction:
        if joined:
            for i in range(n):
                out[i] = element_of(x[i], g[i], e[i], p[0], q[0], tag)
        else:
            for j in range(height):
                for w in range(LANES):
                    i = j * LANES + w
                    out[i] = element_of(x[i], g[i], e[i], p[w], q[w], tag)
    if row_function is label_entropy_with_derivative_t:
        for w in range(lanes):
            out[label[w]] = q[w]


cdef inline real element_of(
    real x, real g, real e, real p, real q, row_function *tag
) noexcept nogil:
    """An element of the result, with what its row has in common in p and q."""
    cdef real s, h, one = 1
    if row_function is softmax_backward_t:
        return e * p * (g - q)
    elif row_function is softmax_backward_from_output_t:
        return x * (g - q)
    elif row_function is log_softmax_t:
        return (x - p) - q
    elif row_function is log_softmax_backward_t:
        return g - e * p
    elif row_function is log_softmax_backward_from_output_t:
        exp_minus(x, one, &s, &h)
        return g - fma_(s, h, s) * q
    elif row_function is entropy_with_derivative_t:
        return e * p - q * g
    else:
        return e * p


cdef inline double log1p_ratio(double rest, double largest, real *dtype) noexcept nogil:
    """log(1 + rest / largest), to 2^-36 for float; libm's log1p takes 25 ns, as long as all else
    for a row of ten."""
    # 1 + rest / largest = 2^k (1 + u / largest); log(1 + u / largest) = 2 artanh(s) by its series.
    # The sums' bits are their logarithms but for 0.09, so |s| < 0.201; one division serves. Where
    # k is 0 u is rest, exactly, and where it is 1 nothing but the sum is rounded.
    cdef uint64_t k = (bits64(largest + rest) - bits64(largest) + (<uint64_t>1 << 51)) >> 52
    cdef double power = double_of((1023 - k) << 52)
    cdef double n = double_of(bits64(4503599627370496.0) | k) - 4503599627370496.0
    cdef double u = fma_(power, rest, (power - 1) * largest)
    cdef double s = u / (u + 2 * largest), z = s * s, p = 2.0 / 13
    if real is double:
        p = 2.0 / 23
        p = fma_(p, z, 2.0 / 21)
        p = fma_(p, z, 2.0 / 19)
        p = fma_(p, z, 2.0 / 17)
        p = fma_(p, z, 2.0 / 15)
        p = fma_(p, z, 2.0 / 13)
    p = fma_(p, z, 2.0 / 11)
    p = fma_(p, z, 2.0 / 9)
    p = fma_(p, z, 2.0 / 7)
    p = fma_(p, z, 2.0 / 5)
    p = fma_(p, z, 2.0 / 3)
    p = fma_(n, 1.90821492927058770002e-10, p * z * s)  # ln 2 in two parts
    return fma_(n, 6.93147180369123816490e-01, 2 * s + p)


ctypedef fused row_element:
    uint16_t  # a float16's bits
    float
    double

cdef struct operand:
    # Its steps from row to row and along a row.
    char *data
    npy_intp step
    npy_intp core


cdef void load(
    operand a, row_element *kind, real *tile, npy_intp n, npy_intp lanes, bint joined, real padding
) noexcept nogil:
    """Gather a tile. Lanes without a row repeat the first one's."""
    cdef npy_intp i, j, w = 0
    cdef row_element *source
    if joined:
        gather(<row_element *>a.data, a.core, tile, n)
        for i in range(n, (n + LANES - 1) // LANES * LANES):
            tile[i] = padding
        return
    if a.step != <npy_intp>sizeof(row_element):
        # Four rows at a time: twice as fast as one.
        for w in range(0, lanes - 3, 4):
            for j in range(n):
                for i in range(4):
                    source = <row_element *>(a.data + (w + i) * a.step + j * a.core)
                    tile[j * LANES + w + i] = widened(source[0], tile)
        w = lanes // 4 * 4
    for j in range(n):
        source = <row_element *>(a.data + w * a.step + j * a.core)
        gather(source, a.step, tile + j * LANES + w, lanes - w)
        for i in range(lanes, LANES):
            tile[j * LANES + i] = tile[j * LANES]


cdef void save(
    real *tile, operand a, row_element *kind, npy_intp n, npy_intp lanes, bint joined
) noexcept nogil:
    """Scatter a tile."""
    cdef npy_intp i, j, w = 0
    cdef row_element *target
    if joined:
        scatter(tile, <row_element *>a.data, a.core, n)
        return
    if a.step != <npy_intp>sizeof(row_element):
        for w in range(0, lanes - 3, 4):
            for j in range(n):
                for i in range(4):
                    target = <row_element *>(a.data + (w + i) * a.step + j * a.core)
                    target[0] = narrowed(tile[j * LANES + w + i], target)
        w = lanes // 4 * 4
    for j in range(n):
        target = <row_element *>(a.data + w * a.step + j * a.core)
        scatter(tile + j * LANES + w, target, a.step, lanes - w)


cdef inline real *tile_of(
    operand a, row_element *kind, real *tile, npy_intp n, npy_intp lanes, bint joined, real padding
) noexcept nogil:
    """A tile with the operand's elements: where they lie if that will do, else gathered."""
    if (row_element is float and real is float) or (row_element is double and real is double):
        if joined and a.core == <npy_intp>sizeof(real) and n % LANES == 0:
            return <real *>a.data
    load(a, kind, tile, n, lanes, joined, padding)
    return tile


cdef inline operand next_operand(char **operands, npy_intp *steps, int *i) noexcept nogil:
    cdef operand a
    a.data, a.step, a.core = operands[i[0]], steps[i[0]], 0
    i[0] += 1
    return a


cdef inline operand next_row_operand(
    char **operands, npy_intp *steps, int *i, npy_intp **cores
) noexcept nogil:
    cdef operand a = next_operand(operands, steps, i)
    a.core = cores[0][0]
    cores[0] += 1
    return a


cdef inline int all_rows(
    char **operands, npy_intp count, npy_intp n, npy_intp *steps, row_element *kind, real *dtype,
    row_function *tag
) except -1 nogil:
    """The kernel on every row, tile by tile."""
    # NumPy has the steps from row to row first, then those along the rows.
    cdef npy_intp *cores = steps + 2 + (
        (1 if row_function in row_gradient else 0)
        + (1 if row_function in gradient else 0)
        + (1 if row_function in labels else 0)
        + (1 if row_function in probabilities else 0)
        + (1 if row_function in row_result and row_function not in reduction else 0)
    )
    cdef operand outer, inner, x, label, value, out
    cdef real stack[STACK]
    cdef real outers[LANES]
    cdef real values[LANES]
    cdef npy_intp at[LANES]
    cdef real *tiles = stack
    cdef real *xs
    cdef real *gs
    cdef real *es
    cdef real *outs
    cdef npy_intp together = count if count < LANES else LANES
    cdef npy_intp height = (n + LANES - 1) // LANES, lines, beside, lanes, size, place, w
    cdef int i = 0
    cdef bint joined

    if row_function in row_gradient:
        outer = next_operand(operands, steps, &i)
    if row_function in gradient:
        inner = next_row_operand(operands, steps, &i, &cores)
    x = next_row_operand(operands, steps, &i, &cores)
    if row_function in labels:
        label = next_operand(operands, steps, &i)
    if row_function in probabilities:
        inner = next_row_operand(operands, steps, &i, &cores)
    if row_function in row_result:
        value = next_operand(operands, steps, &i)
    if row_function not in reduction:
        out = next_row_operand(operands, steps, &i, &cores)

    if n == 0:
        if row_function in row_result:
            for w in range(LANES):
                values[w] = <real>-INFINITY if row_function is logsumexp_t else <real>0
            while count > 0:
                lanes = count if count < LANES else LANES
                scatter(values, <row_element *>value.data, value.step, lanes)
                value.data += lanes * value.step
                count -= lanes
        return 0

    # What either way takes, in lines of LANES elements: to join the lanes takes some, and gathering
    # is dear along an axis that is not contiguous; but tiles of very long rows need much memory.
    beside = n if x.step == <npy_intp>sizeof(row_element) else 2 * n
    lines = together * (height + JOIN)
    joined = n > LONGEST or (
        lines if x.core == <npy_intp>sizeof(row_element) else 4 * lines
    ) < beside
    if not joined:
        height = n
    size = height * LANES
    if size > STACK // 3:
        tiles = NULL  # a row of stride 0 may be so long that its bytes cannot be counted
        if size <= PY_SSIZE_T_MAX // (3 * <npy_intp>sizeof(real)):
            tiles = <real *>malloc(3 * size * sizeof(real))
        if tiles == NULL:
            with gil:
                raise MemoryError
    while count > 0:
        lanes = 1 if joined else count if count < LANES else LANES
        # What a row is filled up with adds nothing to its sums.
        xs = tile_of(
            x, kind, tiles, n, lanes, joined,
            <real>0 if row_function in from_output else <real>-INFINITY,
        )
        gs = xs
        if row_function in gradient or row_function in probabilities:
            gs = tile_of(inner, kind, tiles + size, n, lanes, joined, <real>0)
            inner.data += lanes * inner.step
        if row_function in row_gradient:
            gather(<row_element *>outer.data, outer.step, outers, lanes)
            for w in range(lanes, LANES):
                outers[w] = 0
            outer.data += lanes * outer.step
        if row_function in labels:
            for w in range(LANES):
                at[w] = w
            for w in range(lanes):
                place = (<npy_intp *>(label.data + w * label.step))[0]
                if 0 <= place < n:  # else it was changed since it was checked
                    at[w] += place * (1 if joined else LANES)
            label.data += lanes * label.step
        es = outs = tiles + 2 * size
        if row_function not in reduction:
            if (row_element is float and real is float) or (
                row_element is double and real is double
            ):
                if joined and out.core == <npy_intp>sizeof(real):
                    outs = <real *>out.data
        row_kernel(xs, gs, outers, at, es, values, outs, n, joined, tag)
        if row_function not in reduction:
            if outs == es:
                save(es, out, kind, n, lanes, joined)
            out.data += lanes * out.step
        if row_function in row_result:
            scatter(values, <row_element *>value.data, value.step, lanes)
            value.data += lanes * value.step
        x.data += lanes * x.step
        count -= lanes
    if tiles != stack:
        free(tiles)
    return 0


cdef int row_loop(
    row_function *context, char **operands, npy_intp *dimensions, npy_intp *steps,
    row_element *auxdata
) except -1 nogil:
    """A generalised ufunc's loop as NumPy calls it."""
    cdef unsigned before = flags()  # NumPy looks for errors in spite of the loop's flag
    if row_element is uint16_t:
        all_rows(operands, dimensions[0], dimensions[1], steps, auxdata, <float *>NULL, context)
    else:
        all_rows(operands, dimensions[0], dimensions[1], steps, auxdata, auxdata, context)
    restore_flags(before)
    return 0


cdef object new_row_ufunc(str name, str signature, int nin, int nout, Kernels **kernels):
    """A ufunc without loops, a generalised one if it has a signature."""
    cdef bytes encoded = name.encode(), core = signature.encode()
    _kept_alive.extend((encoded, core))
    kernels[0] = <Kernels *>PyMem_Malloc(sizeof(Kernels))  # the ufunc lives for ever
    if kernels[0] == NULL:
        raise MemoryError
    kernels[0].nin, kernels[0].nout = nin, nout
    kernels[0].takes_bfloat16 = kernels[0].adds_bias = False
    return np.PyUFunc_FromFuncAndDataAndSignature(
        NULL, <void **>kernels[0], NULL, 0, nin, nout, np.PyUFunc_None, encoded, b"", 0,
        <char *>core if signature else NULL,
    )


cdef int add_row_function(row_function *tag, str name) except -1:
    """Make the generalised ufunc of a kernel of the table."""
    cdef Kernels *kernels
    inputs, outputs = ROW_KERNELS[name].split("->")
    ufunc = new_row_ufunc(
        name, ROW_KERNELS[name], inputs.count("("), outputs.count("("), &kernels
    )
    kernels.takes_bfloat16 = True  # that is: no loop is to be added
    for dtype, address in (
        (numpy.float16, <size_t>&row_loop[row_function, uint16_t]),
        (numpy.float32, <size_t>&row_loop[row_function, float]),
        (numpy.float64, <size_t>&row_loop[row_function, double]),
    ):
        if row_function in labels:
            register_label_loop(ufunc, <void *><size_t>address, type(numpy.dtype(dtype)))
        else:
            register_loop(ufunc, <void *><size_t>address, type(numpy.dtype(dtype)))
    if row_function not in labels:
        add_promoter(ufunc)
    UFUNCS[name] = ufunc


KERNELS["maxima", "float32"] = <size_t>&maxima[float]
KERNELS["maxima", "float64"] = <size_t>&maxima[double]
KERNELS["exponentials", "float32"] = <size_t>&exponentials[float]
KERNELS["exponentials", "float64"] = <size_t>&exponentials[double]
KERNELS["total", "float32"] = <size_t>&total[float]
KERNELS["total", "float64"] = <size_t>&total[double]

add_row_function(<softmax_t *>NULL, "softmax")
add_row_function(<softmax_backward_t *>NULL, "softmax_backward")
add_row_function(<softmax_backward_from_output_t *>NULL, "softmax_backward_from_output")
add_row_function(<log_softmax_t *>NULL, "log_softmax")
add_row_function(<log_softmax_backward_t *>NULL, "log_softmax_backward")
add_row_function(<log_softmax_backward_from_output_t *>NULL, "log_softmax_backward_from_output")
add_row_function(<logsumexp_t *>NULL, "logsumexp")
add_row_function(<logsumexp_backward_t *>NULL, "logsumexp_backward")
add_row_function(<label_entropy_t *>NULL, "label_entropy")
add_row_function(<label_entropy_with_derivative_t *>NULL, "label_entropy_with_derivative")
add_row_function(<entropy_t *>NULL, "entropy")
add_row_function(<entropy_with_derivative_t *>NULL, "entropy_with_derivative")


# The gated units: a f(b), with a and b the halves of an axis. Once it is split they are
# elementwise, and `loop` of ufuncs.pxi serves them. A new one is its member of `gate`, its line at
# the end and its row of the table.
ctypedef fused gate:
    relu_t
    sigmoid_t
    gelu_t
    silu_t


ctypedef fused gate_operation:
    value_t
    backward_t


cdef void gate_kernel(
    const real *restrict grad, const real *restrict b, const real *restrict a,
    const real *restrict unused, real *restrict out, real *restrict b_grad, npy_intp n,
    bint uniform, gate *tag, gate_operation *task
) noexcept nogil:
    """a, b -> a f(b); or grad, b, a -> grad f(b), grad a f'(b), where a may be one value."""
    cdef npy_intp i
    cdef real y, dy
    for i in range(n):
        evaluate(b[i], <real>0, <real>0, &y, &dy, tag)
        if gate_operation is backward_t:
            b_grad[i] = grad[i] * ((a[0] if uniform else a[i]) * dy)
        out[i] = grad[i] * y


cdef int add_gate(gate *tag, str name) except -1:
    """Make the two ufuncs of a gated unit."""
    cdef Kernels *kernels
    for nout in 1, 2:
        function = name if nout == 1 else name + "_backward"
        ufunc = new_row_ufunc(function, "", nout + 1, nout, &kernels)
        kernels.first_parameter = 2
        if nout == 1:
            kernels.of_float = <void *>&gate_kernel[float, gate, value_t]
            kernels.of_double = <void *>&gate_kernel[double, gate, value_t]
        else:
            kernels.of_float = <void *>&gate_kernel[float, gate, backward_t]
            kernels.of_double = <void *>&gate_kernel[double, gate, backward_t]
        KERNELS[function, "float32"] = <size_t>kernels.of_float
        KERNELS[function, "float64"] = <size_t>kernels.of_double
        register_loop(ufunc, <void *>&loop[uint16_t], type(numpy.dtype(numpy.float16)))
        register_loop(ufunc, <void *>&loop[float], type(numpy.dtype(numpy.float32)))
        register_loop(ufunc, <void *>&loop[double], type(numpy.dtype(numpy.float64)))
        add_promoter(ufunc)
        UFUNCS[function] = ufunc


add_gate(<sigmoid_t *>NULL, "glu")
add_gate(<relu_t *>NULL, "reglu")
add_gate(<gelu_t *>NULL, "geglu")
add_gate(<silu_t *>NULL, "swiglu")
