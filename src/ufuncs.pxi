# Design: one formula becomes the kernels of all operations by fused types.
#
# A *tag* is a struct that stands for an activation or an operation at compile time: `kernel` is
# specialised for each activation x operation x float or double, and `if activation is sigmoid_t`
# is decided by Cython. A struct's size is the one number the C compiler knows of a type, so it
# carries the count of inputs.
#
# A kernel runs over contiguous operands that do not overlap; being told so (`restrict`), the
# compiler vectorises and leaves the scalar loop out that would serve overlap. All else is the
# business of `loop`, of which there is one for each dtype: it finds the kernel in the ufunc that
# NumPy hands it and takes what the kernel cannot (strides, float16, an input that is also the
# output) block by block through buffers in L1. With that code in each specialised loop the
# extensions were five times the size and took ten minutes to build.
#
# Tried for short arrays: the last 1 to 15 elements as one masked vector (a loop of fixed length
# with a condition). It costs 25 ns where scalar code costs 7 ns an element: no gain on average,
# 12 % more for a single element.
#
# Zen 4 takes a load for one of what an earlier 512-bit store wrote if the addresses agree in their
# low 12 bits, and has it wait. Arrays of 2^n elements that were allocated one after the other are
# like that: where an output begins 64 bytes (of 4096) behind an input, relu takes up to 1.9 of the
# time and sigmoid 1.15. So the kernels that memory bounds use vectors of 256 bits, with which there
# is no such wait, and no loss. For the others those cost more than the wait (1.2 to 1.5), and so
# does writing by way of a block elsewhere (1.15).
#
# Outputs of 32 MB or more of a pair or a backward that memory bounds go past the caches, from a block in
# L1: not to fetch what is overwritten takes 0.5 to 0.9 of the time (identity, relu, clamps). A value
# alone takes 0.7 to 1.2, from run to run. The others would compute while no store is under way: 1.1
# to 1.4.
#
# The loops are registered as NumPy 2 array methods that raise no floating-point errors: masked
# lanes overflow where the result does not. It also makes a call cheaper, 0.8 x np.tanh's.
#
# The ufuncs have a call of their own before NumPy's. A call of whole arrays it makes itself: 0.1 us
# on 64 elements where NumPy's takes 0.25 and, with two outputs, for which NumPy has its iterator,
# 0.6. All else is NumPy's to take apart.
#
# Dask refuses a ufunc of two outputs that is not NumPy's own, and a ufunc asks nobody else. With
# those of two outputs a call that is refused is made once for each output.
# (With the signature "()->(),()" Dask would take them, but xarray refuses what has a signature.)
#
# To add an activation: its tag, its member of `cheap` or `costly`, its branches in `evaluate` and
# `derivative_from_output`, its line in the list at the end. (Where a costly one's derivative is
# cheap once there is the output, a member of `cheap_from_output` makes that faster.)

cimport cython
cimport numpy as np
from cpython.mem cimport PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport int16_t, uint16_t
from numpy cimport npy_intp

cimport fastact.formulas as formulas  # in full: the form that a cache of Cython's knows
from fastact.elementary cimport (
    bfloat16_to_float,
    float_to_bfloat16,
    float_to_half,
    half_to_float,
    real,
)

from contextlib import suppress

import numpy

from fastact._public import call_each_output, docstring
from fastact.activations import ACTIVATIONS

np.import_array()
np.import_ufunc()

