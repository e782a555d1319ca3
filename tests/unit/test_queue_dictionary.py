"""What vendors call our queues: the configuration's dictionary, and what is met and missing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.errors import ConfigError
from streams.movers.kept import keep, kept
from streams.movers.unmapped import UnmappedNames, unmapped_names
from streams.sources.dictionary import MOST_UNMAPPED, Place, QueueDictionary
from streams.sources.mapping import MOST_KINDS, Ignored
from tests.configuration import edited, parsed

NAMED = {"source": "pbx-1", "name": "600", "tenant": "acme", "queue": "sac"}
SAC = Place("acme", "fortaleza", "sac", "voice")


def test_a_name_means_a_queue_with_its_site_and_only_channel() -> None:
    """What follows from the queue need not be said again."""
    settings = parsed(("vendor_queues", [NAMED, NAMED | {"name": "SAC Ouro", "callback_keys": ["1", "*9"]}]))
    dictionary = settings.queue_dictionary("pbx-1")
    assert dictionary.place("600") == SAC
    assert dictionary.place("SAC Ouro") == Place("acme", "fortaleza", "sac", "voice", frozenset({"1", "*9"}))
    assert dictionary.unmapped == {}


def test_each_source_has_its_own_names() -> None:
    """600 of one exchange is not 600 of another."""
    dictionary = parsed(("vendor_queues", [NAMED])).queue_dictionary("pbx-2")
    assert dictionary.place("600") is None
    assert dictionary.place("600") is None
    assert dictionary.unmapped == {"600": 2}


def test_made_up_names_do_not_fill_the_memory() -> None:
    """The bound is on different names; those known go on being counted."""
    dictionary = QueueDictionary("pbx-1", {"600": SAC})
    for number in range(2 * MOST_UNMAPPED):
        dictionary.place(f"q{number}")
    dictionary.place("q0")
    assert len(dictionary.unmapped) == MOST_UNMAPPED
    assert dictionary.unmapped["q0"] == 2


def test_made_up_kinds_do_not_either() -> None:
    """And what cannot be printed is not."""
    ignored = Ignored()
    for number in range(2 * MOST_KINDS):
        ignored.count(f"KIND\x07{number}" + "x" * 1000)
    assert len(ignored.by_kind) == MOST_KINDS + 1
    assert ignored.by_kind["other"] == MOST_KINDS
    assert all(name.isprintable() and len(name) <= 60 for name in ignored.by_kind)


def test_names_met_in_vain_are_kept_and_added_up(tmp_path: Path) -> None:
    """Over restarts, source by source."""
    for _ in range(2):
        dictionary = QueueDictionary("pbx-1", {})
        names = UnmappedNames(tmp_path, dictionary)
        names.save()
        dictionary.place("600")
        names.save()
        dictionary.place("Suporte")
        names.save()
        names.save()
    assert unmapped_names(tmp_path) == {"pbx-1": {"600": 2, "Suporte": 2}}


def test_discover_lists_what_is_missing_ready_to_be_pasted(tmp_path: Path) -> None:
    """Names that have been added since are left out."""
    dictionary = QueueDictionary("pbx-1", {})
    for name in ("600", "Suporte Técnico", "Suporte Técnico"):
        dictionary.place(name)
    UnmappedNames(tmp_path, dictionary).save()
    config = tmp_path / "filaviva.yaml"
    config.write_text(edited(("vendor_queues", [NAMED])))
    command = ["ingest", "discover", "--config", str(config), "--state", str(tmp_path)]
    found = CliRunner().invoke(main, command)
    assert found.exit_code == 0
    assert '  - {source: pbx-1, name: "Suporte Técnico", tenant: , queue: }   # met 2 times' in found.output
    assert "600" not in found.output
    as_json = CliRunner().invoke(main, [*command, "--json"])
    assert json.loads(as_json.output) == {"unmapped": {"pbx-1": {"Suporte Técnico": 2}}}
    config.write_text(edited(("vendor_queues", [NAMED, NAMED | {"name": "Suporte Técnico"}])))
    assert "every queue name" in CliRunner().invoke(main, command).output


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\x00"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    """Beginning anew is the operator's decision."""
    file = tmp_path / "pbx-1.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="move it away"):
        kept(file)


def test_what_is_kept_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """A crash while writing leaves the file before; the unfinished one is in nobody's way."""
    file = tmp_path / "pbx-1.json"
    assert kept(file) is None
    keep(file, {"position": 1})
    (tmp_path / "pbx-1.json.new").write_bytes(b"{half")
    assert kept(file) == {"position": 1}
    keep(file, {"position": 2})
    assert kept(file) == {"position": 2}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
