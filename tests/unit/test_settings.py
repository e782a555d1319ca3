"""The configuration file: what is refused, by path and expectation; what a good file gives."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given, strategies as st

from streams.domain.calling_hours import CallingHours
from streams.domain.directory import RETRY_MS, UNKNOWN_EXIT_MS
from streams.domain.figures import LIVE_WAIT_EDGES_SECONDS, WRITTEN_WAIT_EDGES_SECONDS
from streams.domain.service_level import FORMULAS
from streams.errors import ConfigError
from streams.settings import load_settings, parse_settings
from streams.settings_sections import Formula
from tests.configuration import (
    ENVIRONMENT,
    EXAMPLE,
    MISSING,
    PASSWORD,
    SEAL_KEY,
    TOKEN_KEY,
    Edit,
    all_problems_of,
    edited,
    parsed,
    problems_of,
    queue,
    sound_document,
)

PROMISING = {"tenant": "acme", "policies": ["contract@2026.11.1"], "resolution_seconds": 3600}

SOUND = sound_document()
NAMED = {"source": "pbx-1", "name": "600", "tenant": "acme", "queue": "sac"}
RECIFE = {"tenant": "acme", "site": "recife", "zone": "America/Recife"}

RECEIVER = {"tenant": "acme", "source": "crm-1", "secret_env": "FILAVIVA_CRM_SECRET"}
GATEWAY = {"receivers": [RECEIVER, {"tenant": "acme", "source": "crm-2", "secret_file": "crm-2.secret"}]}

BAD_VALUES: list[tuple[list[Edit], str, str]] = [
    # gateway
    ([("gateway", {})], "gateway.receivers", "at least one receiver"),
    ([("gateway", {"receivers": []})], "gateway.receivers", "at least one receiver"),
    (
        [("gateway", GATEWAY), ("gateway.receivers[1].source", "crm-1")],
        "gateway.receivers[1].source",
        "[0] is the same",
    ),
    ([("gateway", GATEWAY), ("gateway.receivers[0].tenant", "nobody")], "gateway.receivers[0].tenant", "has a site"),
    (
        [("gateway", GATEWAY), ("gateway.receivers[0].secret_file", "x")],
        "gateway.receivers[0].secret_env",
        "exactly one of secret_env and",
    ),
    (
        [
            ("gateway", GATEWAY),
            ("gateway.receivers[0].previous_secret_env", "A"),
            ("gateway.receivers[0].previous_secret_file", "b"),
        ],
        "gateway.receivers[0].previous_secret_env",
        "at most one of",
    ),
    ([("gateway", GATEWAY), ("gateway.receivers[0].proof", "hope")], "gateway.receivers[0].proof", "signature, bearer"),
    (
        [("gateway", GATEWAY), ("gateway.receivers[0].proof", "query_token")],
        "gateway.receivers[0].proof",
        "signature or bearer with kind cloudevents",
    ),
    (
        [
            ("gateway", {"receivers": [RECEIVER | {"kind": "chatwoot"}]}),
            ("sites[1]", RECIFE | {"tenant": "other"}),
            ("queues[3]", queue("sac") | {"tenant": "other", "site": "recife"}),
            ("vendor_queues", [{"source": "crm-1", "name": "1", "tenant": "other", "queue": "sac"}]),
        ],
        "gateway.receivers[0].source",
        "all of tenant acme",
    ),
    (
        [("gateway", {"receivers": [RECEIVER | {"kind": "whatsapp"}]})],
        "gateway.receivers[0].verify_token_env",
        "exactly one of verify_token_env and",
    ),
    (
        [("gateway", GATEWAY), ("gateway.receivers[0].verify_token_env", "A")],
        "gateway.receivers[0].verify_token_env",
        "no such key with kind cloudevents",
    ),
    ([("gateway", GATEWAY), ("gateway.port", 65_536)], "gateway.port", "from 0 to 65535"),
    # kafka
    ([("kafka", MISSING)], "kafka", "it is missing"),
    ([("kafka.brokers", [])], "kafka.brokers", "at least one broker"),
    ([("kafka.brokers", "kafka-1:9092")], "kafka.brokers", "a list of at least one broker"),
    ([("kafka.brokers[0]", "kafka-1")], "kafka.brokers[0]", "host:port"),
    ([("kafka.brokers[0]", "kafka-1:65536")], "kafka.brokers[0]", "the port from 1 to 65535"),
    ([("kafka.brokers[0]", "kafka-1:9092\n")], "kafka.brokers[0]", "host:port"),
    ([("kafka.prefix", "Fila Viva")], "kafka.prefix", "a slug"),
    ([("kafka.partitions", 0)], "kafka.partitions", "a whole number from 1 to 1024"),
    ([("kafka.partitions", 1025)], "kafka.partitions", "a whole number from 1 to 1024"),
    ([("kafka.partitions", True)], "kafka.partitions", "a whole number from 1 to 1024"),
    ([("kafka.replication", 8)], "kafka.replication", "a whole number from 1 to 7"),
    ([("kafka.acks", "all")], "kafka.acks", "no such key; known here: brokers, prefix"),
    ([("kafka.security.protocol", "sasl_plaintext")], "kafka.security.protocol", "one of plaintext, ssl, sasl_ssl"),
    ([("kafka.security.protocol", "plaintext")], "kafka.security.username", "no such key with protocol plaintext"),
    ([("kafka.security.protocol", "ssl")], "kafka.security.password_env", "no such key with protocol ssl"),
    ([("kafka.security.mechanism", MISSING)], "kafka.security.mechanism", "a value with protocol sasl_ssl"),
    ([("kafka.security.username", MISSING)], "kafka.security.username", "a value with protocol sasl_ssl"),
    ([("kafka.security.password_env", MISSING)], "kafka.security.password_env", "exactly one of password_env and"),
    ([("kafka.security.password_file", "p")], "kafka.security.password_env", "exactly one of password_env and"),
    ([("kafka.security.password", PASSWORD)], "kafka.security.password", "did you mean password_"),
    ([("kafka.security.password_env", "it's, me!")], "kafka.security.password_env", "not the secret itself"),
    ([("kafka.security.cert_file", "c.pem")], "kafka.security", "cert_file and key_file together"),
    # worker, clock
    ([("worker.metrics_port", -1)], "worker.metrics_port", "a whole number from 0 to 65535"),
    ([("worker.flush_seconds", 0.01)], "worker.flush_seconds", "a number from 0.05 to 60"),
    ([("worker.flush_seconds", float("nan"))], "worker.flush_seconds", "a number from 0.05 to 60"),
    ([("worker.log_level", "loud")], "worker.log_level", "one of debug, info, warning, error"),
    ([("worker.metrics_host", 0)], "worker.metrics_host", "host name or IP address; put it in quotes"),
    ([("clock.mode", "moon")], "clock.mode", "one of wall, event"),
    ([("clock.grace_seconds", float("inf"))], "clock.grace_seconds", "a number from 0 to 60"),
    ([("clock", [])], "clock", "a mapping"),
    # privacy
    ([("privacy", MISSING)], "privacy.tenants.acme", "token_key and seal_key, because queues[0] has a callback"),
    (
        [("privacy.tenants.other", SOUND["privacy"]["tenants"]["acme"])],
        "privacy.tenants.other",
        "that has a site",
    ),
    ([("privacy.tenants.ACME", {})], "privacy.tenants.ACME", "a slug"),
    ([("privacy.tenants.acme.seal_key_env", MISSING)], "privacy.tenants.acme.seal_key_env", "exactly one of seal_key_"),
    (
        [("privacy.tenants.acme.token_key_file", "k")],
        "privacy.tenants.acme.token_key_env",
        "exactly one of token_key_env and token_key_file",
    ),
    (
        [("privacy.tenants.acme.token_key_env", "UNSET")],
        "privacy.tenants.acme.token_key_env",
        "an environment variable that is set and not empty",
    ),
    (
        [("privacy.tenants.acme.seal_key_env", "FILAVIVA_ACME_TOKEN_KEY")],
        "privacy.tenants.acme",
        "keys that differ from each other",
    ),
    # sites, sources
    ([("sites", [])], "sites", "a list of at least one site"),
    ([("sites[0].zone", "America/Fortalesa")], "sites[0].zone", "an IANA time zone"),
    ([("sites[0].zone", "America")], "sites[0].zone", "an IANA time zone"),
    ([("sites[0].zone", "../etc/passwd")], "sites[0].zone", "an IANA time zone"),
    (
        [("sites[0].tenant", False)],
        "sites[0].tenant",
        "a slug: small letters a-z, digits and -, at most 40 characters; put",
    ),
    ([("sites[1]", SOUND["sites"][0])], "sites[1].site", "not listed before; sites[0] is the same"),
    ([("sources[0].expected_silence_seconds", 0)], "sources[0].expected_silence_seconds", "from 1 to 604800"),
    ([("sources[0].site", "recife")], "sources[0].site", "a site of tenant acme: fortaleza"),
    (
        [("sources[1]", SOUND["sources"][0])],
        "sources[1].source",
        "not listed before; sources[0] is the same",
    ),
    ([("sources[0].channels", "voice")], "sources[0].channels", "a list"),
    ([("sources[0].channels", ["telex"])], "sources[0].channels[0]", "one of voice, chat"),
    ([("sources[0].channels", ["voice", "voice"])], "sources[0].channels", "each channel once"),
    ([("sources[0].channels", ["voice", "sms"])], "sources[0].channels", "of site fortaleza: email, voice"),
    # queues
    ([("queues", {})], "queues", "a list of 1 to 5000 queues"),
    ([("queues[0]", "sac")], "queues[0]", "a mapping"),
    ([("queues[0].queue", "s" * 41)], "queues[0].queue", "at most 40 characters"),
    ([("queues[0].queue", MISSING)], "queues[0].queue", "it is missing"),
    ([("queues[0].anser_target_seconds", 20)], "queues[0].anser_target_seconds", "did you mean answer_target_seconds"),
    ([("queues[0].site", "recife")], "queues[0].site", "a site of tenant acme: fortaleza"),
    ([("queues[0].tenant", "other")], "queues[0].site", "a site of tenant other: none is configured"),
    ([("queues[3]", queue("sac"))], "queues[3].queue", "not listed before; queues[0] is the same"),
    ([("queues[0].channels", [])], "queues[0].channels", "a list of at least one channel"),
    (
        [("queues[0].channels[1]", "fax")],
        "queues[0].channels[1]",
        "one of voice, chat, whatsapp, sms, app, email, form",
    ),
    ([("queues[0].channels[1]", "voice")], "queues[0].channels", "each channel once"),
    ([("queues[0].channels[1]", "email")], "queues[0].channels", "or written ones (email, form), not both"),
    (
        [("queues[0].answer_target_seconds", 21)],
        "queues[0].answer_target_seconds",
        "a bucket edge of the wait histogram: 5",
    ),
    (
        [("queues[1].answer_target_seconds", 60)],
        "queues[1].answer_target_seconds",
        "a bucket edge of the wait histogram: 3600",
    ),
    (
        [("queues[0].short_abandon_seconds", 21)],
        "queues[0].short_abandon_seconds",
        "at most answer_target_seconds (20)",
    ),
    ([("queues[0].max_wait_seconds", 19)], "queues[0].max_wait_seconds", "at least answer_target_seconds (20)"),
    ([("queues[0].max_wait_seconds", 20_000)], "queues[0].max_wait_seconds", "at most the 14400 s after which"),
    ([("queues[1].max_wait_seconds", 2_600_000)], "queues[1].max_wait_seconds", "at most the 2592000 s after which"),
    ([("queues[0].unknown_exit_seconds", 59)], "queues[0].max_wait_seconds", "at most the 59 s after which"),
    ([("queues[0].service_level_target", 80)], "queues[0].service_level_target", "a ratio above 0 and up to 1"),
    ([("queues[0].formula", "answered_only")], "queues[0].formula", "answered_only is reported, never a target"),
    ([("queues[0].display_name", "a\nb")], "queues[0].display_name", "one line of text, at most 80 characters"),
    ([("queues[0].callback.queue", "nowhere")], "queues[0].callback.queue", "a callback queue of tenant acme: retorno"),
    # callback queues
    ([("queues[0].callback.minimum_wait_seconds", -1)], "queues[0].callback.minimum_wait_seconds", "a number from 0"),
    ([("queues[0].callback.channels", ["fax"])], "queues[0].callback.channels[0]", "one of voice, chat"),
    ([("callback_queues[0].attempts", 0)], "callback_queues[0].attempts", "a whole number from 1 to 50"),
    ([("callback_queues[0].retry_seconds", {"dead": 5})], "callback_queues[0].retry_seconds.dead", "one of answered"),
    ([("callback_queues[0].boost", 11)], "callback_queues[0].boost", "a number from 0 to 10"),
    ([("callback_queues[0].purpose", "survey")], "callback_queues[0].purpose", "one of callback, telemarketing"),
    ([("callback_queues[0].hours", {"weekdays": "9-21"})], "callback_queues[0].hours.weekdays", "such as 09:00-21:00"),
    (
        [("callback_queues[0].hours", {"saturday": "16:00-10:00"})],
        "callback_queues[0].hours.saturday",
        "an end after the start",
    ),
    ([("callback_queues[0].yield_to", ["nowhere"])], "callback_queues[0].yield_to", "queues of tenant acme"),
    ([("queues[2].queue", "outra")], "callback_queues[0].queue", "a queue that is listed in queues too"),
    (
        [("sites[1]", RECIFE), ("callback_queues[0].site", "recife")],
        "callback_queues[0].site",
        "fortaleza, the site of this queue in queues",
    ),
    (
        [("callback_queues[1]", SOUND["callback_queues"][0])],
        "callback_queues[1].queue",
        "callback_queues[0] is",
    ),
    ([("contracts", [])], "contracts", "no such key; known here: kafka, worker"),
    # what vendors call our queues
    (
        [("vendor_queues", [NAMED | {"queue": "nowhere"}])],
        "vendor_queues[0].queue",
        "a queue of tenant acme: email, ret",
    ),
    (
        [("vendor_queues", [NAMED | {"tenant": "other"}])],
        "vendor_queues[0].queue",
        "of tenant other: none is configured",
    ),
    (
        [("vendor_queues", [NAMED | {"channel": "chat"}])],
        "vendor_queues[0].channel",
        "the channels of queue sac: voice",
    ),
    (
        [("queues[0].channels", ["voice", "chat"]), ("vendor_queues", [NAMED])],
        "vendor_queues[0].channel",
        "one of the channels of queue sac: chat, voice",
    ),
    ([("vendor_queues", [NAMED, NAMED])], "vendor_queues[1].name", "not listed before; vendor_queues[0] is the same"),
    ([("vendor_queues", [NAMED | {"name": 600}])], "vendor_queues[0].name", "at most 200 characters; put it in quotes"),
    ([("vendor_queues", [NAMED | {"callback_keys": [1]}])], "vendor_queues[0].callback_keys[0]", "in quotes"),
    ([("vendor_queues", [NAMED | {"site": "recife"}])], "vendor_queues[0].site", "no such key"),
    # cases
    ([("cases", [{"tenant": "acme"}])], "cases[0].policies", "it is missing"),
    ([("cases", [{"tenant": "acme", "policies": []}])], "cases[0].policies", "a list of policies"),
    (
        [("cases", [{"tenant": "acme", "policies": ["br-sac@2026.11.0"]}])],
        "cases[0].policies[0]",
        "a policy with deadlines",
    ),
    (
        [("cases", [{"tenant": "acme", "policies": ["br-cases@2020.01.0"]}])],
        "cases[0].policies[0]",
        "one of aneel@2026.11.0",
    ),
    (
        [("cases", [{"tenant": "acme", "policies": ["br-cases@2026.11.0", "br-cases@2026.11.0"]}])],
        "cases[0].policies[1]",
        "each policy once",
    ),
    (
        [("cases", [{"tenant": "other", "policies": ["br-cases@2026.11.0"]}])],
        "cases[0].tenant",
        "a tenant that has a site: acme",
    ),
    (
        [("cases", [{"tenant": "acme", "policies": ["br-cases@2026.11.0"]}] * 2)],
        "cases[1].tenant",
        "not listed before; cases[0] is the same",
    ),
    # what a tenant itself promises
    (
        [("cases", [{"tenant": "acme", "policies": ["contract@2026.11.1"]}])],
        "cases[0].policies[0]",
        "at least one of first_response_seconds, next_response_seconds, resolution_seconds",
    ),
    (
        [("cases", [{"tenant": "acme", "policies": ["br-cases@2026.11.0"], "resolution_seconds": 60}])],
        "cases[0].resolution_seconds",
        "a policy that asks for it, such as contract@2026.11.1",
    ),
    (
        [("cases", [{**PROMISING, "seconds_count": "opening_hours"}])],
        "cases[0].hours",
        "because seconds_count names them",
    ),
    ([("cases", [{**PROMISING, "hours": {"mon-fri": "9-18"}}])], "cases[0].hours.mon-fri", "hours such as"),
    ([("cases", [{**PROMISING, "zone": "Brasilia"}])], "cases[0].zone", "an IANA time zone"),
    # policies, places, hours
    ([("policies", ["absent.yaml"])], "policies[0]", "a file that can be read: No such file"),
    ([("queues[0].policy", "br-sac")], "queues[0].policy", "with its version, such as br-sac@2026.11.0"),
    (
        [("queues[0].policy", "br-sac@2020.01.0")],
        "queues[0].policy",
        "one of aneel@2026.11.0, br-availability@2026.11.0, br-cases@2026.11.0",
    ),
    (
        [("queues[0].max_wait_seconds", MISSING)],
        "queues[0].max_wait_seconds",
        "a policy that has a limit; it is missing",
    ),
    (
        [("queues[1].policy", "br-sac@2026.11.0"), ("queues[1].max_wait_seconds", MISSING)],
        "queues[1].max_wait_seconds",
        "br-sac@2026.11.0 sets no limit for email",
    ),
    (
        [("queues[0].policy", "contract@2026.11.0"), ("queues[0].max_wait_seconds", MISSING)],
        "queues[0].max_wait_seconds",
        "contract@2026.11.0 sets no limit for voice",
    ),
    ([("sites[0].state", "XX")], "sites[0].state", "one of AC, AL, AM"),
    ([("sites[0].city", "recife")], "sites[0].city", "days of others go into sites[].holidays"),
    ([("queues[0].city", "sao-paulo"), ("queues[0].state", "RJ")], "queues[0].state", "SP, the state of sao-paulo"),
    ([("sites[0].holidays", ["25/12"])], "sites[0].holidays[0]", "a date"),
    ([("queues[0].max_wait_counts", "opening_hours")], "queues[0].hours", "because max_wait_counts names them"),
    ([("queues[0].hours", {"weekend": "08:00-12:00"})], "queues[0].hours.weekend", "daily, a weekday"),
    ([("queues[0].hours", {"mon": "8-12"})], "queues[0].hours.mon", 'hours such as "08:00-20:00"'),
    ([("queues[0].hours", {"mon": "12:00-08:00"})], "queues[0].hours.mon", "each later than the one before"),
    ([("queues[0].hours", {"mon": "08:00-24:01"})], "queues[0].hours.mon", "times from 00:00 to 24:00"),
    ([("queues[0].hours", {"mon": "08:60-12:00"})], "queues[0].hours.mon", "times from 00:00 to 24:00"),
    (
        [("queues[0].hours", {"mon": "08:00-12:00, 11:00-18:00"})],
        "queues[0].hours.mon",
        "each later than the one before",
    ),
    ([("queues[0].hours", {"fri-mon": "08:00-12:00"})], "queues[0].hours.fri-mon", "from an earlier to a later one"),
    (
        [("queues[0].hours", {"mon-fri": "08:00-12:00", "fri": "08:00-12:00"})],
        "queues[0].hours.fri",
        "each weekday once",
    ),
]


@pytest.mark.parametrize(
    ("edits", "path", "expected"), BAD_VALUES, ids=[f"{path} {edits[0][1]!r:.20}" for edits, path, _ in BAD_VALUES]
)
def test_a_bad_value_is_refused_by_its_path_and_what_was_expected(edits: list[Edit], path: str, expected: str) -> None:
    """Every kind of bad value names the key and says what belongs there."""
    problems = problems_of(edited(*edits))
    assert path in problems
    assert problems[path].startswith("expected ")
    assert expected in problems[path]


@pytest.mark.parametrize(
    ("edits", "path"),
    [(edits, path) for edits, path, _ in BAD_VALUES if path.startswith(("sites[0]", "queues[0].q", "kafka", "worker"))],
)
def test_one_fault_is_one_problem(edits: list[Edit], path: str) -> None:
    """A bad element does not make everything that refers to it look wrong too."""
    problems = problems_of(edited(*edits), resolve_secrets=False)
    assert {found.rpartition(".")[0] for found in problems} == {path.rpartition(".")[0]}


BAD_TEXTS = {
    "empty": ("", "configuration", "there is nothing"),
    "only comments": ("# nothing\n", "configuration", "there is nothing"),
    "a list": ("- kafka\n", "configuration", "a mapping with at least kafka, sites and queues"),
    "not YAML": ("kafka:\n  brokers: [a\nsites: []\n", "line 3, column 6", "valid YAML: "),
    "a tab": ("kafka:\n\tbrokers: []\n", "line 2, column 1", "valid YAML: "),
    "two documents": ("a: 1\n---\nb: 2\n", "line 2, column 1", "a single document"),
    "a control character": ("kafka: \x00\n", "configuration", "without control characters"),
    "too deep": ("[" * 1000, "configuration", "nested a few levels deep"),
    "a repeated key": ("kafka:\n  prefix: a\n  prefix: b\n", "kafka.prefix", "this key once; line 2 has it already"),
    "a repeated section": ("sites: []\nkafka: {}\nsites: []\n", "sites", "this key once; line 1 has it already"),
    "a repeated key in a list": ("queues:\n- {site: a, site: b}\n", "queues[0].site", "this key once"),
    "a scalar tag": ("kafka:\n  prefix: !env PREFIX\n", "kafka.prefix", "without a YAML tag"),
    "an object tag": ("kafka: !!python/object:os.system {}\n", "kafka", "without a YAML tag"),
    "an impossible date": ("kafka:\n  prefix: 2026-13-45\n", "kafka.prefix", "text needs quotes"),
    "a key that is a list": ("? [a]\n: 1\n", "configuration", "keys of letters, digits, _ and - only"),
    "a merge of text": ("kafka:\n  <<: words\n", "kafka", "<< to name a mapping"),
    "an alias inside itself": ("kafka: &a\n  security: *a\n", "kafka.security", "no alias of what holds it"),
    "an alias of the whole": ("&a\nclock: [*a]\n", "clock[0]", "no alias of what holds it"),
    "a tag on the whole": ("!all {}\n", "configuration", "without a YAML tag"),
}


@pytest.mark.parametrize(("text", "path", "expected"), BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_a_bad_text_is_refused_by_its_place(text: str, path: str, expected: str) -> None:
    """What is wrong with the YAML itself is named by line and column, or by the path of the value."""
    assert any(found == path and expected in fault for found, fault in all_problems_of(text))


def test_a_value_yaml_cannot_read_is_one_problem() -> None:
    """What is wrong with the text is not told a second time as a wrong value."""
    for section in ("kafka: !now {}", "kafka: 2026-13-45"):
        problems = all_problems_of(edited(("kafka", MISSING)) + section)
        assert [path for path, _ in problems] == ["kafka"]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    """Faults of different kinds, in different sections, in one error."""
    text = edited(
        ("kafka.partitions", 0),
        ("sites[0].zone", "Mars"),
        ("queues[0].max_wait_seconds", 5),
        ("queues[1].formula", "best"),
        ("queues[2].typo", 1),
    )
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, environment={})
    assert [path for path, _ in caught.value.problems] == [
        "kafka.partitions",
        "privacy.tenants.acme.token_key_env",
        "privacy.tenants.acme.seal_key_env",
        "sites[0].zone",
        "queues[0].max_wait_seconds",
        "queues[1].formula",
        "queues[2].typo",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is a configuration problem, not a traceback."""
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(ConfigError, match="expected a file that can be read") as caught:
            load_settings(path, environment={})
        assert caught.value.problems[0][0] == str(path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Latin-1 text from an old editor is named as such."""
    file = tmp_path / "old.yaml"
    file.write_bytes("kafka: São Paulo".encode("latin-1"))
    with pytest.raises(ConfigError, match="expected UTF-8 text; byte 8 is not"):
        load_settings(file, environment={})


def test_the_example_is_good() -> None:
    """The example in deploy/ loads with its secrets, and shows every section."""
    loaded = load_settings(EXAMPLE, environment=ENVIRONMENT)
    assert {site.site for site in loaded.sites} == {"fortaleza", "sao-paulo"}
    assert {"voice", "whatsapp", "chat", "email"} <= {channel for q in loaded.queues for channel in q.channels}
    assert loaded.tenant_keys["acme"].token_key == TOKEN_KEY
    assert loaded.tenant_keys["acme"].seal_key == SEAL_KEY
    assert loaded.kafka_password is not None
    assert loaded.kafka_password.reveal() == PASSWORD


def test_defaults_fill_what_is_left_out() -> None:
    """Empty sections and absent keys take the documented defaults."""
    loaded = parsed(("worker", None), ("clock", MISSING), ("sources", None), ("kafka.security", {}))
    assert (loaded.kafka.prefix, loaded.kafka.partitions, loaded.kafka.replication) == ("filaviva", 8, 1)
    assert (loaded.worker.metrics_host, loaded.worker.metrics_port) == ("127.0.0.1", 9108)
    assert (loaded.worker.flush_seconds, loaded.worker.session_timeout_seconds) == (1.0, 15.0)
    assert (loaded.clock.mode, loaded.clock.lateness_seconds, loaded.clock.grace_seconds) == ("wall", 60.0, 2.0)
    assert (loaded.sources, loaded.kafka.security.protocol, loaded.kafka_password) == ((), "plaintext", None)


@pytest.mark.parametrize(
    ("channels", "fed"),
    [
        (None, {("sac", "voice"), ("email", "email"), ("retorno", "voice")}),
        (["voice"], {("sac", "voice"), ("retorno", "voice")}),
        (["email"], {("email", "email")}),
        ([], set()),
    ],
)
def test_a_source_feeds_the_channels_it_names_or_all_of_its_site(channels: object, fed: set[tuple[str, str]]) -> None:
    """In the queues of its own site only."""
    loaded = parsed(
        ("sites[1]", {"tenant": "acme", "site": "recife", "zone": "America/Recife"}),
        ("queues[3]", queue("longe", site="recife")),
        ("sources[0].channels", channels),
    )
    directory = loaded.directory(lambda key, partitions: 0)
    [source] = directory.sources.values()
    assert source.expected_silence_ms == 60_000
    queues = directory.queues.values()
    assert {(each.queue, c) for each in queues for c in each.channels if source in directory.sources_of(each, c)} == fed
    assert {each.queue for each in directory.queues_fed_by(source)} == {name for name, _ in fed}


@pytest.mark.parametrize(
    ("channel", "edges"), [("voice", LIVE_WAIT_EDGES_SECONDS), ("form", WRITTEN_WAIT_EDGES_SECONDS)]
)
def test_every_bucket_edge_may_be_a_target(channel: str, edges: tuple[int, ...]) -> None:
    """The check agrees with the histogram's own list, edge by edge."""
    for edge in edges:
        parsed(("queues[1]", queue("other", channels=[channel], answer_target_seconds=edge, max_wait_seconds=edge)))


def test_every_formula_of_the_core_but_one_may_be_a_target() -> None:
    """The file's list of formulas is the core's list without ``answered_only``."""
    assert set(get_args(Formula)) == set(FORMULAS) - {"answered_only"}


def test_a_tenant_without_callbacks_needs_no_keys() -> None:
    """Then no customer token is computed."""
    loaded = parsed(("privacy", MISSING), ("queues[0].callback", MISSING))
    assert dict(loaded.tenant_keys) == {}


def test_the_directory_holds_the_policies_in_milliseconds() -> None:
    """What the core sees of a queue, its site and its partition."""
    asked: list[tuple[str, int]] = []

    def partition_of(key: str, partitions: int) -> int:
        asked.append((key, partitions))
        return 3

    loaded = parsed(("queues[0].short_abandon_seconds", 2.5), ("queues[1].unknown_exit_seconds", 90_000))
    directory = loaded.directory(partition_of)
    sac, email = directory.queue("acme", "sac"), directory.queue("acme", "email")
    assert sac is not None
    assert email is not None
    assert (sac.answer_target_ms, sac.max_wait_ms, sac.short_abandon_ms) == (20_000, 60_000, 2_500)
    assert (sac.zone, sac.callback_queue, sac.display_name) == ("America/Fortaleza", "retorno", "sac")
    assert sac.unknown_exit_ms == UNKNOWN_EXIT_MS
    assert email.unknown_exit_ms["email"] == 90_000_000
    assert directory.sites == {("acme", "fortaleza"): "America/Fortaleza"}
    assert directory.partition("acme/sac") == 3
    assert asked == [("acme/sac", 8)]


def test_the_hash_follows_the_content_and_not_the_layout() -> None:
    """Comments, key order and spelled-out defaults do not matter; a limit does; a secret does not."""
    plain = parsed()
    spelled = parse_settings(
        "# a comment\n" + yaml.safe_dump(sound_document() | {"worker": {"metrics_port": 9108}}),
        environment=ENVIRONMENT | {"FILAVIVA_KAFKA_PASSWORD": "another"},
    )
    assert re.fullmatch("[0-9a-f]{12}", plain.config_hash)
    assert spelled.config_hash == plain.config_hash
    assert parse_settings(edited(), resolve_secrets=False).config_hash == plain.config_hash
    assert parsed(("queues[0].max_wait_seconds", 90)).config_hash != plain.config_hash


def test_yaml_merges_copy_a_queue() -> None:
    """``<<`` copies, what is written beside it wins, and that is no repeated key."""
    text = edited(("queues", MISSING), ("callback_queues", MISSING))
    text += "queues:\n- &sac {tenant: acme, site: fortaleza, queue: sac, channels: [voice], answer_target_seconds: 20, "
    text += "max_wait_seconds: 60}\n- {<<: *sac, queue: sac-ouro, max_wait_seconds: 30}\n"
    loaded = parse_settings(text, environment=ENVIRONMENT)
    assert [(q.queue, q.max_wait_seconds) for q in loaded.queues] == [("sac", 60), ("sac-ouro", 30)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(sound_document())), inner),
    ),
    st.sampled_from(["kafka", "privacy.tenants", "sites[0]", "queues[0]", "queues[0].channels", "sources"]),
)
def test_any_value_anywhere_is_taken_or_refused_with_problems(value: object, path: str) -> None:
    """No value makes validation fail in another way than with problems that fit on one line each."""
    try:
        parsed((path, value))
    except ConfigError as error:
        problems = error.problems
    else:
        return
    assert problems
    assert all(expected.startswith("expected ") and "\n" not in where + expected for where, expected in problems)