cdef extern from *:
    """
    /* The floating-point flags, and how to take back those that were raised since: by the
       SSE register alone where there is one, for fenv.h takes 50 ns. */
    #if defined(__SSE2__)
    #include <xmmintrin.h>
    static inline unsigned fastact_flags(void) { return _mm_getcsr(); }
    static inline void fastact_restore_flags(unsigned before)
    {
        if (_mm_getcsr() != before)
            _mm_setcsr(before);
    }
    #else
    #include <fenv.h>
    static inline unsigned fastact_flags(void) { return fetestexcept(FE_ALL_EXCEPT); }
    static inline void fastact_restore_flags(unsigned before)
    {
        feclearexcept(FE_ALL_EXCEPT & ~before);
    }
    #endif

    /* The result of a kernel with vectors of at most 256 bits. Clang, which interleaves the passes
       of a loop, has no such attribute and less need of it. */
    #if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
    #define fastact_narrow __attribute__((target("prefer-vector-width=256"))) void
    #else
    #define fastact_narrow void
    #endif

    /* The leading elements of a contiguous array of float16 as float and back, as many as whole
       vectors hold; how many those are. No compiler finds these instructions by itself. */
    #if defined(__F16C__)
    #include <immintrin.h>
    static inline npy_intp fastact_widen_halves(const uint16_t *halves, float *x, npy_intp n)
    {
        npy_intp i = 0;
        for (; i < n - 7; i += 8)
            _mm256_storeu_ps(x + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(halves + i))));
        return i;
    }
    static inline npy_intp fastact_narrow_to_halves(const float *x, uint16_t *halves, npy_intp n)
    {
        npy_intp i = 0;
        for (; i < n - 7; i += 8)
            _mm_storeu_si128((void *)(halves + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
        return i;
    }
    #else
    #define fastact_widen_halves(halves, x, n) 0
    #define fastact_narrow_to_halves(x, halves, n) 0
    #endif

    /* Bytes of a block to where nobody will look soon, by stores past the caches. */
    #if defined(__SSE2__)
    #include <immintrin.h>
    #if defined(__AVX__)
    #define fastact_vector __m256i
    #define fastact_store_past_caches _mm256_stream_si256
    #else
    #define fastact_vector __m128i
    #define fastact_store_past_caches _mm_stream_si128
    #endif
    #define fastact_can_stream 1
    #define fastact_streamed _mm_sfence
    static inline void fastact_stream(const void *block, void *target, npy_intp bytes)
    {
        const npy_intp width = sizeof(fastact_vector);
        npy_intp i = -(npy_intp)target & (width - 1);
        if (i > bytes)
            i = bytes;
        memcpy(target, block, i);
        for (; i <= bytes - width; i += width) {
            fastact_vector v;
            memcpy(&v, (const char *)block + i, width);
            fastact_store_past_caches((fastact_vector *)((char *)target + i), v);
        }
        memcpy((char *)target + i, (const char *)block + i, bytes - i);
    }
    #else
    #define fastact_can_stream 0
    #define fastact_streamed()
    #define fastact_stream(block, target, bytes)
    #endif

    /* What a ufunc's loops need to know of it; the ufunc's `data` points to one. */
    typedef struct {
        void *of_float, *of_double; /* kernels */
        int nin, nout, first_parameter;
        int takes_bfloat16;
        int adds_bias; /* the first two inputs are summed for the kernel's one */
        int streams; /* large outputs go past the caches */
    } fastact_kernels;

    static int fastact_overlap(PyArrayObject *a, PyArrayObject *b)
    {
        return PyArray_BYTES(a) < PyArray_BYTES(b) + PyArray_NBYTES(b)
            && PyArray_BYTES(b) < PyArray_BYTES(a) + PyArray_NBYTES(a);
    }

    /* Whether a call is of whole arrays, of one shape and one dtype and none over another, with
       single numbers of that dtype for parameters; then its operands, NULL for a missing output. */
    static int fastact_is_plain(const fastact_kernels *kernels, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *names, PyObject **operands)
    {
        int nin = kernels->nin, nout = kernels->nout;
        PyArrayObject **arrays = (PyArrayObject **)operands;
        if (nargs != nin || kernels->adds_bias)
            return 0;
        for (int i = 0; i < nin + nout; i++)
            operands[i] = i < nin ? args[i] : NULL;
        if (names != NULL && PyTuple_GET_SIZE(names) > 0) {
            PyObject *out = args[nin];
            if (PyTuple_GET_SIZE(names) > 1
                || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "out") != 0)
                return 0;
            if (PyTuple_CheckExact(out)) {
                if (PyTuple_GET_SIZE(out) != nout)
                    return 0;
                for (int i = 0; i < nout; i++)
                    operands[nin + i] = PyTuple_GET_ITEM(out, i);
            }
            else if (nout > 1)
                return 0;
            else
                operands[nin] = out;
        }
        for (int i = 0; i < nin + nout; i++) {
            if (operands[i] == NULL)
                continue;
            if (!PyArray_CheckExact(operands[i])
                || PyArray_DESCR(arrays[i]) != PyArray_DESCR(arrays[0])
                || !PyArray_CHKFLAGS(arrays[i], NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED))
                return 0;
            if (i >= kernels->first_parameter && i < nin ? PyArray_NDIM(arrays[i]) > 0
                                                         : !PyArray_SAMESHAPE(arrays[i], arrays[0]))
                return 0;
            if (i < nin)
                continue;
            if (!PyArray_ISWRITEABLE(arrays[i]))
                return 0;
            for (int j = 0; j < i; j++)
                if (operands[j] != NULL && fastact_overlap(arrays[i], arrays[j]))
                    return 0;
        }
        return (PyArray_TYPE(arrays[0]) == NPY_FLOAT || PyArray_TYPE(arrays[0]) == NPY_DOUBLE)
            && PyArray_ISNOTSWAPPED(arrays[0]) && PyArray_NDIM(arrays[0]) > 0;
    }

    static void *fastact_bfloat16_loop;

    /* One strided loop of operands of one dtype, given by its class. */
    static int fastact_add_loop(PyObject *ufunc, void *loop, PyObject *dtype)
    {
        PyArray_DTypeMeta *dtypes[8];
        int nin = ((PyUFuncObject *)ufunc)->nin, nout = ((PyUFuncObject *)ufunc)->nout;
        for (int i = 0; i < nin + nout; i++)
            dtypes[i] = (PyArray_DTypeMeta *)dtype;
        PyType_Slot slots[] = {{NPY_METH_strided_loop, loop}, {0, NULL}};
        PyArrayMethod_Spec spec = {
            ((PyUFuncObject *)ufunc)->name, nin, nout, NPY_NO_CASTING,
            NPY_METH_NO_FLOATINGPOINT_ERRORS, dtypes, slots};
        return PyUFunc_AddLoopFromSpec(ufunc, &spec);
    }

    /* Whether a dtype is the bfloat16 of ml_dtypes, which registers it with NumPy. */
    static int fastact_is_bfloat16(PyArray_DTypeMeta *dtype)
    {
        const char *name = dtype->type_num < NPY_USERDEF ? "" : dtype->scalar_type->tp_name;
        return strcmp(name, "bfloat16") == 0 || strcmp(name, "ml_dtypes.bfloat16") == 0;
    }

    /* The floating dtype that np.tanh computes an operand in; NULL if there is none. */
    static PyArray_DTypeMeta *fastact_inexact(PyArray_DTypeMeta *dtype)
    {
        if (dtype == &PyArray_PyLongDType || dtype == &PyArray_PyFloatDType)
            return dtype;
        switch (dtype->type_num) {
        case NPY_BOOL: case NPY_BYTE: case NPY_UBYTE: case NPY_HALF:
            return &PyArray_HalfDType;
        case NPY_SHORT: case NPY_USHORT: case NPY_FLOAT:
            return &PyArray_FloatDType;
        case NPY_INT: case NPY_UINT: case NPY_LONG: case NPY_ULONG:
        case NPY_LONGLONG: case NPY_ULONGLONG: case NPY_DOUBLE:
            return &PyArray_DoubleDType;
        default:
            return fastact_is_bfloat16(dtype) ? dtype : NULL;
        }
    }

    /* All operands get one dtype: what dtype= or signature= asks for, else the promotion of
       the inputs. Failing without an exception set makes NumPy raise its own TypeError. */
    static int fastact_promote(PyObject *ufunc, PyArray_DTypeMeta *const given[],
                               PyArray_DTypeMeta *const asked[], PyArray_DTypeMeta *chosen[])
    {
        int nin = ((PyUFuncObject *)ufunc)->nin, nargs = ((PyUFuncObject *)ufunc)->nargs;
        PyArray_DTypeMeta *inputs[8], *common = NULL;
        for (int i = 0; i < nargs && common == NULL; i++)
            common = asked[i];
        Py_XINCREF(common);
        if (common == NULL) {
            int count = 0;
            for (int i = 0; i < nin; i++) {
                inputs[count] = fastact_inexact(given[i]);
                if (inputs[count] == NULL)
                    return -1;
                /* Python's own numbers take the dtype of the arrays beside them. */
                count += inputs[count]->type_num >= 0;
            }
            if (count == 0) {
                inputs[count++] = &PyArray_DoubleDType;
            }
            common = PyArray_PromoteDTypeSequence(count, inputs);
            if (common == NULL)
                return -1;
        }
        /* That dtype exists only once its package is imported, so its loop is added when asked for;
           by one thread alone, for NumPy holds the ufunc's lock while it asks a promoter. */
        fastact_kernels *kernels = (fastact_kernels *)((PyUFuncObject *)ufunc)->data;
        if (fastact_is_bfloat16(common) && !kernels->takes_bfloat16) {
            if (fastact_add_loop(ufunc, fastact_bfloat16_loop, (PyObject *)common) < 0) {
                Py_DECREF(common);
                return -1;
            }
            kernels->takes_bfloat16 = 1;
        }
        for (int i = 0; i < nargs; i++) {
            Py_INCREF(common);
            chosen[i] = common;
        }
        Py_DECREF(common);
        return 0;
    }

    static int fastact_add_promoter(PyObject *ufunc)
    {
        int nin = ((PyUFuncObject *)ufunc)->nin, nargs = ((PyUFuncObject *)ufunc)->nargs;
        PyObject *dtypes = PyTuple_New(nargs), *promoter = NULL;
        int status = -1;
        if (dtypes == NULL)
            return -1;
        for (int i = 0; i < nargs; i++) {
            PyObject *any = i < nin ? (PyObject *)&PyArrayDescr_Type : Py_None;
            Py_INCREF(any);
            PyTuple_SET_ITEM(dtypes, i, any);
        }
        promoter = PyCapsule_New((void *)fastact_promote, "numpy._ufunc_promoter", NULL);
        if (promoter != NULL)
            status = PyUFunc_AddPromoter(ufunc, dtypes, promoter);
        Py_XDECREF(promoter);
        Py_DECREF(dtypes);
        return status;
    }
    """
    ctypedef void narrow "fastact_narrow"
    ctypedef struct Kernels "fastact_kernels":
        void *of_float
        void *of_double
        int nin, nout, first_parameter, takes_bfloat16, adds_bias, streams
    bint is_plain "fastact_is_plain"(Kernels *, PyObject **, Py_ssize_t, PyObject *, PyObject **)
    npy_intp widen_halves "fastact_widen_halves"(uint16_t *, float *, npy_intp) noexcept nogil
    npy_intp narrow_to_halves "fastact_narrow_to_halves"(float *, uint16_t *, npy_intp) noexcept nogil
    bint CAN_STREAM "fastact_can_stream"
    void stream "fastact_stream"(const void *, void *, npy_intp) noexcept nogil
    void streamed "fastact_streamed"() noexcept nogil
    unsigned flags "fastact_flags"() noexcept nogil
    void restore_flags "fastact_restore_flags"(unsigned) noexcept nogil
    void *bfloat16_loop "fastact_bfloat16_loop"
    ctypedef void *vectorcallfunc
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)
    ctypedef struct PyUFuncObject:
        void *const *data
        vectorcallfunc vectorcall
    ctypedef struct PyArrayMethod_Context:
        void *caller
    int register_loop "fastact_add_loop"(object ufunc, void *loop, object dtype) except -1
    int add_promoter "fastact_add_promoter"(object ufunc) except -1


