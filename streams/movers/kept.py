"""Small JSON files that survive a crash: written beside, forced to the disk, put in place at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from streams.errors import ConfigError, Unavailable

_State = TypeVar("_State", bound=msgspec.Struct)


def keep(path: Path, content: Mapping[str, Any]) -> None:
    """Either the old content or the new one is there, whatever happens meanwhile. Raises Unavailable.

    Nobody else may read it: what a mapping remembers may hold customers' numbers and addresses.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)  # or its old rights would stay
        with open(beside, "wb", opener=_closed_to_others) as file:
            file.write(msgspec.json.encode(content))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None


def _closed_to_others(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def kept(path: Path) -> dict[str, Any] | None:
    """What ``keep`` wrote; None where nothing was. Raises ConfigError for a file that is none of ours."""
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError([(str(path), f"expected a file that can be read: {error.strerror}")]) from None
    except msgspec.DecodeError:
        content = None
    if not isinstance(content, dict):
        raise ConfigError([(str(path), "expected a file that filaviva ingest wrote; move it away to begin anew")])
    return content


def kept_state(path: Path, form: type[_State], **owner: str) -> _State | None:
    """A mover's file, which names in these fields what it is the state of; None where nothing was kept.

    Raises ConfigError for a file that is none of ours, or somebody else's.
    """
    content = kept(path)
    if content is None:
        return None
    try:
        known = msgspec.convert(content, form)
    except msgspec.ValidationError as error:
        raise ConfigError([(str(path), f"expected what filaviva ingest wrote: {error}; move it away")]) from None
    for field, expected in owner.items():
        found = getattr(known, field)
        if found != expected:
            told = f"expected the state of {expected}; it is that of {found}: move it away to begin anew"
            raise ConfigError([(str(path), told)])
    return known
