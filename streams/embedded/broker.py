"""A Kafka broker inside this process: loopback only, in memory only, gone when it is closed.

It is librdkafka's mock cluster. It speaks enough of the protocol for producers, consumers, groups and commits. What it
cannot do decides where it may be used:

- about 5 MB are kept per partition (as sent, so compression stretches it); older records vanish silently;
- nothing is compacted, no record is stamped by the broker, transactions do not isolate;
- topics cannot be created, deleted or described over the wire: `create_topic` is the way. A topic that a client asks
  for and nobody created appears with 4 partitions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from streams.embedded.library import load_library
from streams.errors import Unavailable

_PRODUCER: Final = 0
_ONLY_BROKER: Final = 1
_MESSAGE_BYTES: Final = 512


class EmbeddedBroker:
    """One broker with the given topics (name to partition count), listening from construction to `close`.

    `rebalance_delay_ms` is how long a new group waits for more members. Raises `Unavailable` where librdkafka's mock
    cluster cannot be had.
    """

    def __init__(self, topics: Mapping[str, int], *, rebalance_delay_ms: int = 200) -> None:
        self._library = load_library()
        self._client = self._new_client()
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, _ONLY_BROKER)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise Unavailable("the embedded broker could not open its loopback listener")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_delay_ms)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in topics.items():
            self.create_topic(name, partitions)

    def create_topic(self, name: str, partitions: int) -> None:
        """Add an empty topic; one that exists, or a count below 1, is a ValueError."""
        if partitions < 1:
            raise ValueError(f"topic {name}: {partitions} partitions")
        code = self._library.rd_kafka_mock_topic_create(self._open_cluster(), name.encode(), partitions, 1)
        if code:
            raise ValueError(f"topic {name}: {self._library.rd_kafka_err2str(code).decode()}")

    def set_round_trip(self, milliseconds: int) -> None:
        """Delay every answer by this much from now on; 0 ends the delay."""
        self._check(self._library.rd_kafka_mock_broker_set_rtt(self._open_cluster(), _ONLY_BROKER, milliseconds))

    def set_down(self, down: bool) -> None:  # noqa: FBT001  the whole state in one word
        """Drop every connection and refuse new ones (True), or listen again with all records still there (False)."""
        library = self._library
        change = library.rd_kafka_mock_broker_set_down if down else library.rd_kafka_mock_broker_set_up
        self._check(change(self._open_cluster(), _ONLY_BROKER))

    def fail_requests(self, api_key: int, error_codes: Sequence[int]) -> None:
        """Answer the next requests of one Kafka API with these protocol error codes, one each, in order."""
        codes = (ctypes.c_int * len(error_codes))(*error_codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._open_cluster(), api_key, len(codes), codes)

    def close(self) -> None:
        """Stop listening and forget every record; closing twice is harmless."""
        cluster, self._cluster = self._cluster, None
        if cluster:
            self._library.rd_kafka_mock_cluster_destroy(cluster)
            self._library.rd_kafka_destroy(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_client(self) -> Any:
        """The client instance the mock cluster lives in; it never connects anywhere itself."""
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        settings = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(settings, b"log_level", b"2", message, _MESSAGE_BYTES)
        client = self._library.rd_kafka_new(_PRODUCER, settings, message, _MESSAGE_BYTES)
        if not client:
            raise Unavailable(f"the embedded broker could not start: {message.value.decode()}")
        return client

    def _open_cluster(self) -> Any:
        if not self._cluster:
            raise Unavailable("the embedded broker is closed")
        return self._cluster

    def _check(self, code: int) -> None:
        if code:
            raise Unavailable(f"the embedded broker refused: {self._library.rd_kafka_err2str(code).decode()}")