@given(st.text(alphabet="ab:[]{}-&*!<'\"#|>%?,\n \t2.", max_size=40))
def test_any_text_is_refused_with_problems(text: str) -> None:
    """No text makes the reader fail in another way than with problems."""
    assert all(expected.startswith("expected ") for expected in problems_of(text).values())


def test_a_callback_queue_says_how_customers_are_called() -> None:
    """In milliseconds, with the defaults for what is left out; its own site's queues come first."""
    plain = parsed().directory(lambda *_: 0).callbacks("acme", "retorno")
    assert (plain.attempts, plain.boost, plain.hours, plain.yields_to) == (3, 1.0, None, frozenset({"sac"}))
    assert plain.retry_ms == RETRY_MS
    told = parsed(
        ("callback_queues[0].attempts", 5),
        ("callback_queues[0].retry_seconds", {"busy": 60, "refused": None}),
        ("callback_queues[0].hours", {"weekdays": "08:00-24:00"}),
        ("callback_queues[0].yield_seconds", None),
        ("callback_queues[0].yield_to", []),
    )
    policy = told.directory(lambda *_: 0).callbacks("acme", "retorno")
    assert (policy.attempts, policy.yield_ms, policy.yields_to) == (5, None, frozenset())
    assert policy.retry_ms == {**RETRY_MS, "busy": 60_000, "refused": None}
    assert policy.hours == CallingHours((time(8), time.max), None)
