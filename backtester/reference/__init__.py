"""The margin model in plain Python objects: slow, readable, and the oracle of the kernel."""

from .simulate import Simulation, result, run

__all__ = ["Simulation", "result", "run"]
