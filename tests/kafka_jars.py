"""The jars of a real Apache Kafka: copied by Maven from `deploy/kafka/pom.xml` once, then kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
POM = PROJECT / "deploy" / "kafka" / "pom.xml"
LOG_SETTINGS = POM.with_name("log4j2.yaml")
OLDEST_JAVA = 17
DOWNLOAD_SECONDS = 600


def kafka_unavailable_reason() -> str | None:
    """What is missing for a real Kafka on this machine, in words for whoever must install it; None when nothing is."""
    if shutil.which("java") is None:
        return f"no `java` on the PATH (a Java {OLDEST_JAVA} or newer is needed)"
    release = _java_release()
    if release < OLDEST_JAVA:
        return f"`java` is release {release}, Kafka needs {OLDEST_JAVA} or newer"
    if not _is_complete(jar_folder()) and shutil.which("mvn") is None:
        return f"no `mvn` on the PATH, and no Kafka jars in {jar_folder()}"
    return None


def jar_folder() -> Path:
    """Where the jars are, or will be. FILAVIVA_CACHE moves the cache out of the project."""
    cache = Path(os.environ.get("FILAVIVA_CACHE") or PROJECT / ".cache")
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text())
    assert found, f"{POM} names no kafka.version"
    return cache / f"kafka-{found[1]}"


def prepared_jars() -> Path:
    """The folder of jars, filled first if need be. Runs at the same time do not disturb each other."""
    folder = jar_folder()
    if _is_complete(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-download-") as scratch:
        fresh = Path(scratch) / "jars"
        _copy_dependencies(fresh)
        (fresh / _stamp_name()).touch()
        if not _is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    return folder


def _copy_dependencies(folder: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    command = ["mvn", "-B", "-q", "-f", str(POM), *goal]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"Maven could not fetch Kafka ({' '.join(command)}):\n{done.stdout}{done.stderr}")


def _is_complete(folder: Path) -> bool:
    """The stamp is written last and names the pom it was made from."""
    return (folder / _stamp_name()).is_file()


def _stamp_name() -> str:
    return f"of-pom-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"


def _java_release() -> int:
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0
