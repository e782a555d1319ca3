"""From YAML text to plain values and from plain values to sections, with every fault named by its path.

Faults are ``(path, expectation)`` pairs. No text of the file is repeated in them but plain key names, so a secret
pasted into the wrong place is not printed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec
import yaml

from streams.errors import ConfigError

Problem = tuple[str, str]
Section = TypeVar("Section", bound=msgspec.Struct)

ROOT: Final = "configuration"
"""The path of what concerns the whole file."""

NO_TAGS: Final = "expected a value without a YAML tag"

_SCALAR_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp")
)
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,60}|<<")
_QUOTED: Final = re.compile(r"""'(?!<)[^']{2,}'|"[^"]{2,}\"""")


class PlainYaml:
    """YAML read into dicts, lists and scalars: no tags, no key twice.

    ``lines`` is the first line of each path; ``unreadable`` are paths whose value became None for a problem told here.
    """

    def __init__(self, text: str) -> None:
        """Read the text; raise ConfigError where it is not YAML at all."""
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self.unreadable: set[str] = set()
        self._built: dict[int, object] = {}
        self._unfinished: set[int] = set()
        try:
            self._loader = yaml.SafeLoader(text)
            node = self._loader.get_single_node()
            self.value = None if node is None else self._value(node, "")
        except yaml.YAMLError as error:
            raise ConfigError([_syntax_problem(error)]) from None
        except RecursionError:
            raise ConfigError([(ROOT, "expected YAML nested a few levels deep, not hundreds")]) from None

    def line_of(self, path: str) -> int:
        """The line of a path, or of the nearest thing that holds it; 0 for the whole file."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 0) if path else 0

    def _value(self, node: yaml.Node, path: str) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._unfinished:
            return self._refuse(path, "expected no alias of what holds it")
        if id(node) in self._built:
            return self._built[id(node)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._unfinished.add(id(node))
        value = self._built[id(node)] = self._collection(node, path)
        self._unfinished.discard(id(node))
        return value

    def _collection(self, node: yaml.Node, path: str) -> object:
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self._value(child, f"{path}[{index}]") for index, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        return self._refuse(path, NO_TAGS)

    def _scalar(self, node: yaml.ScalarNode, path: str) -> object:
        if node.tag not in _SCALAR_TAGS:
            return self._refuse(path, NO_TAGS)
        try:
            return self._loader.construct_object(node)
        except (ValueError, LookupError, AttributeError):  # 2026-13-45 looks like a date to PyYAML, which then fails
            return self._refuse(path, "expected a value that YAML can read; text needs quotes")

    def _refuse(self, path: str, expected: str) -> object:
        """Nothing, in place of a value that cannot be read."""
        self.unreadable.add(path)
        self.problems.append((path or ROOT, expected))
        return None

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, object]:
        self._refuse_repeated_keys(node, path)
        try:
            self._loader.flatten_mapping(node)
        except yaml.constructor.ConstructorError:
            self.problems.append((path or ROOT, "expected << to name a mapping, or a list of mappings"))
        return {key.value: self._value(child, join(path, key.value)) for key, child in node.value if _is_plain(key)}

    def _refuse_repeated_keys(self, node: yaml.MappingNode, path: str) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not _is_plain(key):
                self.problems.append((path or ROOT, "expected keys of letters, digits, _ and - only"))
            elif key.value in first:
                expected = f"expected this key once; line {first[key.value]} has it already"
                self.problems.append((join(path, key.value), expected))
            else:
                first[key.value] = key.start_mark.line + 1


def _is_plain(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and _PLAIN_KEY.fullmatch(key.value) is not None


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    """Where the text stops being YAML, and why; names found in the text are left out."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return ROOT, "expected YAML text without control characters"
    fault = ", ".join(part for part in (error.context, error.problem) if part)
    return f"line {mark.line + 1}, column {mark.column + 1}", f"expected valid YAML: {_QUOTED.sub('(text)', fault)}"


def join(path: str, key: str) -> str:
    """The path of a key inside a mapping."""
    return f"{path}.{key}" if path else key


