"""Finds the shared real data, and skips what needs it where it is absent.

`FILAVIVA_SHARED` names the folder and makes its absence a failure; without it the folder `shared` beside the project is
tried.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_folder(name: str) -> Path:
    """The folder of one shared data set, or a skip."""
    wanted = os.environ.get("FILAVIVA_SHARED")
    root = Path(wanted) if wanted else Path(__file__).resolve().parents[2] / "shared"
    folder = root / "data" / name
    if folder.is_dir():
        return folder
    if wanted:
        pytest.fail(f"FILAVIVA_SHARED is {wanted}, but {folder} is not there")
    pytest.skip(f"no shared data at {folder}")
