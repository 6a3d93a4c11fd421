"""Settings that all tests share."""

import sys
from pathlib import Path

import hypothesis
import torch

# Examples are drawn the same way each time, and a slow machine is no failure.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# The tests run side by side, one core each.
torch.set_num_threads(1)

# The build's scripts are no package; their tests import them by name.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
