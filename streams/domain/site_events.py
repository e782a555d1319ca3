"""What is told of a site as frozen values: its sources live, channels come and go, people are on the telephone, menus.

The list is closed as those of ``events`` are.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from streams.domain.events import Channel, Name

MenuOption = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,40}\Z")]


class SiteData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What every event of a site names. Whatever a source tells, it lives."""

    tenant: Name
    site: Name


class SourceHeartbeat(SiteData, frozen=True, gc=False, kw_only=True):
    """The source of the event lives, whether or not it has anything to tell."""


class ChannelUp(SiteData, frozen=True, gc=False, kw_only=True):
    """Customers can reach the site by this channel from now on."""

    channel: Channel


class ChannelDown(SiteData, frozen=True, gc=False, kw_only=True):
    """Customers can no longer reach the site by this channel."""

    channel: Channel


class HumanVoiceOpen(SiteData, frozen=True, gc=False, kw_only=True):
    """Who telephones can speak with a person from now on."""


class HumanVoiceClosed(SiteData, frozen=True, gc=False, kw_only=True):
    """Who telephones can no longer speak with a person."""


class MenuPresented(SiteData, frozen=True, gc=False, kw_only=True):
    """A caller heard a menu; ``level`` 1 is the first of the call. ``options`` are what it offers, such as
    ``complaint``, ``cancellation``, ``human``; ``menu`` tells several menus of a site apart."""

    level: Annotated[int, msgspec.Meta(ge=1, le=20)]
    options: Annotated[tuple[MenuOption, ...], msgspec.Meta(max_length=30)]
    menu: MenuOption = "main"


class ExceptionDeclared(msgspec.Struct, frozen=True, kw_only=True):
    """A time that rules except, declared with evidence: it tags what it excuses in reports and changes no finding.

    ``queues`` empty: all of the site. An atypical day is left out of the net monthly figures.
    """

    tenant: Name
    site: Name
    kind: Literal["systemic_outage", "atypical_day"]
    starts_at: str
    ends_at: str
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    queues: Annotated[tuple[Name, ...], msgspec.Meta(max_length=200)] = ()


SITE_TYPES: Final[dict[str, type[SiteData]]] = {
    "source.heartbeat": SourceHeartbeat,
    "channel.up": ChannelUp,
    "channel.down": ChannelDown,
    "human_voice.open": HumanVoiceOpen,
    "human_voice.closed": HumanVoiceClosed,
    "ivr.menu_presented": MenuPresented,
}
"""The site events some stage takes something from; ``exception.declared`` is for reports alone."""


class SiteEvent(msgspec.Struct, frozen=True, gc=False):
    """A validated site event."""

    time_ms: int
    event_id: str
    source: str
    kind: str
    """Its type, such as ``channel.up``."""
    data: SiteData
