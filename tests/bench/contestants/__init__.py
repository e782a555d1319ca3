"""The programs that do the same job on the same events, each a process of its own."""
