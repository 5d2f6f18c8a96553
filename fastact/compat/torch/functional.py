"""torch.nn.functional's activations on torch's CPU tensors, with fastact's kernels.

Names, arguments, defaults and kinks are torch's. The kernels work on the memory of the tensors, of
any strides, without a copy. Saved for the gradient is the output where that determines the
derivative, as `fastact.activations` says, else the input. Second derivatives are an error.

float16, bfloat16, float32 and float64 give themselves. bfloat16 needs ml_dtypes; the functions over
an axis compute it in float32.
"""

# Design: `fastact.compat.torch.numpy` has a maker of `Kernels` for each function; one
# autograd.Function runs any of them. Only the functions with a second tensor have their own.

from __future__ import annotations

import inspect

from fastact.compat.torch.numpy import MAKERS, prelu_weight_backward

try:
    import torch
except ImportError as error:
    raise ImportError(
        'fastact.compat.torch.functional needs PyTorch: pip install "fastact[torch]"'
    ) from error

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_LABELS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
#: The functions over an axis, whose kernels do not take it.
_WITHOUT_BFLOAT16 = ("softmax", "log_softmax", "glu", "cross_entropy")


def _array(tensor):
    """The memory of a tensor as an array."""
    tensor = tensor.detach()
    if tensor.dtype is not torch.bfloat16:
        return tensor.numpy()
    try:
        from ml_dtypes import bfloat16
    except ImportError as error:
        raise ImportError('bfloat16 needs ml_dtypes: pip install "fastact[torch]"') from error
    return tensor.view(torch.int16).numpy().view(bfloat16)


def _check(name, tensor, argument="input", dtypes=_DTYPES):
    """Raise TypeError unless the kernels can work on a tensor."""
    where = f"{name}: {argument}"
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{where} is a {type(tensor).__name__}, but a torch.Tensor is needed")
    if tensor.device.type != "cpu" or tensor.layout is not torch.strided:
        raise TypeError(
            f"{where} is a {tensor.layout} tensor on {tensor.device}, but a dense one on the CPU "
            "is needed"
        )
    if tensor.dtype not in dtypes:
        raise TypeError(
            f"{where} is of {tensor.dtype}, but one of {', '.join(map(str, dtypes))} is needed"
        )


def _check_inplace(name, tensor):
    """Raise RuntimeError, before anything is written, where torch does not write in place."""
    if tensor.requires_grad and tensor.is_leaf and torch.is_grad_enabled():
        raise RuntimeError(f"{name}: input is a leaf that requires grad and cannot be written to")
    if any(n > 1 and stride == 0 for n, stride in zip(tensor.shape, tensor.stride())):
        raise RuntimeError(f"{name}: elements of input share memory, it cannot be written to")


def _check_once():
    """Raise RuntimeError in a backward pass that is itself to be differentiated."""
    if torch.is_grad_enabled():
        raise RuntimeError("fastact has no second derivatives: create_graph=True is not supported")


class _Function(torch.autograd.Function):
    """Kernels on tensors."""

    @staticmethod
    def forward(ctx, input, kernels, *others):
        if kernels.inplace:
            ctx.mark_dirty(input)
            output = input
            if not kernels.from_output and ctx.needs_input_grad[0]:
                input = input.clone()
        elif kernels.shape is None:
            output = torch.empty_like(input)
        else:
            output = input.new_empty(kernels.shape)
        kernels.forward(_array(input), out=_array(output))
        ctx.kernel = kernels.from_output or kernels.backward
        # The others are saved so that torch complains if they have changed.
        ctx.save_for_backward(output if kernels.from_output else input, *others)
        return output

    @staticmethod
    def backward(ctx, grad):
        _check_once()
        saved, *others = ctx.saved_tensors
        result = torch.empty_like(saved)
        ctx.kernel(_array(grad), _array(saved), out=_array(result))
        return result, None, *(None for _ in others)


class _PReLU(torch.autograd.Function):
    """`_Function` for the one that has a second gradient."""

    @staticmethod
    def forward(ctx, input, weight):
        ctx.kernels = MAKERS["prelu"](input, _array(weight))
        ctx.save_for_backward(input, weight)
        output = torch.empty_like(input)
        ctx.kernels.forward(_array(input), out=_array(output))
        return output

    @staticmethod
    def backward(ctx, grad):
        _check_once()
        input, weight = ctx.saved_tensors
        results = torch.empty_like(input), torch.empty_like(weight)
        grad, x = _array(grad), _array(input)
        ctx.kernels.backward(grad, x, out=_array(results[0]))
        if ctx.needs_input_grad[1]:
            _array(results[1])[...] = prelu_weight_backward(grad, x, _array(weight))
        return results


def _of_kernels(name, maker):
    """The function of tensors that a maker stands for."""

    takes_dtype = "dtype" in inspect.signature(maker).parameters

    def function(input, *args, **kwargs):
        _check(name, input)
        if takes_dtype and kwargs.get("dtype") is not None:
            input = input.to(kwargs.pop("dtype"))
        kernels = maker(input, *args, **kwargs)
        if kernels.inplace:
            _check_inplace(name, input)
        return _apply(name, input, kernels)

    return function


def _apply(name, input, kernels, *others):
    if input.dtype is torch.bfloat16 and name in _WITHOUT_BFLOAT16:
        return _Function.apply(input.float(), kernels, *others).to(input.dtype)
    return _Function.apply(input, kernels, *others)


def _prelu(input, weight):
    _check("prelu", input)
    _check("prelu", weight, "weight", [input.dtype])
    return _PReLU.apply(input, weight)


def _cross_entropy(input, target, *args, **kwargs):
    _check("cross_entropy", input)
    _check("cross_entropy", target, "target", _DTYPES + _LABELS)
    if target.requires_grad:
        raise TypeError("cross_entropy: there is no gradient by target, detach it")
    labels = _array(target.float() if target.dtype is torch.bfloat16 else target)
    kernels = MAKERS["cross_entropy"](input, labels, *args, **kwargs)
    return _apply("cross_entropy", input, kernels, target)


for _name, _maker in MAKERS.items():
    _function = {"prelu": _prelu, "cross_entropy": _cross_entropy}.get(_name)
    _function = _function or _of_kernels(_name, _maker)
    _function.__name__ = _function.__qualname__ = _name
    _function.__signature__ = inspect.signature(_maker)
    _function.__doc__ = f"torch.nn.functional.{_name} on CPU tensors.\n\n{_maker.__doc__}"
    globals()[_name] = _function

__all__ = [*MAKERS]