# An activation's tag: as many bytes as it has parameters, and one.
ctypedef struct identity_t:
    char size[1]
ctypedef struct relu_t:
    char size[1]
ctypedef struct relu6_t:
    char size[1]
ctypedef struct leaky_relu_t:
    char size[2]
ctypedef struct prelu_t:
    char size[2]
ctypedef struct threshold_t:
    char size[3]
ctypedef struct elu_t:
    char size[2]
ctypedef struct selu_t:
    char size[1]
ctypedef struct celu_t:
    char size[2]
ctypedef struct sigmoid_t:
    char size[1]
ctypedef struct log_sigmoid_t:
    char size[1]
ctypedef struct hard_sigmoid_t:
    char size[1]
ctypedef struct tanh_t:
    char size[1]
ctypedef struct lecun_tanh_t:
    char size[1]
ctypedef struct hard_tanh_t:
    char size[3]
ctypedef struct tanh_shrink_t:
    char size[1]
ctypedef struct softsign_t:
    char size[1]
ctypedef struct softplus_t:
    char size[2]
ctypedef struct squareplus_t:
    char size[2]
ctypedef struct gelu_t:
    char size[1]
ctypedef struct gelu_tanh_t:
    char size[1]
ctypedef struct quick_gelu_t:
    char size[1]
