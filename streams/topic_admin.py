"""The topics of a cluster compared with those we want; missing ones can be created, existing ones are left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError

from streams.errors import Unavailable
from streams.topics import TOPICS, full_name, topic_configs

PARTITIONS: Final = "partitions"
REPLICATION: Final = "replication"
MISSING: Final = "topic"

BOOTSTRAP_SECONDS: Final = 10

_EMBEDDED_CLUSTER: Final = "mockCluster"
_CREATED: Final = (NoError.errno, TopicAlreadyExistsError.errno)
"""That somebody else was quicker is fine: describing the topic will tell whether it fits."""
_AT_LEAST: Final = frozenset({REPLICATION, "max.message.bytes", "min.compaction.lag.ms", "min.insync.replicas"})
_OPERATORS_CHOICE: Final = frozenset({"retention.ms", "segment.bytes"})


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is, or as it should be, under its full name; ``configs`` by Kafka's names."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about a topic that is not as wanted. Only what ``breaks`` correctness must be mended."""

    topic: str
    setting: str
    wanted: str
    found: str | None
    breaks: bool = True

    def __str__(self) -> str:
        if self.setting == MISSING:
            return f"{self.topic}: does not exist"
        return f"{self.topic}: {self.setting} is {self.found}, expected {self.wanted}"


def wanted_topics(prefix: str, *, partitions: int, replication: int = 1, event_clock: bool = False) -> list[Topic]:
    """Every topic of an installation, changelogs included."""
    return [
        Topic(
            full_name(prefix, spec.name),
            partitions,
            replication,
            topic_configs(spec, replication=replication, event_clock=event_clock),
        )
        for spec in TOPICS
    ]


def plan(existing: Mapping[str, Topic], wanted: Sequence[Topic]) -> list[Difference]:
    """What is not as wanted, in the order of ``wanted``; topics nobody asked about are ignored."""
    return [difference for topic in wanted for difference in _differences(existing.get(topic.name), topic)]


def _differences(found: Topic | None, wanted: Topic) -> Iterator[Difference]:
    if found is None:
        yield Difference(wanted.name, MISSING, "a topic", None)
        return
    there, should = _settings(found), _settings(wanted)
    for setting, value in should.items():
        if not _satisfies(setting, there.get(setting), value):
            breaks = setting not in _OPERATORS_CHOICE
            yield Difference(wanted.name, setting, value, there.get(setting), breaks)


def _settings(topic: Topic) -> dict[str, str]:
    return {PARTITIONS: str(topic.partitions), REPLICATION: str(topic.replication), **topic.configs}


def _satisfies(setting: str, found: str | None, wanted: str) -> bool:
    if found is not None and setting in _AT_LEAST:
        return int(found) >= int(wanted)
    return found == wanted


class TopicAdmin:
    """A cluster's topics through kafka-python's admin client. Every call raises Unavailable when no broker answers, or
    when one refuses."""

    def __init__(self, brokers: Sequence[str], options: Mapping[str, Any]) -> None:
        """``options`` are ``connections.client_options``."""
        try:
            self._client = KafkaAdminClient(
                bootstrap_servers=list(brokers), bootstrap_timeout_ms=BOOTSTRAP_SECONDS * 1000, **options
            )
        except KafkaError as error:
            raise Unavailable(f"no broker answers at {', '.join(brokers)}: {error}") from error

    def describe(self, names: Sequence[str]) -> dict[str, Topic]:
        """Those of the named topics that exist."""
        try:
            found = {topic["name"]: topic for topic in self._client.describe_topics() if topic["name"] in set(names)}
            configs = self._configs(sorted(found)) if found and not self.is_embedded() else {}
        except KafkaError as error:
            raise Unavailable(f"the brokers did not describe the topics: {error}") from error
        return {name: _topic(description, configs.get(name, {})) for name, description in found.items()}

    def is_embedded(self) -> bool:
        """Whether this is the embedded broker, which has topics but no settings of topics."""
        return str(self._client.describe_cluster()["cluster_id"]).startswith(_EMBEDDED_CLUSTER)

    def faults(self, wanted: Sequence[Topic]) -> list[Difference]:
        """What about the wanted topics would give wrong results or lose data."""
        if self.is_embedded():
            wanted = [Topic(topic.name, topic.partitions, topic.replication, {}) for topic in wanted]
        existing = self.describe([topic.name for topic in wanted])
        return [difference for difference in plan(existing, wanted) if difference.breaks]

    def names(self, prefix: str) -> list[str]:
        """Every topic in the cluster that carries the prefix, ours or not."""
        try:
            return sorted(name for name in self._client.list_topics() if name.startswith(f"{prefix}-"))
        except KafkaError as error:
            raise Unavailable(f"the brokers did not list the topics: {error}") from error

    def create_missing(self, wanted: Sequence[Topic]) -> list[str]:
        """Create those that do not exist, wait until they have leaders, and return their names."""
        existing = self.describe([topic.name for topic in wanted])
        missing = [topic for topic in wanted if topic.name not in existing]
        if missing:
            self._create(missing)
        return [topic.name for topic in missing]

    def close(self) -> None:
        self._client.close()

    def _create(self, topics: Sequence[Topic]) -> None:
        requests = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication,
                "configs": dict(topic.configs),
            }
            for topic in topics
        }
        try:
            answer = self._client.create_topics(requests, raise_errors=False)
            refused = [topic for topic in answer["topics"] if topic["error_code"] not in _CREATED]
            if not refused:
                self._client.wait_for_topics(list(requests))
                return
        except KafkaError as error:
            raise Unavailable(f"the brokers did not create the topics: {error}") from error
        reasons = "; ".join(f"{topic['name']}: {topic['error_message']}" for topic in refused)
        raise Unavailable(f"the brokers refused to create topics: {reasons}")

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answer = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        return {name: {key: entry["value"] for key, entry in configs.items()} for name, configs in answer.items()}


def _topic(description: Mapping[str, Any], configs: Mapping[str, str]) -> Topic:
    partitions = description["partitions"]
    replicas = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
    return Topic(description["name"], len(partitions), replicas, configs)
