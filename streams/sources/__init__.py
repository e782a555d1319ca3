"""From what vendors say to canonical events: one pure mapping per vendor, no I/O, no clock.

What moves the bytes is elsewhere (``streams.movers``). What every mapping is stands in ``mapping``.
"""
