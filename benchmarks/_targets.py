"""What fastact's speed is judged by, as data: ratios of times, and how large they may be.

A target is met by a run if it holds in the worst of the cells that it speaks of.
"""

from dataclasses import dataclass

from fastact.activations import ACTIVATIONS

EVERYONE = tuple(ACTIVATIONS)
WITH_EXP = tuple(name for name, row in ACTIVATIONS.items() if row.cost == "exp")
FASTEST = "the fastest peer"


@dataclass(frozen=True)
class Target:
    """Time of fastact over that of `against`: at most `ratio`."""

    functions: tuple[str, ...]
    against: str
    ratio: float
    operation: str = ""
    dtype: str = "float32"
    sizes: tuple[str, ...] = ("16 K", "256 K", "4 M")
    #: The tiers for which it is stated; None is the machine's best.
    tiers: tuple[str | None, ...] = (None,)

    def __str__(self):
        names = "every" if self.functions == EVERYONE else ", ".join(self.functions)
        names = "exp-class" if self.functions == WITH_EXP else names
        return (
            f"{self.dtype} {names} f{self.operation} at {', '.join(self.sizes)}: "
            f"<= {self.ratio:g} x {self.against}"
        )


RAM = ("4 M", "16 M")
TORCH = "PyTorch"
TARGETS = (
    *(
        Target(EVERYONE, FASTEST, 1.0, operation, dtype)
        for dtype in ("float32", "float64")
        for operation in ("", "_with_derivative", "_backward")
    ),
    Target(("sigmoid",), TORCH, 0.55),
    Target(("sigmoid",), "SciPy", 0.06),
    Target(("tanh",), "NumPy idiom", 0.9),
    Target(("tanh",), "oneMKL VML", 0.9),
    Target(("silu",), TORCH, 0.6),
    Target(("gelu",), TORCH, 0.9),
    Target(("gelu_tanh",), TORCH, 0.25),
    Target(("softplus",), TORCH, 0.3),
    Target(("mish",), TORCH, 0.12),
    Target(("elu", "selu", "log_sigmoid"), TORCH, 0.7),
    Target(("sigmoid",), TORCH, 0.8, dtype="float64"),
    Target(("tanh",), "NumPy idiom", 0.9, dtype="float64"),
    Target(("gelu",), TORCH, 0.3, dtype="float64"),
    Target(("softplus",), TORCH, 0.4, dtype="float64"),
    Target(("mish",), TORCH, 0.2, dtype="float64"),
    Target(EVERYONE, "relu", 1.10, sizes=RAM),
    Target(EVERYONE, "np.copyto", 1.15, sizes=RAM),
    Target(EVERYONE, "np.copyto", 1.6, "_with_derivative", sizes=RAM),
    Target(EVERYONE, "np.copyto", 1.5, "_backward", sizes=RAM),
    Target(WITH_EXP, "f + f_derivative", 0.6, "_with_derivative"),
    Target(EVERYONE, TORCH, 0.7, "_backward"),
    Target(("sigmoid", "tanh", "silu", "gelu"), FASTEST, 1.0, tiers=("avx2",)),
    Target(("sigmoid",), "SciPy", 0.5, tiers=("baseline",)),
)