ctypedef struct silu_t:
    char size[1]
ctypedef struct swish_t:
    char size[2]
ctypedef struct mish_t:
    char size[1]
ctypedef struct hard_swish_t:
    char size[1]
ctypedef struct soft_shrink_t:
    char size[2]
ctypedef struct hard_shrink_t:
    char size[2]

# Those that memory bounds, not arithmetic.
ctypedef fused cheap:
    identity_t
    relu_t
    relu6_t
    leaky_relu_t
    prelu_t
    threshold_t
    hard_sigmoid_t
    hard_tanh_t
    hard_swish_t
    soft_shrink_t
    hard_shrink_t

ctypedef fused costly:
    elu_t
    selu_t
    celu_t
    sigmoid_t
    log_sigmoid_t
    tanh_t
    lecun_tanh_t
    tanh_shrink_t
    softsign_t
    softplus_t
    squareplus_t
    gelu_t
    gelu_tanh_t
    quick_gelu_t
    silu_t
    swish_t
    mish_t

ctypedef fused activation:
    cheap
    costly

# Those of the costly ones with a derivative that is cheap once there is the output.
ctypedef fused cheap_from_output:
    sigmoid_t
    tanh_t
    softsign_t

# An operation's tag: as many bytes as it has inputs before the parameters.
ctypedef struct value_t:
    char size[1]
ctypedef struct derivative_t:
    char size[1]
ctypedef struct with_derivative_t:
    char size[1]
ctypedef struct backward_t:
    char size[2]
ctypedef struct backward_from_output_t:
    char size[2]

ctypedef fused operation:
    value_t
    derivative_t
    with_derivative_t
    backward_t
    backward_from_output_t

ctypedef fused element:
    uint16_t  # a float16's bits
    int16_t  # a bfloat16's bits
    float
    double

# Elements in a block. Two to four operands of it fit into L1 even as doubles; from 256 down the
# compiler unrolls the loop over a block completely, at five times the code and no gain.
cdef enum:
    BLOCK = 512

# From how many bytes on outputs go past the caches: what most last-level caches do not hold.
cdef enum:
    STREAMED = 1 << 25


cdef inline void evaluate(
    real x, real a, real b, real *y, real *dy, activation *tag
) noexcept nogil:
    """Value and derivative at x, with the parameters a and b."""
    if activation is identity_t:
        formulas.identity_with_derivative(x, y, dy)
    elif activation is relu_t:
        formulas.relu_with_derivative(x, y, dy)
    elif activation is relu6_t:
        formulas.relu6_with_derivative(x, y, dy)
    elif activation is leaky_relu_t:
        formulas.leaky_relu_with_derivative(x, a, y, dy)
    elif activation is prelu_t:
        formulas.prelu_with_derivative(x, a, y, dy)
    elif activation is threshold_t:
        formulas.threshold_with_derivative(x, a, b, y, dy)
    elif activation is elu_t:
        formulas.elu_with_derivative(x, a, y, dy)
    elif activation is selu_t:
        formulas.selu_with_derivative(x, y, dy)
    elif activation is celu_t:
        formulas.celu_with_derivative(x, a, y, dy)
    elif activation is sigmoid_t:
        formulas.sigmoid_with_derivative(x, y, dy)
    elif activation is log_sigmoid_t:
        formulas.log_sigmoid_with_derivative(x, y, dy)
    elif activation is hard_sigmoid_t:
        formulas.hard_sigmoid_with_derivative(x, y, dy)
    elif activation is tanh_t:
        formulas.tanh_with_derivative(x, y, dy)
    elif activation is lecun_tanh_t:
        formulas.lecun_tanh_with_derivative(x, y, dy)
    elif activation is hard_tanh_t:
        formulas.hard_tanh_with_derivative(x, a, b, y, dy)
    elif activation is tanh_shrink_t:
        formulas.tanh_shrink_with_derivative(x, y, dy)
    elif activation is softsign_t:
        formulas.softsign_with_derivative(x, y, dy)
    elif activation is softplus_t:
        formulas.softplus_with_derivative(x, a, y, dy)
    elif activation is squareplus_t:
        formulas.squareplus_with_derivative(x, a, y, dy)
    elif activation is gelu_t:
        formulas.gelu_with_derivative(x, y, dy)
    elif activation is gelu_tanh_t:
        formulas.gelu_tanh_with_derivative(x, y, dy)
    elif activation is quick_gelu_t:
        formulas.quick_gelu_with_derivative(x, y, dy)
    elif activation is silu_t:
        formulas.silu_with_derivative(x, y, dy)
    elif activation is swish_t:
        formulas.swish_with_derivative(x, a, y, dy)
    elif activation is mish_t:
        formulas.mish_with_derivative(x, y, dy)
    elif activation is hard_swish_t:
        formulas.hard_swish_with_derivative(x, y, dy)
    elif activation is soft_shrink_t:
        formulas.soft_shrink_with_derivative(x, a, y, dy)
    elif activation is hard_shrink_t:
        formulas.hard_shrink_with_derivative(x, a, y, dy)


