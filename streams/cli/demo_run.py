"""One run of the demo: broker, worker, a day of events, and what the topics say of it in the end."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams import comparison
from streams.agents import callbacks, dialling, queues, staffing
from streams.cli.demo_worker import DemoWorker, MetricsPage
from streams.comparison import Check, Rules
from streams.connections import client_options, librdkafka_options
from streams.domain.events import Customer
from streams.domain.privacy import Pseudonyms, TenantKey
from streams.domain.recount import read_events
from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from streams.event_lines import event_time_ms
from streams.partitioning import partition_of
from streams.publisher import Publisher
from streams.routing import Route, route
from streams.settings import Settings, load_settings, milliseconds
from streams.simulation.centre import TENANT, sections
from streams.simulation.day import Event, arrivals, day
from streams.told import TOPICS_TOLD, Told
from streams.topic_reading import records_to_the_ends
from streams.topics import TOPICS, full_name
