"""Write fastact/__init__.pyi from the tables: ``python src/stubs.py``.

A class for each kind of function (operands, parameters, outputs), with the overloads of its
``__call__``; then a line for each name.
"""

import inspect
import os
import textwrap
from pathlib import Path

os.environ["FASTACT_BACKEND"] = "numpy"  # all have the same names and signatures

import numpy as np

import fastact
from fastact.activations import aliases, functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

STUB = Path(__file__).parent.parent / "fastact" / "__init__.pyi"

HEADER = """\
# Written by src/stubs.py from the tables; do not edit.

from typing import Any, Literal, Protocol, SupportsIndex, TypedDict, TypeVar, overload

import numpy as np
from numpy._typing import _ArrayLikeFloat_co as _Numbers
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Unpack

from fastact import backends as backends
from fastact import diagnostics as diagnostics
from fastact import ufuncs as ufuncs
from fastact._get import get as get

__version__: str
backend: str

_F = TypeVar("_F", bound=np.floating)
_Out = TypeVar("_Out", bound=np.ndarray)
_Out2 = TypeVar("_Out2", bound=np.ndarray)
_Into = np.ndarray | tuple[np.ndarray | None] | None
_Into2 = tuple[np.ndarray | None, np.ndarray | None] | None
_Sequence = NDArray[Any] | list[Any] | tuple[Any, ...]
_Like = float | _F | NDArray[_F]
_DType = type[_F] | np.dtype[_F]
_AnyDType = DTypeLike | None

class _Overrides(Protocol):
    __array_priority__: int  # no attribute of NumPy's own arrays, as its stubs have them
    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **keywords: Any) -> Any: ...

_A = TypeVar("_A", bound=_Overrides)  # a Series, a DataArray, a dask.array.Array, ...

class _Keywords(TypedDict, total=False):
    where: ArrayLike
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"] | None
    subok: bool

class _UFunc(Protocol):
    # What a numpy.ufunc and the other backends' functions have in common.
    @property
    def __name__(self) -> str: ...
    @property
    def nin(self) -> int: ...
    @property
    def nout(self) -> int: ...
    @property
    def nargs(self) -> int: ...
    @property
    def types(self) -> list[str]: ...
"""

#: What the kinds of functions are called, by operation.
SHAPES = {
    "": "value",
    "_derivative": "value",
    "_with_derivative": "pair",
    "_backward": "backward",
    "_backward_from_output": "backward",
}
#: Arguments that are neither operands nor parameters of an activation.
OPTIONS = {
    "axis": "axis: SupportsIndex = -1",
    "keepdims": "keepdims: bool = False",
    "reduction": 'reduction: Literal["none", "mean", "sum"] = "none"',
}


def generate():
    """The text of the stub."""
    entries = [
        (
            name,
            "_".join([SHAPES[operation.suffix], *(p.name for p in row.parameters)]),
            operation,
            row,
        )
        for name, row, operation in functions()
    ]
    entries += [(name, name, operation, row) for name, row, operation in channel_functions()]
    entries += [(name, name, row, None) for name, row in ROW_FUNCTIONS.items()]
    kinds, lines = {}, []
    for name, kind, operation, row in entries:
        key = overloads(getattr(fastact, name), operation.inputs, row)
        lines.append(f"{name}: _{kinds.setdefault(key, kind)}")
    lines += [f"{alias} = {name}" for alias, name in aliases()]
    protocols = []
    for (plain, body), kind in kinds.items():
        protocols.append(f"class _{kind}{'_call' if plain else ''}(Protocol):\n{body}")
        if plain:
            protocols.append(f"class _{kind}(_{kind}_call, _UFunc, Protocol): ...\n")
    exported = textwrap.fill(
        ", ".join(f'"{name}"' for name in fastact.__all__),
        98,
        initial_indent="    ",
        subsequent_indent="    ",
    )
    return "\n".join([HEADER, *protocols, *lines, "", f"__all__ = [\n{exported},\n]", ""])


def overloads(function, operands, row):
    """Whether a function is a ufunc itself, and the overloads of its call."""
    plain = hasattr(function, "nin")
    elementwise = plain or (row is not None and hasattr(function, "ufunc"))
    named, options = parameters(function, operands, row)
    outputs = of_vectors(function, operands, row)
    operands = ["x" if name == "y" else name for name in operands]  # fewer kinds

    def call(kinds, result, out="None = None", dtype=None, parameter="_Numbers"):
        """An overload; `kinds` is a type for all operands or one for each."""
        if isinstance(kinds, str):
            kinds = [kinds] * len(operands)
        arguments = [f"{name}: {kind}" for name, kind in zip(operands, kinds)]
        arguments += ["/", *(text.format(parameter) for text in named)]
        own = [f"dtype: {dtype}"] if dtype and (elementwise or "dtype" in options) else []
        own += [OPTIONS[name] for name in options if name != "dtype"]
        arguments += [f"out: {out}", *["*"] * bool(own)] if plain else ["*", f"out: {out}"]
        arguments += own + ["**_: Unpack[_Keywords]"] * elementwise
        return f"    @overload\n    def __call__(self, {', '.join(arguments)}) -> {result}: ...\n"

    def each(kind):
        """The result's type where arrays are of a type."""
        kinds = [kind if is_array else "Any" for is_array in outputs]
        return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"

    arrays = ["_Numbers" if name == "labels" else "NDArray[_F]" for name in operands]
    found = [call(arrays, each("NDArray[_F]"), parameter="_Like[_F]")]
    if elementwise:
        found.append(call("_F", each("_F"), parameter="float | _F"))
        if len(operands) == 1:
            found.append(call("float", each("np.float64"), parameter="float"))
        found.append(call("NDArray[np.integer | np.bool]", each("NDArray[np.floating]")))
        found.append(call("_Sequence", each("NDArray[_F]"), dtype="_DType[_F]"))
    if len(outputs) == 1:
        found.append(call("_Numbers", "_Out", "_Out | tuple[_Out]", "_AnyDType = None"))
    else:
        found.append(call("_Numbers", *["tuple[_Out, _Out2]"] * 2, "_AnyDType = None"))
    some = "_Into = None" if len(outputs) == 1 else "_Into2 = None"
    found.append(call("_Numbers", each("Any"), some, "_AnyDType = None"))
    if elementwise:
        foreign = ["_A | _Numbers"] * (len(operands) - 1) + ["_A"]
        found.append(call(foreign, each("_A"), "Any = None", "_AnyDType = None", "_A | _Numbers"))
    return plain, "".join(found)


def parameters(function, operands, row):
    """The text of a function's parameters, the names of its options that have no place."""
    if hasattr(function, "nin"):
        return [], []
    found = list(inspect.signature(function).parameters.values())[len(operands) :]
    named = [
        OPTIONS.get(p.name)
        or f"{p.name}: {{}}" + ("" if p.default is p.empty else f" = {p.default!r}")
        for p in found
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return named, [p.name for p in found if p.kind is p.KEYWORD_ONLY and p.name != "out"]


def of_vectors(function, operands, row):
    """For each output whether it is an array where the operands are vectors."""
    if row is None and "grad" in operands:
        return [True]
    vector = np.linspace(0.1, 0.3, 4, dtype=np.float32)
    required = row.required if row is not None and "weight" not in operands else ()
    results = function(*[vector] * len(operands), *required)
    return [isinstance(r, np.ndarray) for r in (results if type(results) is tuple else [results])]


if __name__ == "__main__":
    STUB.write_text(generate())