cdef inline real derivative_from_output(real y, real a, real b, activation *tag) noexcept nogil:
    """The derivative where the value is y, with the parameters a and b."""
    if activation is identity_t:
        return formulas.identity_derivative_from_output(y)
    elif activation is relu_t:
        return formulas.relu_derivative_from_output(y)
    elif activation is relu6_t:
        return formulas.relu6_derivative_from_output(y)
    elif activation is leaky_relu_t:
        return formulas.leaky_relu_derivative_from_output(y, a)
    elif activation is elu_t:
        return formulas.elu_derivative_from_output(y, a)
    elif activation is selu_t:
        return formulas.selu_derivative_from_output(y)
    elif activation is celu_t:
        return formulas.celu_derivative_from_output(y, a)
    elif activation is sigmoid_t:
        return formulas.sigmoid_derivative_from_output(y)
    elif activation is log_sigmoid_t:
        return formulas.log_sigmoid_derivative_from_output(y)
    elif activation is hard_sigmoid_t:
        return formulas.hard_sigmoid_derivative_from_output(y)
    elif activation is tanh_t:
        return formulas.tanh_derivative_from_output(y)
    elif activation is lecun_tanh_t:
        return formulas.lecun_tanh_derivative_from_output(y)
    elif activation is hard_tanh_t:
        return formulas.hard_tanh_derivative_from_output(y, a, b)
    elif activation is softsign_t:
        return formulas.softsign_derivative_from_output(y)
    elif activation is softplus_t:
        return formulas.softplus_derivative_from_output(y, a)
    else:
        return y  # no such operation


cdef inline void operate(
    real grad, real x, real a, real b, real *out, real *out2, activation *tag, operation *task
) noexcept nogil:
    """One element of an operation; x stands for y where the derivative comes from the output."""
    cdef real y, dy
    if operation is backward_from_output_t:
        out[0] = grad * derivative_from_output(x, a, b, tag)
    else:
        evaluate(x, a, b, &y, &dy, tag)
        if operation is value_t:
            out[0] = y
        elif operation is derivative_t:
            out[0] = dy
        elif operation is with_derivative_t:
            if activation is identity_t:
                y = y * dy  # or the compiler has a call of memcpy do that, in 1.35 of the time
            elif activation is softsign_t:
                formulas.softsign_and_derivative(x, &y, &dy)
            out[0] = y
            out2[0] = dy
        elif operation is backward_t:
            out[0] = grad * dy


cdef inline void sweep(
    const real *restrict grad, const real *restrict x, const real *restrict a,
    const real *restrict b, real *restrict out, real *restrict out2, npy_intp n, bint uniform,
    activation *tag, operation *task
) noexcept nogil:
    """An operation on n contiguous elements; a and b are one value each if `uniform`."""
    cdef npy_intp i
    cdef real none = 0, a0 = 0, b0 = 0
    if sizeof(activation) > 1 and not uniform:
        for i in range(n):
            operate(
                grad[i] if sizeof(operation) > 1 else none, x[i], a[i],
                b[i] if sizeof(activation) > 2 else none, out + i, out2 + i, tag, task
            )
        return
    if sizeof(activation) > 1:
        a0 = a[0]
    if sizeof(activation) > 2:
        b0 = b[0]
    for i in range(n):
        operate(
            grad[i] if sizeof(operation) > 1 else none, x[i], a0, b0, out + i, out2 + i, tag, task
        )


cdef void kernel(
    const real *restrict grad, const real *restrict x, const real *restrict a,
    const real *restrict b, real *restrict out, real *restrict out2, npy_intp n, bint uniform,
    costly *tag, operation *task
) noexcept nogil:
    sweep(grad, x, a, b, out, out2, n, uniform, tag, task)


