# Design: fused bias for the kernels of ufuncs.pxi, without a specialisation for any activation.
#
# Forward, `bias_f` is the ufunc of f with `adds_bias`: its loop hands the kernel sums of x and b.
#
# Backward, rows of n are walked once from top to bottom: a block of x + b is summed in L1, the
# kernel of `f_backward` takes it, and what comes out is added to the sums of the columns while
# it is there. Those are doubles, n of them, so panels of PANEL columns are walked one after the
# other; short rows share a block, because a call of a kernel costs as much as 30 elements. It is
# no gufunc: NumPy copies an operand that is also the output of one, and in place over the
# gradient is how a training loop calls it. What arrays to pass is settled in fastact/channels.py.

from fastact import channels as _channels

cdef enum:
    PANEL = 2048

# Operands of `sum_rows`.
cdef enum:
    GRAD
    X
    BIAS
    OUT


cdef inline void accumulate(
    const real *restrict block, double *restrict sums, npy_intp n, element *dtype
) noexcept nogil:
    cdef npy_intp i
    for i in range(n):
        sums[i] += widened(narrowed(block[i], dtype), block)


cdef void sum_rows(
    Kernels *kernels, char **operands, npy_intp *down, npy_intp *along, const double *parameters,
    double *sums, npy_intp m, npy_intp n, element *tag, real *dtype
) noexcept nogil:
    """One pass over m rows of n: OUT = GRAD * f'(X + BIAS), and its columns added to `sums`.

    `down` and `along` are the strides of the operands from row to row and within one. OUT may
    be GRAD or X; it overlaps nothing otherwise.
    """
    cdef real grads[BLOCK]
    cdef real totals[BLOCK]
    cdef real results[BLOCK]
    cdef real x[BLOCK]
    cdef real a = <real>parameters[0], b = <real>parameters[1]
    cdef npy_intp width = n if n < BLOCK else BLOCK, height = BLOCK // width
    cdef npy_intp panel = 0, end, top, left, w, k, i
    cdef bint direct[4]
    cdef real *grad
    cdef real *out
    cdef char *at[4]
    for i in range(4):
        direct[i] = sizeof(element) == sizeof(real) and along[i] == <npy_intp>sizeof(real)
    direct[GRAD] &= operands[GRAD] != operands[OUT]
    for i in range(4):
        direct[i] &= i == X or height == 1 or down[i] == n * <npy_intp>sizeof(real)
    while panel < n:
        end = panel + PANEL if panel + PANEL < n else n
        top = 0
        while top < m:
            k = height if top + height < m else m - top
            left = panel
            while left < end:
                w = width if left + width < end else end - left
                for i in range(4):
                    at[i] = operands[i] + top * down[i] + left * along[i]
                grad = <real *>at[GRAD] if direct[GRAD] else grads
                out = <real *>at[OUT] if direct[OUT] else results
                for i in range(k):
                    if not direct[GRAD]:
                        gather(<element *>(at[GRAD] + i * down[GRAD]), along[GRAD], grads + i * w, w)
                    if direct[X]:
                        add_bias(
                            <real *>(at[X] + i * down[X]), <element *>at[BIAS], along[BIAS],
                            totals + i * w, w,
                        )
                    else:
                        gather(<element *>(at[X] + i * down[X]), along[X], x, w)
                        add_bias(x, <element *>at[BIAS], along[BIAS], totals + i * w, w)
                if real is float:
                    (<float_kernel>kernels.of_float)(
                        grad, totals, &a, &b, out, out, k * w, True, NULL, NULL
                    )
                else:
                    (<double_kernel>kernels.of_double)(
                        grad, totals, &a, &b, out, out, k * w, True, NULL, NULL
                    )
                for i in range(k):
                    accumulate(out + i * w, sums + left, w, <element *>NULL)
                    if not direct[OUT]:
                        scatter(
                            results + i * w, <element *>(at[OUT] + i * down[OUT]), along[OUT], w
                        )
                left += w
            top += k
        panel = end


def backward_and_sum(
    backward, np.ndarray grad, np.ndarray x, np.ndarray b, np.ndarray parameters, np.ndarray out,
    np.ndarray sums,
):
    """Backward through an activation and the bias before it.

    `backward` is the ufunc of f_backward. grad, x and out are 2-D, b is 1-D, of one native,
    aligned float dtype; two `parameters` and `sums`, to which grad_b is added, contiguous doubles.
    """
    cdef Kernels *kernels = <Kernels *>(<PyUFuncObject *>backward).data
    cdef char *operands[4]
    cdef npy_intp down[4]
    cdef npy_intp along[4]
    cdef npy_intp m = np.PyArray_DIM(x, 0), n = np.PyArray_DIM(x, 1)
    cdef int kind = np.PyArray_TYPE(x), i
    cdef const double *scalars = <double *>np.PyArray_DATA(parameters)
    cdef double *totals = <double *>np.PyArray_DATA(sums)
    cdef unsigned before = flags()
    if m == 0 or n == 0:
        return
    for i, array in enumerate((grad, x, b, out)):
        operands[i] = <char *>np.PyArray_DATA(array)
        down[i] = np.PyArray_STRIDE(array, 0)
        along[i] = np.PyArray_STRIDE(array, i != BIAS)
    down[BIAS] = 0
    with nogil:
        if kind == np.NPY_FLOAT:
            sum_rows(
                kernels, operands, down, along, scalars, totals, m, n,
                <float *>NULL, <float *>NULL,
            )
        elif kind == np.NPY_DOUBLE:
            sum_rows(
                kernels, operands, down, along, scalars, totals, m, n,
                <double *>NULL, <double *>NULL,
            )
        elif kind == np.NPY_FLOAT16:
            sum_rows(
                kernels, operands, down, along, scalars, totals, m, n,
                <uint16_t *>NULL, <float *>NULL,
            )
        else:  # bfloat16
            sum_rows(
                kernels, operands, down, along, scalars, totals, m, n,
                <int16_t *>NULL, <float *>NULL,
            )
    restore_flags(before)


