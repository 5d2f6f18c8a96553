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

class _value_call(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, out: None = None, *, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, out: _Out | tuple[_Out], *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, out: _Into = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, out: Any = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value(_value_call, _UFunc, Protocol): ...

class _pair_call(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, out: None = None, *, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, out: tuple[_Out, _Out2], *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, out: _Into2 = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, out: Any = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _pair(_pair_call, _UFunc, Protocol): ...

class _backward_call(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, out: None = None, *, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, out: _Out | tuple[_Out], *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, out: _Into = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, out: Any = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _backward(_backward_call, _UFunc, Protocol): ...

class _value_negative_slope(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, negative_slope: _Like[_F] = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, negative_slope: float | _F = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, negative_slope: float = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, negative_slope: _Numbers = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, negative_slope: _Numbers = 0.01, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, negative_slope: _A | _Numbers = 0.01, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_negative_slope(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, negative_slope: _Like[_F] = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, negative_slope: float | _F = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, negative_slope: float = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, negative_slope: _Numbers = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, negative_slope: _Numbers = 0.01, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, negative_slope: _A | _Numbers = 0.01, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_negative_slope(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, negative_slope: _Like[_F] = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, negative_slope: float | _F = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, negative_slope: _Numbers = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, negative_slope: _Numbers = 0.01, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, negative_slope: _A | _Numbers = 0.01, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_weight(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, weight: _Like[_F], *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, weight: float | _F, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, weight: float, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, weight: _Numbers, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, weight: _Numbers, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, weight: _Numbers, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, weight: _Numbers, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, weight: _A | _Numbers, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_weight(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, weight: _Like[_F], *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, weight: float | _F, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, weight: float, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, weight: _Numbers, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, weight: _Numbers, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, weight: _Numbers, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, weight: _Numbers, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, weight: _A | _Numbers, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_weight(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, weight: _Like[_F], *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, weight: float | _F, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, weight: _Numbers, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, weight: _Numbers, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, weight: _Numbers, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, weight: _Numbers, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, weight: _A | _Numbers, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_threshold_value(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, threshold: _Like[_F], value: _Like[_F], *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, threshold: float | _F, value: float | _F, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, threshold: float, value: float, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, threshold: _Numbers, value: _Numbers, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, threshold: _Numbers, value: _Numbers, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, threshold: _Numbers, value: _Numbers, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, threshold: _Numbers, value: _Numbers, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, threshold: _A | _Numbers, value: _A | _Numbers, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_threshold_value(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, threshold: _Like[_F], value: _Like[_F], *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, threshold: float | _F, value: float | _F, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, threshold: float, value: float, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, threshold: _Numbers, value: _Numbers, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, threshold: _Numbers, value: _Numbers, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, threshold: _Numbers, value: _Numbers, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, threshold: _Numbers, value: _Numbers, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, threshold: _A | _Numbers, value: _A | _Numbers, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_threshold_value(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, threshold: _Like[_F], value: _Like[_F], *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, threshold: float | _F, value: float | _F, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, threshold: _Numbers, value: _Numbers, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, threshold: _Numbers, value: _Numbers, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, threshold: _Numbers, value: _Numbers, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, threshold: _Numbers, value: _Numbers, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, threshold: _A | _Numbers, value: _A | _Numbers, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_alpha(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, alpha: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, alpha: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, alpha: float = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, alpha: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, alpha: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, alpha: _Numbers = 1.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, alpha: _Numbers = 1.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, alpha: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_alpha(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, alpha: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, alpha: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, alpha: float = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, alpha: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, alpha: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, alpha: _Numbers = 1.0, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, alpha: _Numbers = 1.0, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, alpha: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_alpha(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, alpha: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, alpha: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, alpha: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, alpha: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, alpha: _Numbers = 1.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, alpha: _Numbers = 1.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, alpha: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_min_val_max_val(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, min_val: _Like[_F] = -1.0, max_val: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, min_val: float | _F = -1.0, max_val: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, min_val: float = -1.0, max_val: float = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, min_val: _A | _Numbers = -1.0, max_val: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_min_val_max_val(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, min_val: _Like[_F] = -1.0, max_val: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, min_val: float | _F = -1.0, max_val: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, min_val: float = -1.0, max_val: float = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, min_val: _A | _Numbers = -1.0, max_val: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_min_val_max_val(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, min_val: _Like[_F] = -1.0, max_val: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, min_val: float | _F = -1.0, max_val: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, min_val: _Numbers = -1.0, max_val: _Numbers = 1.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, min_val: _A | _Numbers = -1.0, max_val: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_beta(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, beta: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, beta: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, beta: float = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, beta: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, beta: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, beta: _Numbers = 1.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, beta: _Numbers = 1.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, beta: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_beta(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, beta: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, beta: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, beta: float = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, beta: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, beta: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, beta: _Numbers = 1.0, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, beta: _Numbers = 1.0, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, beta: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_beta(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, beta: _Like[_F] = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, beta: float | _F = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, beta: _Numbers = 1.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, beta: _Numbers = 1.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, beta: _Numbers = 1.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, beta: _Numbers = 1.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, beta: _A | _Numbers = 1.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_b(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, b: _Like[_F] = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, b: float | _F = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, b: float = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, b: _Numbers = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, b: _Numbers = 4.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, b: _Numbers = 4.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, b: _Numbers = 4.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, b: _A | _Numbers = 4.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_b(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, b: _Like[_F] = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, b: float | _F = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, b: float = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, b: _Numbers = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, b: _Numbers = 4.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, b: _Numbers = 4.0, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, b: _Numbers = 4.0, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, b: _A | _Numbers = 4.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_b(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, b: _Like[_F] = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, b: float | _F = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, b: _Numbers = 4.0, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, b: _Numbers = 4.0, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, b: _Numbers = 4.0, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, b: _Numbers = 4.0, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, b: _A | _Numbers = 4.0, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _value_lambd(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, lambd: _Like[_F] = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, /, lambd: float | _F = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: float, /, lambd: float = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> np.float64: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, lambd: _Numbers = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, /, lambd: _Numbers = 0.5, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, lambd: _Numbers = 0.5, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, lambd: _Numbers = 0.5, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A, /, lambd: _A | _Numbers = 0.5, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _pair_lambd(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, lambd: _Like[_F] = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _F, /, lambd: float | _F = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[_F, _F]: ...
    @overload
    def __call__(self, x: float, /, lambd: float = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[np.float64, np.float64]: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], /, lambd: _Numbers = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
    @overload
    def __call__(self, x: _Sequence, /, lambd: _Numbers = 0.5, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, x: _Numbers, /, lambd: _Numbers = 0.5, *, out: tuple[_Out, _Out2], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, x: _Numbers, /, lambd: _Numbers = 0.5, *, out: _Into2 = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: _A, /, lambd: _A | _Numbers = 0.5, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> tuple[_A, _A]: ...

class _backward_lambd(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, lambd: _Like[_F] = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _F, x: _F, /, lambd: float | _F = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, grad: NDArray[np.integer | np.bool], x: NDArray[np.integer | np.bool], /, lambd: _Numbers = 0.5, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, grad: _Sequence, x: _Sequence, /, lambd: _Numbers = 0.5, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, lambd: _Numbers = 0.5, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, lambd: _Numbers = 0.5, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, grad: _A | _Numbers, x: _A, /, lambd: _A | _Numbers = 0.5, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _bias_relu_call(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], b: NDArray[_F], /, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, b: _F, /, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], b: NDArray[np.integer | np.bool], /, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, b: _Sequence, /, out: None = None, *, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, b: _Numbers, /, out: _Out | tuple[_Out], *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, b: _Numbers, /, out: _Into = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A | _Numbers, b: _A, /, out: Any = None, *, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _bias_relu(_bias_relu_call, _UFunc, Protocol): ...

class _bias_relu_backward(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], b: NDArray[_F], /, *, out: None = None) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, b: _Numbers, /, *, out: tuple[_Out, _Out2]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, b: _Numbers, /, *, out: _Into2 = None) -> tuple[Any, Any]: ...

class _bias_leaky_relu(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], b: NDArray[_F], /, negative_slope: _Like[_F] = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _F, b: _F, /, negative_slope: float | _F = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> _F: ...
    @overload
    def __call__(self, x: NDArray[np.integer | np.bool], b: NDArray[np.integer | np.bool], /, negative_slope: _Numbers = 0.01, *, out: None = None, **_: Unpack[_Keywords]) -> NDArray[np.floating]: ...
    @overload
    def __call__(self, x: _Sequence, b: _Sequence, /, negative_slope: _Numbers = 0.01, *, out: None = None, dtype: _DType[_F], **_: Unpack[_Keywords]) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, b: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, b: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Into = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> Any: ...
    @overload
    def __call__(self, x: _A | _Numbers, b: _A, /, negative_slope: _A | _Numbers = 0.01, *, out: Any = None, dtype: _AnyDType = None, **_: Unpack[_Keywords]) -> _A: ...

class _bias_leaky_relu_backward(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], b: NDArray[_F], /, negative_slope: _Like[_F] = 0.01, *, out: None = None) -> tuple[NDArray[_F], NDArray[_F]]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, b: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: tuple[_Out, _Out2]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, b: _Numbers, /, negative_slope: _Numbers = 0.01, *, out: _Into2 = None) -> tuple[Any, Any]: ...

class _prelu_weight_backward(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], weight: NDArray[_F], /, *, out: None = None) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, weight: _Numbers, /, *, out: _Out | tuple[_Out]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, weight: _Numbers, /, *, out: _Into = None) -> Any: ...

class _softmax(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, axis: SupportsIndex = -1, *, out: None = None) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Out | tuple[_Out], dtype: _AnyDType = None) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Into = None, dtype: _AnyDType = None) -> Any: ...

class _softmax_backward(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, axis: SupportsIndex = -1, *, out: None = None) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Out | tuple[_Out], dtype: _AnyDType = None) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Into = None, dtype: _AnyDType = None) -> Any: ...

class _logsumexp(Protocol):
    @overload
    def __call__(self, x: NDArray[_F], /, axis: SupportsIndex = -1, *, out: None = None, keepdims: bool = False) -> Any: ...
    @overload
    def __call__(self, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, keepdims: bool = False) -> _Out: ...
    @overload
    def __call__(self, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Into = None, dtype: _AnyDType = None, keepdims: bool = False) -> Any: ...

class _logsumexp_backward(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], x: NDArray[_F], /, axis: SupportsIndex = -1, *, out: None = None, keepdims: bool = False) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Out | tuple[_Out], dtype: _AnyDType = None, keepdims: bool = False) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, x: _Numbers, /, axis: SupportsIndex = -1, *, out: _Into = None, dtype: _AnyDType = None, keepdims: bool = False) -> Any: ...

class _softmax_cross_entropy(Protocol):
    @overload
    def __call__(self, logits: NDArray[_F], labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: None = None) -> Any: ...
    @overload
    def __call__(self, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Out | tuple[_Out]) -> _Out: ...
    @overload
    def __call__(self, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Into = None) -> Any: ...

class _softmax_cross_entropy_derivative(Protocol):
    @overload
    def __call__(self, logits: NDArray[_F], labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: None = None) -> NDArray[_F]: ...
    @overload
    def __call__(self, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Out | tuple[_Out]) -> _Out: ...
    @overload
    def __call__(self, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Into = None) -> Any: ...

class _softmax_cross_entropy_with_derivative(Protocol):
    @overload
    def __call__(self, logits: NDArray[_F], labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: None = None) -> tuple[Any, NDArray[_F]]: ...
    @overload
    def __call__(self, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: tuple[_Out, _Out2]) -> tuple[_Out, _Out2]: ...
    @overload
    def __call__(self, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Into2 = None) -> tuple[Any, Any]: ...

class _softmax_cross_entropy_backward(Protocol):
    @overload
    def __call__(self, grad: NDArray[_F], logits: NDArray[_F], labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: None = None) -> NDArray[_F]: ...
    @overload
    def __call__(self, grad: _Numbers, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Out | tuple[_Out]) -> _Out: ...
    @overload
    def __call__(self, grad: _Numbers, logits: _Numbers, labels: _Numbers, /, axis: SupportsIndex = -1, reduction: Literal["none", "mean", "sum"] = "none", *, out: _Into = None) -> Any: ...

identity: _value
identity_derivative: _value
identity_with_derivative: _pair
identity_backward: _backward
identity_backward_from_output: _backward
relu: _value
relu_derivative: _value
relu_with_derivative: _pair
relu_backward: _backward
relu_backward_from_output: _backward
relu6: _value
relu6_derivative: _value
relu6_with_derivative: _pair
relu6_backward: _backward
relu6_backward_from_output: _backward
leaky_relu: _value_negative_slope
leaky_relu_derivative: _value_negative_slope
leaky_relu_with_derivative: _pair_negative_slope
leaky_relu_backward: _backward_negative_slope
leaky_relu_backward_from_output: _backward_negative_slope
prelu: _value_weight
prelu_derivative: _value_weight
prelu_with_derivative: _pair_weight
prelu_backward: _backward_weight
threshold: _value_threshold_value
threshold_derivative: _value_threshold_value
threshold_with_derivative: _pair_threshold_value
threshold_backward: _backward_threshold_value
elu: _value_alpha
elu_derivative: _value_alpha
elu_with_derivative: _pair_alpha
elu_backward: _backward_alpha
elu_backward_from_output: _backward_alpha
selu: _value
selu_derivative: _value
selu_with_derivative: _pair
selu_backward: _backward
selu_backward_from_output: _backward
celu: _value_alpha
celu_derivative: _value_alpha
celu_with_derivative: _pair_alpha
celu_backward: _backward_alpha
celu_backward_from_output: _backward_alpha
sigmoid: _value
sigmoid_derivative: _value
sigmoid_with_derivative: _pair
sigmoid_backward: _backward
sigmoid_backward_from_output: _backward
log_sigmoid: _value
log_sigmoid_derivative: _value
log_sigmoid_with_derivative: _pair
log_sigmoid_backward: _backward
log_sigmoid_backward_from_output: _backward
hard_sigmoid: _value
hard_sigmoid_derivative: _value
hard_sigmoid_with_derivative: _pair
hard_sigmoid_backward: _backward
hard_sigmoid_backward_from_output: _backward
tanh: _value
tanh_derivative: _value
tanh_with_derivative: _pair
tanh_backward: _backward
tanh_backward_from_output: _backward
lecun_tanh: _value
lecun_tanh_derivative: _value
lecun_tanh_with_derivative: _pair
lecun_tanh_backward: _backward
lecun_tanh_backward_from_output: _backward
hard_tanh: _value_min_val_max_val
hard_tanh_derivative: _value_min_val_max_val
hard_tanh_with_derivative: _pair_min_val_max_val
hard_tanh_backward: _backward_min_val_max_val
hard_tanh_backward_from_output: _backward_min_val_max_val
tanh_shrink: _value
tanh_shrink_derivative: _value
tanh_shrink_with_derivative: _pair
tanh_shrink_backward: _backward
softsign: _value
softsign_derivative: _value
softsign_with_derivative: _pair
softsign_backward: _backward
softsign_backward_from_output: _backward
softplus: _value_beta
softplus_derivative: _value_beta
softplus_with_derivative: _pair_beta
softplus_backward: _backward_beta
softplus_backward_from_output: _backward_beta
squareplus: _value_b
squareplus_derivative: _value_b
squareplus_with_derivative: _pair_b
squareplus_backward: _backward_b
gelu: _value
gelu_derivative: _value
gelu_with_derivative: _pair
gelu_backward: _backward
gelu_tanh: _value
gelu_tanh_derivative: _value
gelu_tanh_with_derivative: _pair
gelu_tanh_backward: _backward
quick_gelu: _value
quick_gelu_derivative: _value
quick_gelu_with_derivative: _pair
quick_gelu_backward: _backward
silu: _value
silu_derivative: _value
silu_with_derivative: _pair
silu_backward: _backward
swish: _value_beta
swish_derivative: _value_beta
swish_with_derivative: _pair_beta
swish_backward: _backward_beta
mish: _value
mish_derivative: _value
mish_with_derivative: _pair
mish_backward: _backward
hard_swish: _value
hard_swish_derivative: _value
hard_swish_with_derivative: _pair
hard_swish_backward: _backward
soft_shrink: _value_lambd
soft_shrink_derivative: _value_lambd
soft_shrink_with_derivative: _pair_lambd
soft_shrink_backward: _backward_lambd
hard_shrink: _value_lambd
hard_shrink_derivative: _value_lambd
hard_shrink_with_derivative: _pair_lambd
hard_shrink_backward: _backward_lambd
bias_relu: _bias_relu
bias_relu_backward: _bias_relu_backward
bias_leaky_relu: _bias_leaky_relu
bias_leaky_relu_backward: _bias_leaky_relu_backward
bias_sigmoid: _bias_relu
bias_sigmoid_backward: _bias_relu_backward
bias_tanh: _bias_relu
bias_tanh_backward: _bias_relu_backward
bias_gelu: _bias_relu
bias_gelu_backward: _bias_relu_backward
bias_gelu_tanh: _bias_relu
bias_gelu_tanh_backward: _bias_relu_backward
bias_silu: _bias_relu
bias_silu_backward: _bias_relu_backward
prelu_weight_backward: _prelu_weight_backward
softmax: _softmax
softmax_backward: _softmax_backward
softmax_backward_from_output: _softmax_backward
log_softmax: _softmax
log_softmax_backward: _softmax_backward
log_softmax_backward_from_output: _softmax_backward
logsumexp: _logsumexp
logsumexp_backward: _logsumexp_backward
softmax_cross_entropy: _softmax_cross_entropy
softmax_cross_entropy_derivative: _softmax_cross_entropy_derivative
softmax_cross_entropy_with_derivative: _softmax_cross_entropy_with_derivative
softmax_cross_entropy_backward: _softmax_cross_entropy_backward
glu: _softmax
glu_backward: _softmax_backward
reglu: _softmax
reglu_backward: _softmax_backward
geglu: _softmax
geglu_backward: _softmax_backward
swiglu: _softmax
swiglu_backward: _softmax_backward
linear = identity
linear_derivative = identity_derivative
linear_with_derivative = identity_with_derivative
linear_backward = identity_backward
linear_backward_from_output = identity_backward_from_output
thresholded_relu = threshold
thresholded_relu_derivative = threshold_derivative
thresholded_relu_with_derivative = threshold_with_derivative
thresholded_relu_backward = threshold_backward
expit = sigmoid
expit_derivative = sigmoid_derivative
expit_with_derivative = sigmoid_with_derivative
expit_backward = sigmoid_backward
expit_backward_from_output = sigmoid_backward_from_output
logistic = sigmoid
logistic_derivative = sigmoid_derivative
logistic_with_derivative = sigmoid_with_derivative
logistic_backward = sigmoid_backward
logistic_backward_from_output = sigmoid_backward_from_output
logsigmoid = log_sigmoid
logsigmoid_derivative = log_sigmoid_derivative
logsigmoid_with_derivative = log_sigmoid_with_derivative
logsigmoid_backward = log_sigmoid_backward
logsigmoid_backward_from_output = log_sigmoid_backward_from_output
log_expit = log_sigmoid
log_expit_derivative = log_sigmoid_derivative
log_expit_with_derivative = log_sigmoid_with_derivative
log_expit_backward = log_sigmoid_backward
log_expit_backward_from_output = log_sigmoid_backward_from_output
scaled_tanh = lecun_tanh
scaled_tanh_derivative = lecun_tanh_derivative
scaled_tanh_with_derivative = lecun_tanh_with_derivative
scaled_tanh_backward = lecun_tanh_backward
scaled_tanh_backward_from_output = lecun_tanh_backward_from_output
hardtanh = hard_tanh
hardtanh_derivative = hard_tanh_derivative
hardtanh_with_derivative = hard_tanh_with_derivative
hardtanh_backward = hard_tanh_backward
hardtanh_backward_from_output = hard_tanh_backward_from_output
tanhshrink = tanh_shrink
tanhshrink_derivative = tanh_shrink_derivative
tanhshrink_with_derivative = tanh_shrink_with_derivative
tanhshrink_backward = tanh_shrink_backward
soft_sign = softsign
soft_sign_derivative = softsign_derivative
soft_sign_with_derivative = softsign_with_derivative
soft_sign_backward = softsign_backward
soft_sign_backward_from_output = softsign_backward_from_output
gelu_new = gelu_tanh
gelu_new_derivative = gelu_tanh_derivative
gelu_new_with_derivative = gelu_tanh_with_derivative
gelu_new_backward = gelu_tanh_backward
gelu_approx = gelu_tanh
gelu_approx_derivative = gelu_tanh_derivative
gelu_approx_with_derivative = gelu_tanh_with_derivative
gelu_approx_backward = gelu_tanh_backward
gelu_fast_approx = quick_gelu
gelu_fast_approx_derivative = quick_gelu_derivative
gelu_fast_approx_with_derivative = quick_gelu_with_derivative
gelu_fast_approx_backward = quick_gelu_backward
hardswish = hard_swish
hardswish_derivative = hard_swish_derivative
hardswish_with_derivative = hard_swish_with_derivative
hardswish_backward = hard_swish_backward
hard_silu = hard_swish
hard_silu_derivative = hard_swish_derivative
hard_silu_with_derivative = hard_swish_with_derivative
hard_silu_backward = hard_swish_backward
softshrink = soft_shrink
softshrink_derivative = soft_shrink_derivative
softshrink_with_derivative = soft_shrink_with_derivative
softshrink_backward = soft_shrink_backward
hardshrink = hard_shrink
hardshrink_derivative = hard_shrink_derivative
hardshrink_with_derivative = hard_shrink_with_derivative
hardshrink_backward = hard_shrink_backward

__all__ = [
    "backend", "backends", "get", "identity", "identity_derivative", "identity_with_derivative",
    "identity_backward", "identity_backward_from_output", "relu", "relu_derivative",
    "relu_with_derivative", "relu_backward", "relu_backward_from_output", "relu6",
    "relu6_derivative", "relu6_with_derivative", "relu6_backward", "relu6_backward_from_output",
    "leaky_relu", "leaky_relu_derivative", "leaky_relu_with_derivative", "leaky_relu_backward",
    "leaky_relu_backward_from_output", "prelu", "prelu_derivative", "prelu_with_derivative",
    "prelu_backward", "threshold", "threshold_derivative", "threshold_with_derivative",
    "threshold_backward", "elu", "elu_derivative", "elu_with_derivative", "elu_backward",
    "elu_backward_from_output", "selu", "selu_derivative", "selu_with_derivative",
    "selu_backward", "selu_backward_from_output", "celu", "celu_derivative",
    "celu_with_derivative", "celu_backward", "celu_backward_from_output", "sigmoid",
    "sigmoid_derivative", "sigmoid_with_derivative", "sigmoid_backward",
    "sigmoid_backward_from_output", "log_sigmoid", "log_sigmoid_derivative",
    "log_sigmoid_with_derivative", "log_sigmoid_backward", "log_sigmoid_backward_from_output",
    "hard_sigmoid", "hard_sigmoid_derivative", "hard_sigmoid_with_derivative",
    "hard_sigmoid_backward", "hard_sigmoid_backward_from_output", "tanh", "tanh_derivative",
    "tanh_with_derivative", "tanh_backward", "tanh_backward_from_output", "lecun_tanh",
    "lecun_tanh_derivative", "lecun_tanh_with_derivative", "lecun_tanh_backward",
    "lecun_tanh_backward_from_output", "hard_tanh", "hard_tanh_derivative",
    "hard_tanh_with_derivative", "hard_tanh_backward", "hard_tanh_backward_from_output",
    "tanh_shrink", "tanh_shrink_derivative", "tanh_shrink_with_derivative",
    "tanh_shrink_backward", "softsign", "softsign_derivative", "softsign_with_derivative",
    "softsign_backward", "softsign_backward_from_output", "softplus", "softplus_derivative",
    "softplus_with_derivative", "softplus_backward", "softplus_backward_from_output",
    "squareplus", "squareplus_derivative", "squareplus_with_derivative", "squareplus_backward",
    "gelu", "gelu_derivative", "gelu_with_derivative", "gelu_backward", "gelu_tanh",
    "gelu_tanh_derivative", "gelu_tanh_with_derivative", "gelu_tanh_backward", "quick_gelu",
    "quick_gelu_derivative", "quick_gelu_with_derivative", "quick_gelu_backward", "silu",
    "silu_derivative", "silu_with_derivative", "silu_backward", "swish", "swish_derivative",
    "swish_with_derivative", "swish_backward", "mish", "mish_derivative", "mish_with_derivative",
    "mish_backward", "hard_swish", "hard_swish_derivative", "hard_swish_with_derivative",
    "hard_swish_backward", "soft_shrink", "soft_shrink_derivative", "soft_shrink_with_derivative",
    "soft_shrink_backward", "hard_shrink", "hard_shrink_derivative",
    "hard_shrink_with_derivative", "hard_shrink_backward", "bias_relu", "bias_relu_backward",
    "bias_leaky_relu", "bias_leaky_relu_backward", "bias_sigmoid", "bias_sigmoid_backward",
    "bias_tanh", "bias_tanh_backward", "bias_gelu", "bias_gelu_backward", "bias_gelu_tanh",
    "bias_gelu_tanh_backward", "bias_silu", "bias_silu_backward", "prelu_weight_backward",
    "softmax", "softmax_backward", "softmax_backward_from_output", "log_softmax",
    "log_softmax_backward", "log_softmax_backward_from_output", "logsumexp", "logsumexp_backward",
    "softmax_cross_entropy", "softmax_cross_entropy_derivative",
    "softmax_cross_entropy_with_derivative", "softmax_cross_entropy_backward", "glu",
    "glu_backward", "reglu", "reglu_backward", "geglu", "geglu_backward", "swiglu",
    "swiglu_backward", "linear", "linear_derivative", "linear_with_derivative", "linear_backward",
    "linear_backward_from_output", "thresholded_relu", "thresholded_relu_derivative",
    "thresholded_relu_with_derivative", "thresholded_relu_backward", "expit", "expit_derivative",
    "expit_with_derivative", "expit_backward", "expit_backward_from_output", "logistic",
    "logistic_derivative", "logistic_with_derivative", "logistic_backward",
    "logistic_backward_from_output", "logsigmoid", "logsigmoid_derivative",
    "logsigmoid_with_derivative", "logsigmoid_backward", "logsigmoid_backward_from_output",
    "log_expit", "log_expit_derivative", "log_expit_with_derivative", "log_expit_backward",
    "log_expit_backward_from_output", "scaled_tanh", "scaled_tanh_derivative",
    "scaled_tanh_with_derivative", "scaled_tanh_backward", "scaled_tanh_backward_from_output",
    "hardtanh", "hardtanh_derivative", "hardtanh_with_derivative", "hardtanh_backward",
    "hardtanh_backward_from_output", "tanhshrink", "tanhshrink_derivative",
    "tanhshrink_with_derivative", "tanhshrink_backward", "soft_sign", "soft_sign_derivative",
    "soft_sign_with_derivative", "soft_sign_backward", "soft_sign_backward_from_output",
    "gelu_new", "gelu_new_derivative", "gelu_new_with_derivative", "gelu_new_backward",
    "gelu_approx", "gelu_approx_derivative", "gelu_approx_with_derivative",
    "gelu_approx_backward", "gelu_fast_approx", "gelu_fast_approx_derivative",
    "gelu_fast_approx_with_derivative", "gelu_fast_approx_backward", "hardswish",
    "hardswish_derivative", "hardswish_with_derivative", "hardswish_backward", "hard_silu",
    "hard_silu_derivative", "hard_silu_with_derivative", "hard_silu_backward", "softshrink",
    "softshrink_derivative", "softshrink_with_derivative", "softshrink_backward", "hardshrink",
    "hardshrink_derivative", "hardshrink_with_derivative", "hardshrink_backward",
]
