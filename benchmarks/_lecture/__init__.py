"""The lecture's statements as experiments: a file a theme, a function a statement.

`statement.STATEMENTS` holds them all once this is imported.
"""

from . import centring, cost, death, gradients, optimizers

__all__ = ["centring", "cost", "death", "gradients", "optimizers"]