def readable(section: type[Section], raw: object) -> dict[int, Section]:
    """The elements of a list that are sound by themselves, by index."""
    found: dict[int, Section] = {}
    for index, element in enumerate(raw if isinstance(raw, list) else ()):
        value = readable_one(section, element)
        if value is not None:
            found[index] = value
    return found


def readable_one(section: type[Section], raw: object) -> Section | None:
    """The section, or None where anything in it is wrong."""
    try:
        return msgspec.convert(raw, section)
    except msgspec.ValidationError:
        return None


def diagnose(hint: Any, raw: object, path: str = "") -> list[Problem]:
    """Everything that keeps a plain value from being a ``hint``: a section, a list or mapping of them, or a scalar."""
    base, meta = _unwrap(hint)
    found = list(_inside(base, raw, path))
    if not found:
        try:
            msgspec.convert(raw, hint)
        except msgspec.ValidationError:
            found.append((path or ROOT, f"expected {_expectation(base, meta)}{_quotes_hint(base, raw)}"))
    return found


def _inside(base: Any, raw: object, path: str) -> Iterator[Problem]:
    """What is wrong one level down, where the value has the right shape."""
    if isinstance(raw, dict) and isinstance(base, type) and issubclass(base, msgspec.Struct):
        yield from _fields(base, raw, path)
    elif isinstance(raw, dict) and get_origin(base) is dict:
        key_hint, value_hint = get_args(base)
        for key, value in raw.items():
            yield from diagnose(key_hint, key, join(path, key))
            yield from diagnose(value_hint, value, join(path, key))
    elif isinstance(raw, list) and get_origin(base) is tuple:
        for index, value in enumerate(raw):
            yield from diagnose(get_args(base)[0], value, f"{path}[{index}]")


def _fields(section: type[msgspec.Struct], raw: Mapping[str, object], path: str) -> Iterator[Problem]:
    fields = msgspec.structs.fields(section)
    names = [field.name for field in fields]
    for key in raw:
        if key not in names:
            yield join(path, key), f"expected no such key; {_known_keys(key, names)}"
    for field in fields:
        if field.name in raw:
            yield from diagnose(field.type, raw[field.name], join(path, field.name))
        elif field.required:
            yield join(path, field.name), f"expected {_expectation(*_unwrap(field.type))}; it is missing"


def _known_keys(key: str, names: list[str]) -> str:
    near = difflib.get_close_matches(key, names, n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"known here: {', '.join(names)}"


def _unwrap(hint: Any) -> tuple[Any, list[msgspec.Meta]]:
    """The bare type and its constraints, without Annotated and without ``| None``."""
    inner = [arg for arg in get_args(hint) if arg is not type(None)]
    if type(None) in get_args(hint) and len(inner) == 1:
        return _unwrap(inner[0])
    if get_origin(hint) is Annotated:
        return get_args(hint)[0], [meta for meta in get_args(hint)[1:] if isinstance(meta, msgspec.Meta)]
    return hint, []


def _expectation(base: Any, meta: list[msgspec.Meta]) -> str:
    for constraint in meta:
        if constraint.description:
            return constraint.description
    if get_origin(base) is Literal:
        return "one of " + ", ".join(get_args(base))
    if base in (int, float):
        kind = "a whole number" if base is int else "a number"
        limits = meta[0] if meta else msgspec.Meta()
        least = f"above {limits.gt} and up to" if limits.gt is not None else f"from {limits.ge} to"
        return f"{kind} {least} {limits.le}"
    if base in (date, bool):
        return "a date such as 2026-11-23" if base is date else "true or false"
    return "a list" if get_origin(base) is tuple else "a mapping"


def _quotes_hint(base: Any, raw: object) -> str:
    """YAML reads ``no`` as false and ``10`` as a number; say so where text was wanted."""
    is_text = base is str or get_origin(base) is Literal
    return "; put it in quotes" if is_text and raw is not None and not isinstance(raw, str | list | dict) else ""
