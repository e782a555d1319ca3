"""``python -m streams`` is ``filaviva``."""

from streams.cli import main

main()
