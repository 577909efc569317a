"""Runs an argv bounded in time, output, processes and network.

detect(name)        the sandbox asked for, tried: where it does not work nothing is run
Container           a container of a project's image, see `containers`
Bubblewrap          a private view of the file system, of processes and of the network
Plain               the same limits, but the rights of the worker's own user
"""

from __future__ import annotations

from damascus.sandbox.bubblewrap import Bubblewrap
from damascus.sandbox.detect import detect, forget_trials
from damascus.sandbox.plain import Plain
from damascus.sandbox.run import Bounds
from damascus.sandbox.toolchain import toolchain

__all__ = ["Bounds", "Bubblewrap", "Plain", "detect", "forget_trials", "toolchain"]
