"""Sound records with any value put in the place of any of theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def spoilt(data: st.DataObject, record: dict[str, Any]) -> bytes:
    """One value of the record replaced, or the whole of it."""
    changed = json.loads(json.dumps(record))
    path = data.draw(st.sampled_from(list(_places_in(changed))))
    value = data.draw(VALUES)
    if not path:
        return json.dumps(value).encode()
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return json.dumps(changed).encode()


def _places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in steps:
        yield from _places_in(inner, (*path, key))
