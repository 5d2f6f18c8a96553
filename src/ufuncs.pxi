# Design: one formula becomes all loops of all operations by fused types.
#
# A *tag* is a struct that stands for an activation or an operation at compile time: `loop` is
# specialised for each activation x operation x dtype, and `if activation is sigmoid_t` is
# decided by Cython. A struct's size is the one number the C compiler knows of a type, so it
# carries the count of inputs. The tags ride on the two pointers of NumPy's loop signature
# that are not used, the dtype on the operands', which gives every specialisation the
# signature that NumPy calls.
#
# Contiguous operands with uniform parameters take the straight loop. Everything else (strides,
# parameters that vary, float16) is gathered block by block into contiguous buffers in L1, so
# the one vectorised loop serves every layout, and an in-place call needs no thought there.
# The straight loop is written out again for each operand that the output may coincide with:
# told that two pointers are one, the compiler vectorises; left to find out, its overlap check
# sends an in-place call to a scalar loop.
#
# Tried for short arrays: the last 1 to 15 elements as one masked vector (a loop of fixed length
# with a condition). It costs 25 ns where scalar code costs 7 ns an element: no gain on average,
# 12 % more for a single element.
#
# The loops are registered as NumPy 2 array methods that raise no floating-point errors: masked
# lanes overflow where the result does not. It also makes a call cheaper, 0.8 x np.tanh's.
#
# To add an activation: its tag, its member of `activation`, its branches in `evaluate` and
# `derivative_from_output`, its line in the list at the end.

cimport cython
cimport numpy as np
from libc.stdint cimport uint16_t
from numpy cimport npy_intp

cimport fastact.scalar as scalar
from fastact.elementary cimport float_to_half, half_to_float, real

from contextlib import suppress

import numpy

from fastact._public import docstring
from fastact.activations import ACTIVATIONS

np.import_array()
np.import_ufunc()

