"""The errors Filaviva raises on purpose.

    FilavivaError
    ├── ConfigError      the operator's input is wrong; exit 2, before any connection
    ├── Unavailable      something outside is away; trying again makes sense
    └── Superseded       somebody else owns by now what this worker believes to own

What is wrong with one *record* is not raised across modules: decoding returns a ``Rejection`` value.
"""

from __future__ import annotations


class FilavivaError(Exception):
    """Root of the tree; ``retry`` says whether trying again can help."""

    retry = False


class ConfigError(FilavivaError):
    """Configuration that cannot be used; ``problems`` are ``(path, expectation)`` pairs, in file order."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path}: {expected}" for path, expected in problems))


class Unavailable(FilavivaError):
    """A broker or file that should be there is away for now."""

    retry = True


class Superseded(FilavivaError):
    """Another worker has taken over a partition, and this one was not told: it must end and join again."""