cdef narrow narrow_kernel(
    const real *restrict grad, const real *restrict x, const real *restrict a,
    const real *restrict b, real *restrict out, real *restrict out2, npy_intp n, bint uniform,
    cheap *tag, operation *task
) noexcept nogil:
    sweep(grad, x, a, b, out, out2, n, uniform, tag, task)


cdef narrow narrow_from_output(
    const real *restrict grad, const real *restrict y, const real *restrict a,
    const real *restrict b, real *restrict out, real *restrict out2, npy_intp n, bint uniform,
    cheap_from_output *tag, backward_from_output_t *task
) noexcept nogil:
    sweep(grad, y, a, b, out, out2, n, uniform, tag, task)


cdef void *kernel_of(activation *tag, operation *task, real *dtype):
    if activation in cheap:
        return <void *>&narrow_kernel[real, activation, operation]
    elif operation is backward_from_output_t:
        if activation in cheap_from_output:
            return <void *>&narrow_from_output[real, activation]
        else:
            return <void *>&kernel[real, activation, operation]
    else:
        return <void *>&kernel[real, activation, operation]


ctypedef void (*float_kernel)(
    float *, float *, float *, float *, float *, float *, npy_intp, bint, void *, void *
) noexcept nogil
ctypedef void (*double_kernel)(
    double *, double *, double *, double *, double *, double *, npy_intp, bint, void *, void *
) noexcept nogil


cdef inline real widened(element value, real *dtype) noexcept nogil:
    if element is uint16_t:
        return half_to_float(value)
    elif element is int16_t:
        return bfloat16_to_float(<uint16_t>value)
    else:
        return value


cdef inline element narrowed(real value, element *dtype) noexcept nogil:
    if element is uint16_t:
        return float_to_half(value)
    elif element is int16_t:
        return <int16_t>float_to_bfloat16(value)
    else:
        return value


cdef inline void gather(
    element *source, npy_intp step, real *restrict block, npy_intp n
) noexcept nogil:
    cdef npy_intp i, start = 0
    if step == <npy_intp>sizeof(element):
        if element is uint16_t and real is float:
            start = widen_halves(source, block, n)
        for i in range(start, n):
            block[i] = widened(source[i], block)
    else:
        for i in range(n):
            block[i] = widened((<element *>(<char *>source + i * step))[0], block)


cdef inline void scatter(
    const real *restrict block, element *target, npy_intp step, npy_intp n
) noexcept nogil:
    cdef npy_intp i, start = 0
    if step == <npy_intp>sizeof(element):
        if element is uint16_t and real is float:
            start = narrow_to_halves(block, target, n)
        for i in range(start, n):
            target[i] = narrowed(block[i], target)
    else:
        for i in range(n):
            (<element *>(<char *>target + i * step))[0] = narrowed(block[i], target)


cdef inline void add_bias(
    const real *x, element *bias, npy_intp step, real *restrict block, npy_intp n
) noexcept nogil:
    """Sums of x and a bias, each rounded to the dtype that the bias has."""
    cdef npy_intp i
    cdef real same
    if step == 0:
        same = widened(bias[0], block)
        for i in range(n):
            block[i] = widened(narrowed(x[i] + same, bias), block)
    elif step == <npy_intp>sizeof(element):
        for i in range(n):
            block[i] = widened(narrowed(x[i] + widened(bias[i], block), bias), block)
    else:
        for i in range(n):
            same = widened((<element *>(<char *>bias + i * step))[0], block)
            block[i] = widened(narrowed(x[i] + same, bias), block)


cdef inline void run(
    Kernels *kernels, element **operands, npy_intp *steps, npy_intp n, real *dtype
) noexcept nogil:
    """Run a kernel on operands of any stride and dtype, straight where that can be."""
    cdef real blocks[6][BLOCK]
    cdef real *where[6]  # some are not the kernel's to read
    cdef bint straight[6]
    cdef bint uniform = True, biased = kernels.adds_bias
    cdef int nin = kernels.nin, total = nin + kernels.nout, first = kernels.first_parameter, i, j
    cdef npy_intp start = 0, size = n, m
    cdef bint streams = False
    for j in range(6):
        where[j] = blocks[j]
    for j in range(total):
        straight[j] = sizeof(element) == sizeof(real) and steps[j] == <npy_intp>sizeof(real)
        if first <= j < nin:
            uniform &= steps[j] == 0
        if j < nin:
            for i in range(nin, total):
                straight[j] &= biased or operands[i] != operands[j]  # the kernel reads sums
    for j in range(total):
        if first <= j < nin and uniform:
            gather(operands[j], 0, blocks[j], 1)
        elif biased or not straight[j]:
            size = BLOCK
    # ufunc.reduce and ufunc.accumulate have each output for an input of the next element.
    if steps[nin] == 0 or <char *>operands[nin] == <char *>operands[0] + steps[0]:
        size = 1
    if CAN_STREAM and kernels.streams and size == n >= STREAMED // kernels.nout // sizeof(real):
        streams = True
        for j in range(nin, total):
            straight[j] = False
        # The first block is as long as lets the others begin on a cache line.
        size = BLOCK - (<size_t>operands[nin] & 63) // sizeof(real)
    while start < n:
        m = n - start if n - start < size else size
        for j in range(total):
            if straight[j] and not (first <= j < nin and uniform):
                where[j] = <real *>operands[j] + start
            elif j < nin and not (first <= j and uniform) and not (biased and j == 1):
                gather(<element *>(<char *>operands[j] + start * steps[j]), steps[j], blocks[j], m)
        if biased:
            add_bias(
                where[0], <element *>(<char *>operands[1] + start * steps[1]), steps[1], blocks[1], m
            )
            where[1] = blocks[1]
        if real is float:
            (<float_kernel>kernels.of_float)(
                where[0], where[first - 1], where[first], where[first + 1], where[nin],
                where[total - 1], m, uniform, NULL, NULL,
            )
        else:
            (<double_kernel>kernels.of_double)(
                where[0], where[first - 1], where[first], where[first + 1], where[nin],
                where[total - 1], m, uniform, NULL, NULL,
            )
        for j in range(nin, total):
            if streams:
                stream(blocks[j], operands[j] + start, m * sizeof(real))
            elif not straight[j]:
                scatter(
                    blocks[j], <element *>(<char *>operands[j] + start * steps[j]), steps[j], m
                )
        start += m
        if streams:
            size = BLOCK
    if streams:
        streamed()


