"""Mail on an IMAP server: folders are only examined, nothing there changes, not even what is unread."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from streams.errors import Unavailable
from streams.movers.mailboxes import Marks
from streams.settings_secrets import Secret
from streams.sources.mail import Mail, Origin

ANSWER_SECONDS: Final = 30.0
FETCHED_AT_A_TIME: Final = 200
_UID: Final = re.compile(rb"\bUID (\d+)")
_VALIDITY: Final = re.compile(rb"\d+")
_AWAY: Final = (imaplib.IMAP4.error, imaplib.IMAP4.abort, OSError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class ImapPlace:
    """A server and a login; without ``tls`` only for a server on this machine. ``ca_file`` is an authority of one's
    own, in PEM."""

    host: str
    port: int
    user: str
    password: Secret
    tls: bool = True
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


class ImapMailbox:
    """``folder`` and, where it is kept, ``sent``. The mark of a folder is its UIDVALIDITY and the highest UID seen:
    another validity means that the server has numbered anew, and the folder is read anew from ``since`` on."""

    def __init__(self, name: str, place: ImapPlace, folder: str, sent: str | None, *, since: datetime) -> None:
        self._name = name
        self._place = place
        self._folders = [("sent", sent, True)] if sent else []
        self._folders.append(("inbox", folder, False))
        self._since = since
        self._server: imaplib.IMAP4 | None = None

    def new(self, marks: Marks) -> tuple[list[Mail], dict[str, Any]]:
        mails: list[Mail] = []
        after: dict[str, Any] = {}
        try:
            server = self._connected()
            for key, folder, is_sent in self._folders:
                validity = _examined(server, folder)
                known = marks.get(key)
                seen = known[1] if known and known[0] == validity else 0
                for uid, mail in self._fetched(server, seen, is_sent=is_sent):
                    mails.append(mail._replace(origin=Origin(f"{folder}, UID {uid}", validity, uid)))
                    seen = max(seen, uid)
                after[key] = [validity, seen]
        except _AWAY as error:
            self.close()
            raise Unavailable(f"{self._place}: {_told(error)}") from None
        return mails, after

    def close(self) -> None:
        """Log out. The next look logs in again."""
        server, self._server = self._server, None
        if server is not None:
            try:
                server.logout()
            except _AWAY:
                with suppress(OSError):
                    server.shutdown()

    def _connected(self) -> imaplib.IMAP4:
        if self._server is None:
            place = self._place
            if place.tls:
                context = ssl.create_default_context(cafile=place.ca_file)
                server: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                    place.host, place.port, ssl_context=context, timeout=ANSWER_SECONDS
                )
            else:
                server = imaplib.IMAP4(place.host, place.port, timeout=ANSWER_SECONDS)
            self._server = server
            server.login(place.user, place.password.reveal())
        return self._server

    def _fetched(self, server: imaplib.IMAP4, seen: int, *, is_sent: bool) -> Iterator[tuple[int, Mail]]:
        uids = _uids(server, seen, self._since)
        for start in range(0, len(uids), FETCHED_AT_A_TIME):
            wanted = ",".join(map(str, uids[start : start + FETCHED_AT_A_TIME]))
            for described, header in _pairs(_ok(server.uid("FETCH", wanted, "(UID INTERNALDATE BODY.PEEK[HEADER])"))):
                uid = _UID.search(described)
                if uid is not None and int(uid[1]) > seen:
                    yield int(uid[1]), Mail(self._name, header, _internal_ms(described), is_sent)


def _examined(server: imaplib.IMAP4, folder: str) -> int:
    """Look at a folder without a right to change it; its UIDVALIDITY."""
    quoted = '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
    _ok(server.select(quoted, readonly=True))
    told = server.untagged_responses.get("UIDVALIDITY", [b""])[-1]
    found = _VALIDITY.search(told if isinstance(told, bytes) else b"")
    if found is None:
        raise imaplib.IMAP4.error("the folder has no UIDVALIDITY")
    return int(found[0])


def _uids(server: imaplib.IMAP4, seen: int, since: datetime) -> list[int]:
    """In order. ``n:*`` names the last mail too where none is newer: what is known is left out."""
    if seen:
        answer = _ok(server.uid("SEARCH", f"UID {seen + 1}:*"))
    else:
        answer = _ok(server.uid("SEARCH", f"SINCE {_imap_date(since)}"))
    told = answer[0] if answer and isinstance(answer[0], bytes) else b""
    return sorted(uid for uid in map(int, told.split()) if uid > seen)


def _imap_date(moment: datetime) -> str:
    """In English, whatever the locale: RFC 3501, date."""
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{moment.day}-{months[moment.month - 1]}-{moment.year}"


def _pairs(answer: list[Any]) -> Iterator[tuple[bytes, bytes]]:
    """What is said of each mail, the part after its header included, and the header."""
    for index, part in enumerate(answer):
        if isinstance(part, tuple) and len(part) >= 2:
            rest = answer[index + 1] if index + 1 < len(answer) and isinstance(answer[index + 1], bytes) else b""
            yield part[0] + b" " + rest, part[1]


def _internal_ms(described: bytes) -> int | None:
    local = imaplib.Internaldate2tuple(described)
    if local is None:
        return None
    return round(datetime(*local[:6]).astimezone().astimezone(UTC).timestamp() * 1000)


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(_text(data[0] if data else b""))
    return data


def _told(error: BaseException) -> str:
    """What the server said, without what it may repeat of the login."""
    if isinstance(error, OSError):
        return error.strerror or "no connection"
    return _text(error.args[0] if error.args else b"") or "the server broke off"


def _text(told: object) -> str:
    text = told.decode("ascii", "replace") if isinstance(told, bytes) else str(told)
    return text[:200]