cdef bint overlap(np.ndarray one, np.ndarray other) noexcept:
    """Whether two contiguous arrays share memory."""
    cdef char *a = <char *>np.PyArray_DATA(one)
    cdef char *b = <char *>np.PyArray_DATA(other)
    return a < b + np.PyArray_NBYTES(other) and b < a + np.PyArray_NBYTES(one)


def backward_if_plain(backward, grad, x, b, np.ndarray parameters, out):
    """The results of the common call, of like, contiguous arrays; None if it is not that simple.

    The checks of the general call take 50 us, these 1 us.
    """
    cdef np.ndarray x_, grad_, b_, sums
    cdef np.ndarray out_x = None, out_b = None
    cdef npy_intp m, n, i
    cdef double *totals
    cdef int kind
    cdef unsigned before
    if not (type(grad) is np.ndarray and type(x) is np.ndarray and type(b) is np.ndarray):
        return None
    x_, grad_, b_ = x, grad, b
    kind = np.PyArray_TYPE(x_)
    if (
        not (kind == np.NPY_FLOAT or kind == np.NPY_DOUBLE)
        or np.PyArray_TYPE(grad_) != kind
        or np.PyArray_TYPE(b_) != kind
        or not np.PyArray_ISCARRAY_RO(x_)
        or not np.PyArray_ISCARRAY_RO(grad_)
        or not np.PyArray_ISCARRAY_RO(b_)
        or np.PyArray_SIZE(x_) == 0
        or np.PyArray_NDIM(b_) != 1
        or np.PyArray_NDIM(x_) == 0
        or not np.PyArray_SAMESHAPE(grad_, x_)
        or np.PyArray_DIM(b_, 0) != np.PyArray_DIM(x_, np.PyArray_NDIM(x_) - 1)
    ):
        return None
    if out is not None:
        if type(out) is not tuple or len(out) != 2:
            return None
        for i in range(2):
            if out[i] is not None and (
                type(out[i]) is not np.ndarray
                or np.PyArray_TYPE(out[i]) != kind
                or not np.PyArray_ISCARRAY(out[i])
                or not np.PyArray_SAMESHAPE(out[i], b_ if i else x_)
            ):
                return None
        out_x, out_b = out
    if out_x is None:
        out_x = np.PyArray_SimpleNew(np.PyArray_NDIM(x_), np.PyArray_DIMS(x_), kind)
    elif (
        overlap(out_x, b_)
        or overlap(out_x, x_) and np.PyArray_DATA(out_x) != np.PyArray_DATA(x_)
        or overlap(out_x, grad_) and np.PyArray_DATA(out_x) != np.PyArray_DATA(grad_)
    ):
        return None
    n = np.PyArray_DIM(b_, 0)
    m = np.PyArray_SIZE(x_) // n
    sums = np.PyArray_ZEROS(1, &n, np.NPY_DOUBLE, 0)
    totals = <double *>np.PyArray_DATA(sums)
    before = flags()
    contiguous_backward(
        <Kernels *>(<PyUFuncObject *>backward).data, kind == np.NPY_DOUBLE,
        <char *>np.PyArray_DATA(grad_), <char *>np.PyArray_DATA(x_), <char *>np.PyArray_DATA(b_),
        <char *>np.PyArray_DATA(out_x), <double *>np.PyArray_DATA(parameters), totals, m, n,
    )
    if out_b is None:
        out_b = sums if kind == np.NPY_DOUBLE else np.PyArray_SimpleNew(1, &n, kind)
    if kind == np.NPY_FLOAT:
        for i in range(n):
            (<float *>np.PyArray_DATA(out_b))[i] = <float>totals[i]
    elif out_b is not sums:
        for i in range(n):
            (<double *>np.PyArray_DATA(out_b))[i] = totals[i]
    restore_flags(before)
    return out_x, out_b


cdef void contiguous_backward(
    Kernels *kernels, bint is_double, char *grad, char *x, char *b, char *out,
    const double *parameters, double *sums, npy_intp m, npy_intp n
):
    cdef npy_intp size = sizeof(double) if is_double else sizeof(float)
    cdef char *operands[4]
    cdef npy_intp down[4]
    cdef npy_intp along[4]
    cdef int i
    operands[GRAD], operands[X], operands[BIAS], operands[OUT] = grad, x, b, out
    for i in range(4):
        down[i] = n * size
        along[i] = size
    down[BIAS] = 0
    with nogil:
        if is_double:
            sum_rows(
                kernels, operands, down, along, parameters, sums, m, n,
                <double *>NULL, <double *>NULL,
            )
        else:
            sum_rows(
                kernels, operands, down, along, parameters, sums, m, n,
                <float *>NULL, <float *>NULL,
            )


cdef int add_biased(row) except -1:
    cdef Kernels *kernels = <Kernels *>(<PyUFuncObject *>UFUNCS[row.name]).data
    public = _channels.BIAS.name(row)
    UFUNCS[public] = new_ufunc(
        public, _channels.docstring(row, _channels.BIAS), row, _channels.BIAS,
        kernels.of_float, kernels.of_double, True,
    )


for _row in ACTIVATIONS.values():
    if _row.fused_bias:
        add_biased(_row)
