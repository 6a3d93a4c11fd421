"""Settings that all tests share."""

import hypothesis
import torch

# Examples are drawn the same way each time, and a slow machine is no failure.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# The tests run side by side, one core each.
torch.set_num_threads(1)
