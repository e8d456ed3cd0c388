"""The margin model in plain Python objects: slow, readable, and the oracle of the kernel."""

from .simulate import run

__all__ = ["run"]
