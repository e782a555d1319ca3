"""A real Dovecot as a child process: Debian's, unpacked into a cache folder, one user, on loopback, TLS and plain.

Dovecot's programs find each other and their libraries under /usr/lib/dovecot, where nothing is installed. In the copy
that a server runs from, these paths are others of the same length: links that it makes for itself and takes away.
"""

from __future__ import annotations

import getpass
import grp
import imaplib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.answering import answers
from tests.deadlines import wait_until
from tests.debian_packages import TOOLS, unpack
from tests.kafka_server import free_ports
from tests.leash import leash

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("dovecot-core", "dovecot-imapd")
USER, PASSWORD = "sac", "secret-of-the-mailbox"
NOBODY: Final = ("nobody", "nogroup")
START_SECONDS = STOP_SECONDS = 30
_PATHS: Final = {"/usr/bin/doveconf": "usr/bin/doveconf", "/usr/lib/dovecot": "usr/lib/dovecot", "/etc/dovecot": ""}

CONFIGURATION = """\
protocols = imap
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
listen = 127.0.0.1
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{home}/mail/%u
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u
}}
"""


def dovecot_unavailable_reason() -> str | None:
    """What is missing, in words for whoever must install it; None when Dovecot is there or can be fetched."""
    absent = [tool for tool in ("openssl", "setpriv") if shutil.which(tool) is None]
    if not _is_complete(_cache()):
        absent += [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"no {', '.join(absent)}" if absent else None


class DovecotServer:
    """Runs from construction to `close`, through any number of stops and starts; `port` is plain, `tls_port` is not."""

    def __init__(self) -> None:
        """Raises RuntimeError where Dovecot cannot be had."""
        if not _is_complete(_cache()):
            unpack(PACKAGES, _cache(), finish=lambda _: None, is_complete=_is_complete)
        self.home = Path(tempfile.mkdtemp(prefix="filaviva-dovecot-"))
        self.port, self.tls_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self._links = [self._moved_programs(self.home / "programs")]
        self._user = NOBODY if os.geteuid() == 0 else (getpass.getuser(), grp.getgrgid(os.getegid()).gr_name)
        self._prepare()
        self.start()

    @property
    def certificate(self) -> Path:
        return self.home / "cert.pem"

    def start(self) -> None:
        as_nobody = ["setpriv", "--reuid", NOBODY[0], "--regid", NOBODY[1], "--clear-groups"]
        command = [str(self.home / "programs/usr/sbin/dovecot"), "-F", "-c", str(self.home / "dovecot.conf")]
        with (self.home / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*leash(), *(as_nobody if os.geteuid() == 0 else []), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: answers(f"127.0.0.1:{self.port}"), "Dovecot answers", seconds=START_SECONDS)
        wait_until(self._lets_in, "Dovecot lets its user in", seconds=START_SECONDS)

    def stop(self) -> None:
        """With all its sessions, which otherwise outlive it for half a minute."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(STOP_SECONDS)

    def close(self) -> None:
        self.stop()
        for link in self._links[0]:
            link.unlink()
        shutil.rmtree(self.home, ignore_errors=True)

    def client(self) -> imaplib.IMAP4:
        """Somebody who reads and writes mail there."""
        server = imaplib.IMAP4("127.0.0.1", self.port, timeout=START_SECONDS)
        server.login(USER, PASSWORD)
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for log in ("output.log", "dovecot.log"):
                error.add_note(f"{log}:\n{(self.home / log).read_text(errors='replace')[-4000:]}")
        self.close()

    def _lets_in(self) -> bool:
        try:
            self.client().logout()
        except (imaplib.IMAP4.error, OSError):
            return False
        return True

    def _prepare(self) -> None:
        user, group = self._user
        for part in ("run", "state", "mail"):
            (self.home / part).mkdir()
        (self.home / "dovecot.conf").write_text(
            CONFIGURATION.format(
                home=self.home, user=user, group=group, port=self.port, tls_port=self.tls_port, password=PASSWORD
            )
        )
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", str(self.home / "key.pem"), "-out", str(self.certificate)]
        subprocess.run([*request, *names, *files], check=True, capture_output=True)
        (self.home / "dovecot.log").touch()
        self.home.chmod(0o755)
        if os.geteuid() == 0:
            for name in ("run", "state", "mail", "dovecot.log", "key.pem"):
                shutil.chown(self.home / name, user, group)

    def _moved_programs(self, programs: Path) -> list[Path]:
        """A copy in which every built-in path is a link of ours."""
        shutil.copytree(_cache(), programs, symlinks=True)
        renamed: dict[bytes, bytes] = {}
        links = []
        for path, target in _PATHS.items():
            link = Path("/tmp") / secrets.token_hex(len(path))[: len(path) - len("/tmp/")]
            link.symlink_to(programs / target if target else self.home)
            links.append(link)
            renamed[path.encode()] = str(link).encode()
        for file in programs.rglob("*"):
            if file.is_file() and not file.is_symlink():
                content = moved = file.read_bytes()
                for path, link_path in renamed.items():
                    moved = moved.replace(path, link_path)
                if moved != content:
                    file.write_bytes(moved)
        return links


def _cache() -> Path:
    """FILAVIVA_CACHE moves the cache out of the project."""
    return Path(os.environ.get("FILAVIVA_CACHE") or PROJECT / ".cache") / "dovecot"


def _is_complete(folder: Path) -> bool:
    return (folder / "usr/sbin/dovecot").is_file() and (folder / "usr/lib/dovecot/imap").is_file()