cdef extern from *:
    """
    /* One strided loop of n operands of one dtype. */
    static int fastact_add_loop(PyObject *ufunc, void *loop, int type_num)
    {
        PyArray_DTypeMeta *dtypes[8], *dtype =
            type_num == NPY_HALF ? &PyArray_HalfDType :
            type_num == NPY_FLOAT ? &PyArray_FloatDType : &PyArray_DoubleDType;
        int nin = ((PyUFuncObject *)ufunc)->nin, nout = ((PyUFuncObject *)ufunc)->nout;
        for (int i = 0; i < nin + nout; i++)
            dtypes[i] = dtype;
        PyType_Slot slots[] = {{NPY_METH_strided_loop, loop}, {0, NULL}};
        PyArrayMethod_Spec spec = {
            ((PyUFuncObject *)ufunc)->name, nin, nout, NPY_NO_CASTING,
            NPY_METH_NO_FLOATINGPOINT_ERRORS, dtypes, slots};
        return PyUFunc_AddLoopFromSpec(ufunc, &spec);
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
            return NULL;
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
            for (int i = 0; i < nin; i++) {
                inputs[i] = fastact_inexact(given[i]);
                if (inputs[i] == NULL)
                    return -1;
            }
            common = PyArray_PromoteDTypeSequence(nin, inputs);
            if (common == NULL)
                return -1;
            if (common == &PyArray_PyLongDType || common == &PyArray_PyFloatDType) {
                Py_DECREF(common);
                common = &PyArray_DoubleDType;
                Py_INCREF(common);
            }
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
    int register_loop "fastact_add_loop"(object ufunc, void *loop, int type_num) except -1
    int add_promoter "fastact_add_promoter"(object ufunc) except -1


# An activation's tag: as many bytes as it has parameters, and one.
ctypedef struct identity_t:
    char size[1]
ctypedef struct relu_t:
    char size[1]
ctypedef struct leaky_relu_t:
    char size[2]
ctypedef struct sigmoid_t:
    char size[1]
ctypedef struct tanh_t:
    char size[1]

ctypedef fused activation:
    identity_t
    relu_t
    leaky_relu_t
    sigmoid_t
    tanh_t

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
    float
    double

# Elements in a block. Two to four operands of it fit into L1 even as doubles; from 256 down the
# compiler unrolls the loop over a block completely, at five times the code and no gain.
cdef enum:
    BLOCK = 512


cdef inline void evaluate(
    real x, real a, real b, real *y, real *dy, activation *tag
) noexcept nogil:
    """Value and derivative at x, with the parameters a and b."""
    if activation is identity_t:
        scalar.identity_with_derivative(x, y, dy)
    elif activation is relu_t:
        scalar.relu_with_derivative(x, y, dy)
    elif activation is leaky_relu_t:
        scalar.leaky_relu_with_derivative(x, a, y, dy)
    elif activation is sigmoid_t:
        scalar.sigmoid_with_derivative(x, y, dy)
    elif activation is tanh_t:
        scalar.tanh_with_derivative(x, y, dy)


cdef inline real derivative_from_output(real y, real a, real b, activation *tag) noexcept nogil:
    """The derivative where the value is y, with the parameters a and b."""
    if activation is identity_t:
        return scalar.identity_derivative_from_output(y)
    elif activation is relu_t:
        return scalar.relu_derivative_from_output(y)
    elif activation is leaky_relu_t:
        return scalar.leaky_relu_derivative_from_output(y, a)
    elif activation is sigmoid_t:
        return scalar.sigmoid_derivative_from_output(y)
    elif activation is tanh_t:
        return scalar.tanh_derivative_from_output(y)


cdef inline void kernel(
    real *grad, real *x, real *a, real *b, bint uniform, real *out, real *out2, npy_intp n,
    activation *tag, operation *task
) noexcept nogil:
    """The loop over n contiguous elements; a and b are one value each if `uniform`."""
    cdef npy_intp i
    cdef real y, dy, a0 = 0, b0 = 0
    if sizeof(activation) > 1:
        a0 = a[0]
    if sizeof(activation) > 2:
        b0 = b[0]
    for i in range(n):
        if operation is backward_from_output_t:
            out[i] = grad[i] * derivative_from_output(
                x[i], a0 if uniform else a[i], b0 if uniform else b[i], tag
            )
        else:
            evaluate(x[i], a0 if uniform else a[i], b0 if uniform else b[i], &y, &dy, tag)
            if operation is value_t:
                out[i] = y
            elif operation is derivative_t:
                out[i] = dy
            elif operation is with_derivative_t:
                out[i] = y
                out2[i] = dy
            elif operation is backward_t:
                out[i] = grad[i] * dy


cdef inline void straight(
    real **operands, npy_intp n, activation *tag, operation *task
) noexcept nogil:
    """The kernel on contiguous operands with uniform parameters."""
    cdef int nin = sizeof(operation) + sizeof(activation) - 1
    cdef real *grad = operands[0]
    cdef real *x = operands[<int>sizeof(operation) - 1]
    cdef real *a = operands[sizeof(operation)] if sizeof(activation) > 1 else NULL
    cdef real *b = operands[sizeof(operation) + 1] if sizeof(activation) > 2 else NULL
    cdef real *out = operands[nin]
    if operation is with_derivative_t:
        if out == x:
            kernel(grad, out, a, b, True, out, operands[nin + 1], n, tag, task)
        elif operands[nin + 1] == x:
            kernel(grad, operands[nin + 1], a, b, True, out, operands[nin + 1], n, tag, task)
        else:
            kernel(grad, x, a, b, True, out, operands[nin + 1], n, tag, task)
    elif operation is backward_t or operation is backward_from_output_t:
        if out == grad:
            kernel(out, x, a, b, True, out, out, n, tag, task)
        elif out == x:
            kernel(grad, out, a, b, True, out, out, n, tag, task)
        else:
            kernel(grad, x, a, b, True, out, out, n, tag, task)
    else:
        if out == x:
            kernel(grad, out, a, b, True, out, out, n, tag, task)
        else:
            kernel(grad, x, a, b, True, out, out, n, tag, task)


cdef inline void gather(element *source, npy_intp step, real *block, npy_intp n) noexcept nogil:
    cdef npy_intp i
    if step == <npy_intp>sizeof(element):
        for i in range(n):
            if element is uint16_t:
                block[i] = half_to_float(source[i])
            else:
                block[i] = source[i]
    else:
        for i in range(n):
            if element is uint16_t:
                block[i] = half_to_float((<element *>(<char *>source + i * step))[0])
            else:
                block[i] = (<element *>(<char *>source + i * step))[0]


cdef inline void scatter(real *block, element *target, npy_intp step, npy_intp n) noexcept nogil:
    cdef npy_intp i
    if step == <npy_intp>sizeof(element):
        for i in range(n):
            if element is uint16_t:
                target[i] = float_to_half(block[i])
            else:
                target[i] = block[i]
    else:
        for i in range(n):
            if element is uint16_t:
                (<element *>(<char *>target + i * step))[0] = float_to_half(block[i])
            else:
                (<element *>(<char *>target + i * step))[0] = block[i]


cdef inline void blockwise(
    element **operands, npy_intp *steps, npy_intp n, real *dtype, activation *tag, operation *task
) noexcept nogil:
    """The kernel on operands of any stride and dtype, through contiguous blocks."""
    cdef real blocks[6][BLOCK]
    cdef int nin = sizeof(operation) + sizeof(activation) - 1
    cdef int nout = 2 if operation is with_derivative_t else 1
    cdef npy_intp start = 0, m, size = BLOCK
    cdef int j
    # ufunc.reduce and ufunc.accumulate have each output for an input of the next element.
    if steps[nin] == 0 or <char *>operands[nin] == <char *>operands[0] + steps[0]:
        size = 1
    while start < n:
        m = n - start if n - start < size else size
        for j in range(nin):
            gather(<element *>(<char *>operands[j] + start * steps[j]), steps[j], blocks[j], m)
        kernel(
            blocks[0],
            blocks[<int>sizeof(operation) - 1],
            blocks[sizeof(operation)],
            blocks[sizeof(operation) + 1],
            sizeof(activation) == 1,
            blocks[nin],
            blocks[nin + 1],
            m,
            tag,
            task,
        )
        for j in range(nin, nin + nout):
            scatter(blocks[j], <element *>(<char *>operands[j] + start * steps[j]), steps[j], m)
        start += m


cdef int loop(
    operation *context, element **operands, npy_intp *dimensions, npy_intp *steps,
    activation *auxdata
) noexcept nogil:
    """A strided loop as NumPy calls it: operands are inputs, parameters, outputs."""
    cdef int nin = sizeof(operation) + sizeof(activation) - 1
    cdef int nout = 2 if operation is with_derivative_t else 1
    cdef int j
    cdef bint contiguous = True
    if element is uint16_t:
        blockwise(operands, steps, dimensions[0], <float *>NULL, auxdata, context)
    else:
        for j in range(nin + nout):
            if <int>sizeof(operation) <= j < nin:
                contiguous &= steps[j] == 0
            else:
                contiguous &= steps[j] == <npy_intp>sizeof(element)
        if contiguous:
            straight(operands, dimensions[0], auxdata, context)
        else:
            blockwise(operands, steps, dimensions[0], <element *>NULL, auxdata, context)
    return 0


#: Every ufunc of this module, by name.
UFUNCS = {}

#: The address of every loop, by ufunc and dtype: tests look there for vector instructions.
LOOPS = {}

cdef list _kept_alive = []  # a ufunc borrows its name and docstring


cdef int add_loop(ufunc, str dtype, void *address) except -1:
    LOOPS[ufunc.__name__, dtype] = <size_t>address
    return register_loop(ufunc, address, numpy.dtype(dtype).num)


cdef object new_ufunc(activation *tag, operation *task, row, kind):
    cdef bytes name = (row.name + kind.suffix).encode()
    cdef bytes doc = docstring(row, kind).encode()
    _kept_alive.extend((name, doc))
    ufunc = np.PyUFunc_FromFuncAndData(
        NULL, NULL, NULL, 0, len(kind.inputs) + len(row.parameters), len(kind.outputs),
        np.PyUFunc_None, name, doc, 0,
    )
    add_loop(ufunc, "float16", <void *>&loop[operation, uint16_t, activation])
    add_loop(ufunc, "float32", <void *>&loop[operation, float, activation])
    add_loop(ufunc, "float64", <void *>&loop[operation, double, activation])
    add_promoter(ufunc)
    with suppress(AttributeError):  # older NumPy: pickle has to search all modules for it
        ufunc.__module__ = "fastact"
    return ufunc


cdef int add(activation *tag, str name) except -1:
    """Make the ufuncs of one activation: its tag, its row."""
    row = ACTIVATIONS[name]
    if len(row.parameters) != sizeof(activation) - 1:
        raise SystemError(f"{name}: the size of its tag does not fit its parameters")
    if sizeof(activation) > 3:
        raise SystemError(f"{name}: the loops pass at most two parameters on")
    for kind in row.operations():
        if kind.suffix == "":
            ufunc = new_ufunc(tag, <value_t *>NULL, row, kind)
        elif kind.suffix == "_derivative":
            ufunc = new_ufunc(tag, <derivative_t *>NULL, row, kind)
        elif kind.suffix == "_with_derivative":
            ufunc = new_ufunc(tag, <with_derivative_t *>NULL, row, kind)
        elif kind.suffix == "_backward":
            ufunc = new_ufunc(tag, <backward_t *>NULL, row, kind)
        elif kind.suffix == "_backward_from_output":
            ufunc = new_ufunc(tag, <backward_from_output_t *>NULL, row, kind)
        UFUNCS[ufunc.__name__] = ufunc


add(<identity_t *>NULL, "identity")
add(<relu_t *>NULL, "relu")
add(<leaky_relu_t *>NULL, "leaky_relu")
add(<sigmoid_t *>NULL, "sigmoid")
add(<tanh_t *>NULL, "tanh")
