"""A real Apache Kafka as a child process: one node, broker and controller in one, on loopback, in its own folder."""

from __future__ import annotations

import base64
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaAdminClient
from kafka.errors import InvalidReplicationFactorError

from streams.connections import PROTOCOL_RELEASE
from tests.answering import answers
from tests.deadlines import wait_until
from tests.kafka_jars import LOG_SETTINGS, kafka_unavailable_reason, prepared_jars

__all__ = ["KafkaServer", "kafka_unavailable_reason"]

START_SECONDS = 120
STOP_SECONDS = 60
LOG_TAIL_LINES = 60
FRUGAL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Half the processor time, for a server that lives minutes."""

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
log.cleaner.backoff.ms=1000
{extra}
"""


class KafkaServer:
    """Address and data stay the same from construction to `close`, through any number of stops, kills and starts."""

    def __init__(self, **settings: str) -> None:
        """`settings` are further lines of the server's configuration; `log_segment_bytes` is `log.segment.bytes`."""
        self._jars = prepared_jars()
        self._folder = Path(tempfile.mkdtemp(prefix="filaviva-kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        port, controller_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        extra = "\n".join(f"{name.replace('_', '.')}={value}" for name, value in settings.items())
        self._configuration = self._folder / "server.properties"
        self._configuration.write_text(
            SETTINGS.format(port=port, controller_port=controller_port, folder=self._folder, extra=extra)
        )

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Run the server on whatever its folder holds, and return when a client is answered."""
        assert self._process is None, "already running"
        if not (self._folder / "data").exists():
            self._format()
        with self._log_file().open("ab") as log:
            command = [*_leash(), *self._java("-Xmx768m"), "kafka.Kafka", str(self._configuration)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._answers, "Kafka answers", seconds=START_SECONDS)
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}; its log ends:\n{self.log_tail()}") from None

    def stop(self) -> None:
        """Shut down in order: the log is flushed and closed. A server that does not manage is killed."""
        process = self._running()
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, as a power cut would; what it had not told its clients may be gone."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def wait_ended(self, seconds: float) -> int:
        """Wait until it has ended by itself; its exit code."""
        code = self._running().wait(seconds)
        self._process = None
        return code

    @property
    def data_folder(self) -> Path:
        """Where its logs are, a folder for each partition."""
        return self._folder / "data"

    def suspend(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def create_topic(self, name: str, partitions: int, **configs: str) -> None:
        """Create a topic and wait for its leaders; `cleanup_policy` is `cleanup.policy`."""
        topic = {
            "num_partitions": partitions,
            "replication_factor": 1,
            "configs": {key.replace("_", "."): value for key, value in configs.items()},
        }
        admin = self.admin()

        def is_created() -> bool:
            """Not while the controller has not heard of the broker for a moment: there is no place for the topic."""
            with suppress(InvalidReplicationFactorError):
                admin.create_topics({name: topic}, wait_for_metadata=True)
                return True
            return False

        try:
            wait_until(is_created, f"{name} is created", seconds=START_SECONDS)
        finally:
            admin.close()

    def admin(self, **options: Any) -> KafkaAdminClient:
        """A kafka-python admin client; the caller closes it."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap, api_version=PROTOCOL_RELEASE, **options)

    def log_tail(self) -> str:
        """The last lines the server wrote, for a failing test's report."""
        path = self._log_file()
        return "\n".join(path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]) if path.exists() else ""

    def close(self) -> None:
        """End the server without ceremony and delete its data."""
        if self._process:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process, "not running"
        return self._process

    def _log_file(self) -> Path:
        return self._folder / "server.log"

    def _java(self, heap: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={LOG_SETTINGS}"
        return ["java", heap, *FRUGAL, logging, "-cp", f"{self._jars}/*"]

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = ["kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster_id}"]
        command = [*self._java("-Xmx256m"), *tool, "--config", str(self._configuration)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        assert done.returncode == 0, f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}"

    def _answers(self) -> bool:
        """Whether a client gets the cluster's description; ends the wait when the process is gone."""
        process = self._running()
        assert process.poll() is None, f"Kafka ended with {process.returncode}; its log ends:\n{self.log_tail()}"
        if not answers(self.bootstrap):
            return False
        admin = self.admin()
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()


def _leash() -> list[str]:
    """A prefix that lets the kernel end the server when the test run dies without cleaning up (Linux)."""
    tool = shutil.which("setpriv")
    return [tool, "--pdeathsig", "KILL"] if tool else []


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