cdef int loop(
    PyArrayMethod_Context *context, element **operands, npy_intp *dimensions, npy_intp *steps,
    element *auxdata
) noexcept nogil:
    """A strided loop as NumPy calls it: operands are inputs, parameters, outputs."""
    cdef Kernels *kernels = <Kernels *>(<PyUFuncObject *>context.caller).data
    # NumPy looks for errors in spite of the loop's flag where it casts on the way, and for
    # bfloat16, for its copies of a user's dtype lack the flag.
    cdef unsigned before = flags()
    if element is double:
        run(kernels, operands, steps, dimensions[0], <double *>NULL)
    else:
        run(kernels, operands, steps, dimensions[0], <float *>NULL)
    restore_flags(before)
    return 0


bfloat16_loop = <void *>&loop[int16_t]

#: Every ufunc of this module, by name.
UFUNCS = {}

#: The address of every kernel, by ufunc and dtype: tests look there for vector instructions.
KERNELS = {("loop", "float16"): <size_t><void *>&loop[uint16_t]}

cdef list _kept_alive = []  # a ufunc borrows its name and docstring


#: For each ufunc of several outputs, those that have the outputs alone.
cdef dict _alone = {}

ctypedef object (*ufunc_call)(object, PyObject **, size_t, PyObject *)
cdef ufunc_call _numpys_call = NULL


#: From how many elements on others may have the interpreter meanwhile, as in NumPy.
cdef enum:
    MANY = 501


cdef void of_whole_arrays(
    Kernels *kernels, real **operands, npy_intp *steps, npy_intp n
) noexcept nogil:
    cdef unsigned before = flags()
    run(kernels, operands, steps, n, <real *>NULL)
    restore_flags(before)


cdef object plain_call(Kernels *kernels, PyObject **operands):
    """A call of whole arrays; makes what outputs there are not."""
    cdef np.ndarray x = <object>operands[0], array
    cdef int kind = np.PyArray_TYPE(x), nin = kernels.nin, j
    cdef npy_intp n = np.PyArray_SIZE(x)
    cdef void *data[6]
    cdef npy_intp steps[6]
    cdef object first = None, second = None
    for j in range(nin + kernels.nout):
        if operands[j] == NULL:
            array = np.PyArray_EMPTY(x.ndim, x.shape, kind, 0)
        else:
            array = <object>operands[j]
        data[j] = np.PyArray_DATA(array)
        steps[j] = 0 if kernels.first_parameter <= j < nin else np.PyArray_ITEMSIZE(x)
        if j == nin:
            first = array
        elif j > nin:
            second = array
    if kind == np.NPY_FLOAT:
        if n < MANY:
            of_whole_arrays(kernels, <float **>data, steps, n)
        else:
            with nogil:
                of_whole_arrays(kernels, <float **>data, steps, n)
    elif n < MANY:
        of_whole_arrays(kernels, <double **>data, steps, n)
    else:
        with nogil:
            of_whole_arrays(kernels, <double **>data, steps, n)
    return first if second is None else (first, second)


cdef object call(object ufunc, PyObject **args, size_t nargsf, PyObject *names):
    """A call of whole arrays, else NumPy's; where that refuses several outputs, one for each."""
    cdef PyObject *operands[6]
    cdef Kernels *kernels = <Kernels *>(<PyUFuncObject *>ufunc).data
    if is_plain(kernels, args, PyVectorcall_NARGS(nargsf), names, operands):
        return plain_call(kernels, operands)
    if kernels.nout == 1:
        return _numpys_call(ufunc, args, nargsf, names)
    try:
        return _numpys_call(ufunc, args, nargsf, names)
    except TypeError as error:
        positional = [<object>args[i] for i in range(PyVectorcall_NARGS(nargsf))]
        keywords = {}
        if names != NULL:
            for i, name in enumerate(<tuple>names, len(positional)):
                keywords[name] = <object>args[i]
        return call_each_output(_alone[ufunc.__name__], positional, keywords, error)


