"""Mail as customers, agents and servers write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

SAC = "sac@acme.example"
JANE = "jane@customer.example"


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def written(name: str, when: datetime, *parents: str, sender: str = JANE, to: str = SAC, **fields: str) -> EmailMessage:
    """A mail of this message id; a reply where it has parents."""
    mail = EmailMessage()
    mail["Received"] = f"from mx by mail.acme.example; {format_datetime(when)}"
    mail["From"], mail["To"], mail["Subject"] = sender, to, "Cartão bloqueado"
    mail["Date"] = format_datetime(when)
    mail["Message-ID"] = f"<{name}@mx.example>"
    if parents:
        mail["References"] = " ".join(f"<{each}@mx.example>" for each in parents)
        mail["In-Reply-To"] = f"<{parents[-1]}@mx.example>"
    for field, value in fields.items():
        mail[field.replace("_", "-")] = value
    mail.set_content("Meu cartão está bloqueado.\n\nFrom here on it is the body.\n")
    return mail


def reply(name: str, when: datetime, *parents: str) -> EmailMessage:
    return written(name, when, *parents, sender=SAC, to=JANE)
