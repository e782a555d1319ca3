"""How fast and how lean: `python -m tests.bench`. See the README beside this file."""
