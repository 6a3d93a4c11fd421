"""Rod flow, executable: optimizers, stable flows and rod flows at the edge of stability."""

__version__ = "0.1.0"