cdef object new_ufunc(
    str public, str documentation, row, kind, void *of_float, void *of_double, bint adds_bias=False
):
    cdef bytes name = public.encode()
    cdef bytes doc = documentation.encode()
    cdef Kernels *kernels = <Kernels *>PyMem_Malloc(sizeof(Kernels))  # the ufunc lives for ever
    if kernels == NULL:
        raise MemoryError
    kernels.of_float = of_float
    kernels.of_double = of_double
    kernels.first_parameter = len(kind.inputs)
    kernels.nin = len(kind.inputs) + len(row.parameters)
    kernels.nout = len(kind.outputs)
    kernels.takes_bfloat16 = False
    kernels.adds_bias = adds_bias
    operands = len(kind.inputs) + len(kind.outputs)
    kernels.streams = row.cost in ("copy", "max") and operands > 2
    KERNELS[public, "float32"] = <size_t>of_float
    KERNELS[public, "float64"] = <size_t>of_double
    _kept_alive.extend((name, doc))
    ufunc = np.PyUFunc_FromFuncAndData(
        NULL, <void **>kernels, NULL, 0, kernels.nin, kernels.nout, np.PyUFunc_None, name, doc, 0
    )
    register_loop(ufunc, <void *>&loop[uint16_t], type(numpy.dtype(numpy.float16)))
    register_loop(ufunc, <void *>&loop[float], type(numpy.dtype(numpy.float32)))
    register_loop(ufunc, <void *>&loop[double], type(numpy.dtype(numpy.float64)))
    add_promoter(ufunc)
    with suppress(AttributeError):  # older NumPy: pickle has to search all modules for it
        ufunc.__module__ = "fastact"
    if kernels.nout > 1:
        _alone[public] = [UFUNCS[row.name + alone.suffix] for alone in kind.alone]
    global _numpys_call
    _numpys_call = <ufunc_call>(<PyUFuncObject *>ufunc).vectorcall
    (<PyUFuncObject *>ufunc).vectorcall = <vectorcallfunc>&call
    return ufunc


cdef int add(activation *tag, str name) except -1:
    """Make the ufuncs of one activation: its tag, its row."""
    cdef void *of_float = NULL
    cdef void *of_double = NULL
    row = ACTIVATIONS[name]
    if len(row.parameters) != sizeof(activation) - 1:
        raise SystemError(f"{name}: the size of its tag does not fit its parameters")
    if sizeof(activation) > 3:
        raise SystemError(f"{name}: the loops pass at most two parameters on")
    for kind in row.operations():
        if kind.suffix == "":
            of_float = kernel_of(tag, <value_t *>NULL, <float *>NULL)
            of_double = kernel_of(tag, <value_t *>NULL, <double *>NULL)
        elif kind.suffix == "_derivative":
            of_float = kernel_of(tag, <derivative_t *>NULL, <float *>NULL)
            of_double = kernel_of(tag, <derivative_t *>NULL, <double *>NULL)
        elif kind.suffix == "_with_derivative":
            of_float = kernel_of(tag, <with_derivative_t *>NULL, <float *>NULL)
            of_double = kernel_of(tag, <with_derivative_t *>NULL, <double *>NULL)
        elif kind.suffix == "_backward":
            of_float = kernel_of(tag, <backward_t *>NULL, <float *>NULL)
            of_double = kernel_of(tag, <backward_t *>NULL, <double *>NULL)
        elif kind.suffix == "_backward_from_output":
            of_float = kernel_of(tag, <backward_from_output_t *>NULL, <float *>NULL)
            of_double = kernel_of(tag, <backward_from_output_t *>NULL, <double *>NULL)
        public = row.name + kind.suffix
        UFUNCS[public] = new_ufunc(public, docstring(row, kind), row, kind, of_float, of_double)


add(<identity_t *>NULL, "identity")
add(<relu_t *>NULL, "relu")
add(<relu6_t *>NULL, "relu6")
add(<leaky_relu_t *>NULL, "leaky_relu")
add(<prelu_t *>NULL, "prelu")
add(<threshold_t *>NULL, "threshold")
add(<elu_t *>NULL, "elu")
add(<selu_t *>NULL, "selu")
add(<celu_t *>NULL, "celu")
add(<sigmoid_t *>NULL, "sigmoid")
add(<log_sigmoid_t *>NULL, "log_sigmoid")
add(<hard_sigmoid_t *>NULL, "hard_sigmoid")
add(<tanh_t *>NULL, "tanh")
add(<lecun_tanh_t *>NULL, "lecun_tanh")
add(<hard_tanh_t *>NULL, "hard_tanh")
add(<tanh_shrink_t *>NULL, "tanh_shrink")
add(<softsign_t *>NULL, "softsign")
add(<softplus_t *>NULL, "softplus")
add(<squareplus_t *>NULL, "squareplus")
add(<gelu_t *>NULL, "gelu")
add(<gelu_tanh_t *>NULL, "gelu_tanh")
add(<quick_gelu_t *>NULL, "quick_gelu")
add(<silu_t *>NULL, "silu")
add(<swish_t *>NULL, "swish")
add(<mish_t *>NULL, "mish")
add(<hard_swish_t *>NULL, "hard_swish")
add(<soft_shrink_t *>NULL, "soft_shrink")
add(<hard_shrink_t *>NULL, "hard_shrink")
