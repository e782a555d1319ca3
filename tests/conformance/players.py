"""Every vendor of the kit."""

from __future__ import annotations

from typing import Final

from tests.conformance.ami_topic_player import AmiTopicPlayer
from tests.conformance.asterisk_players import AmiPlayer, QueueLogPlayer
from tests.conformance.cloud_events_player import CloudEventsPlayer
from tests.conformance.connect_player import ConnectPlayer
from tests.conformance.kit import Player
from tests.conformance.written_players import ChatwootPlayer, MailPlayer, WhatsAppPlayer

PLAYERS: Final[tuple[Player, ...]] = (
    QueueLogPlayer(),
    AmiPlayer("ami"),
    AmiPlayer("ami-11", is_old=True),
    AmiPlayer("ami-no-dialplan", sees_dialplan=False),
    AmiTopicPlayer(),
    ConnectPlayer(),
    ChatwootPlayer(),
    WhatsAppPlayer(),
    MailPlayer(),
    CloudEventsPlayer(),
)
