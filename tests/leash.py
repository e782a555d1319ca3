"""Child processes that must not outlive the test run."""

from __future__ import annotations

import shutil


def leash() -> list[str]:
    """A command prefix by which the kernel kills the child when the test run dies without cleaning up (Linux only).

    The prefix execs: the child's process id is the one that was started.
    """
    tool = shutil.which("setpriv")
    return [tool, "--pdeathsig", "KILL"] if tool else []
