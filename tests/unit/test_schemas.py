"""The schemas for outsiders are those of the code, complete, and of the records that are really written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.domain.events import CONTACT_TYPES
from streams.schemas import ASYNCAPI, CHANNELS_OF_OUTSIDERS, FOLDER, documents, stale
from streams.simulation.day import day
from streams.topics import DEAD_LETTERS, STAGE_INPUTS, TOPICS, changelog_name

INTERNAL = {
    "queue-staffing": "between stages",
    "callback-signals": "between stages",
    "dialling-log": "between stages",
    DEAD_LETTERS: "original bytes",
    **{changelog_name(stage): "a stage's own" for stage in STAGE_INPUTS},
}


def schema(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return read


def data_schema(name: str) -> dict[str, Any]:
    """The schema of a type's data, its reference followed."""
    whole = schema(name)
    return whole["$defs"][whole["properties"]["data"]["$ref"].rsplit("/", 1)[1]]


def test_the_committed_files_are_those_of_the_code() -> None:
    """`python -m streams.schemas` writes them again."""
    assert list(stale()) == []


def test_a_file_that_is_changed_missing_or_too_many_is_named(tmp_path: Path) -> None:
    """So that `make check` can fail on it."""
    for name, text in documents().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "contact.offered.json").write_text("{}")
    (tmp_path / "contact.ended.json").unlink()
    (tmp_path / "contact.forgotten.json").write_text("{}")
    assert list(stale(tmp_path)) == ["contact.ended.json", "contact.forgotten.json", "contact.offered.json"]


def test_every_topic_is_described_or_known_to_be_no_outsiders_business() -> None:
    """A new topic must be put on one side."""
    described = {channel.topic.name for channel in CHANNELS_OF_OUTSIDERS}
    assert described.isdisjoint(INTERNAL)
    assert described | INTERNAL.keys() == {spec.name for spec in TOPICS}


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    """Within the document, and to the schema files beside it."""
    text = (FOLDER / ASYNCAPI).read_text()
    document = yaml.safe_load(text)
    references = re.findall(r"\$ref: '?([^'\n]+)", text)
    assert references
    for reference in references:
        if reference.startswith("./"):
            assert (FOLDER / reference).is_file(), reference
            continue
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


@pytest.mark.parametrize("kind", sorted(CONTACT_TYPES))
def test_what_the_simulated_platforms_send_fits_the_schema(kind: str) -> None:
    """Required attributes are there, and no field is unknown."""
    events = [event for event in day(7) if event["type"] == kind]
    envelope, data = schema(kind), data_schema(kind)
    assert events
    for event in events:
        assert set(envelope["required"]) <= event.keys()
        assert set(data["required"]) <= event["data"].keys() <= data["properties"].keys()
