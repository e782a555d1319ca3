"""Where each kind of event goes, and with which key."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.events import CHANNELS, CONTACT_TYPES
from streams.routing import Route, Unroutable, route


def event(kind: str, **data: Any) -> dict[str, Any]:
    """An event of tenant acme with just what routing looks at."""
    return {"type": kind, "data": {"tenant": "acme", **data}}


def contact(channel: str) -> dict[str, Any]:
    return event("contact.offered", queue="sac", channel=channel)


@pytest.mark.parametrize(
    ("given", "topic", "key"),
    [
        (contact("voice"), "call-events", "acme/sac"),
        (contact("chat"), "chat-events", "acme/sac"),
        (contact("whatsapp"), "chat-events", "acme/sac"),
        (contact("sms"), "chat-events", "acme/sac"),
        (contact("app"), "chat-events", "acme/sac"),
        (contact("email"), "email-events", "acme/sac"),
        (contact("form"), "email-events", "acme/sac"),
        (event("agent.state", agent_id="a1", site="fortaleza"), "agent-events", "acme/a1"),
        (event("source.heartbeat", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("channel.up", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("channel.down", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("ivr.menu_presented", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("human_voice.open", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("human_voice.closed", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("exception.declared", site="fortaleza"), "site-events", "acme/fortaleza"),
        (event("case.registered", case_id="c7"), "case-events", "acme/c7"),
        (event("dial.attempted", job_id="j7.1"), "callback-results", "acme/j7.1"),
        (event("case.of_a_later_release", case_id="c7"), "case-events", "acme/c7"),
    ],
)
def test_every_kind_of_event_has_its_topic_and_owner(given: dict[str, Any], topic: str, key: str):
    """The table of topics, from a source's point of view."""
    assert route(given) == Route(topic, key)


def test_every_contact_type_of_every_channel_is_routed():
    """The closed lists and the routing cannot drift apart."""
    routed = [route(event(kind, queue="sac", channel=channel)) for kind in CONTACT_TYPES for channel in CHANNELS]
    assert all(isinstance(each, Route) for each in routed)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "not a JSON object"),
        ("text", "not a JSON object"),
        (None, "not a JSON object"),
        ({}, "no type"),
        ({"type": 5}, "no type"),
        ({"type": ""}, "no type"),
        ({"type": "contact.offered"}, "no data object"),
        ({"type": "contact.offered", "data": []}, "no data object"),
        (contact("fax"), "data.channel"),
        (event("contact.offered", queue="sac"), "data.channel"),
        (event("contact.offered", queue="sac", channel=["voice"]), "data.channel"),
        (event("contact.offered", channel="voice"), "data.queue"),
        (event("contact.offered", queue=5, channel="voice"), "data.queue"),
        (event("contact.offered", queue="", channel="voice"), "data.queue"),
        ({"type": "agent.state", "data": {"agent_id": "a1"}}, "data.tenant"),
        (event("agent.state"), "data.agent_id"),
        (event("agent.other", agent_id="a1"), "no input topic"),
        (event("weather.changed", site="fortaleza"), "no input topic"),
        (event("contact"), "data.channel"),
    ],
)
def test_what_belongs_nowhere_says_why(given: object, reason: str):
    """A reason, never an exception, whatever JSON comes."""
    found = route(given)
    assert isinstance(found, Unroutable)
    assert reason in found.reason
