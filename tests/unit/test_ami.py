"""Asterisk's manager interface: how callers leave, what agents do, and what a broken connection leaves open."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.sources.ami import AmiMapping
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import InvalidEvent

NINE_MS = 1_795_680_000_000
CALL = "1795680000.17"
SAC = Place("acme", "fortaleza", "sac", "voice", frozenset({"1"}))


def mapping() -> AmiMapping:
    return AmiMapping(QueueDictionary("pbx-1", {"600": SAC, "601": Place("acme", "fortaleza", "vendas", "voice")}))


class Ami:
    """Feeds a mapping messages, each at so many seconds after nine, and keeps what it tells."""

    def __init__(self) -> None:
        self.mapping = mapping()
        self.events: list[dict[str, Any]] = []

    def says(self, seconds: float, event: str, call: str = CALL, queue: str = "600", **fields: object) -> Ami:
        named = {
            "Event": event,
            "Uniqueid": call,
            "Queue": queue,
            **{name: str(value) for name, value in fields.items()},
        }
        self.events += self.mapping.feed(named, NINE_MS + round(seconds * 1000))
        return self

    def passes(self, seconds: float) -> Ami:
        """Time: any answer of Asterisk says that it is later."""
        self.events += self.mapping.feed({"Response": "Success"}, NINE_MS + round(seconds * 1000))
        return self

    def restarted(self) -> Ami:
        """Our own process, from what it wrote down."""
        snapshot = msgspec.json.decode(msgspec.json.encode(self.mapping.snapshot()))
        self.mapping = AmiMapping(self.mapping._dictionary, snapshot)
        return self

    def lists(self, seconds: float, *entries: tuple[str, int], members: dict[str, str] | None = None) -> Ami:
        """Who waits: call and whole seconds of waiting; and whether each agent is in a call."""
        for agent, in_call in (members or {}).items():
            self.says(seconds, "QueueMember", Name=agent, Paused=0, Status=1, InCall=in_call)
        for call, wait in entries:
            self.says(seconds, "QueueEntry", call, Position=1, Wait=wait)
        return self.says(seconds, "QueueStatusComplete")

    @property
    def contacts(self) -> list[tuple[Any, ...]]:
        """(kind, call, entry, seconds after nine, reason)."""
        found = []
        for event in self.events:
            if event["type"].startswith("contact."):
                data, at = event["data"], msgspec.convert(event["time"], type=datetime)
                call = data["contact_id"].removesuffix("@pbx-1")
                kind = event["type"].removeprefix("contact.")
                found.append((kind, call, data["entry"], at.timestamp() - NINE_MS / 1000, data.get("reason")))
        return found

    @property
    def agents(self) -> list[tuple[str, str]]:
        return [
            (event["data"]["agent_id"], event["data"]["state"])
            for event in self.events
            if event["type"] == "agent.state"
        ]


def left(ami: Ami) -> tuple[Any, ...]:
    """How the one caller has left: kind, when, reason."""
    [(kind, _, _, at, reason)] = [each for each in ami.contacts if each[0] != "offered"]
    return kind, at, reason


def waiting_caller() -> Ami:
    return Ami().says(0, "QueueCallerJoin", CallerIDNum="85997465553").says(0.5, "AgentCalled", MemberName="Ana")


def abandon(ami: Ami, seconds: float, *, sees_variables: bool = True) -> Ami:
    if sees_variables:
        ami.says(seconds, "VarSet", Variable="ABANDONED", Value="TRUE")
    return ami.says(seconds, "QueueCallerAbandon", HoldTime=40).says(seconds + 0.1, "QueueCallerLeave")


def test_a_hangup_decides_at_once() -> None:
    """At the time of the abandon."""
    assert left(abandon(waiting_caller(), 40).says(40.4, "Hangup")) == ("abandoned", 40.0, None)


def test_a_hangup_long_after_is_not_why_the_caller_left() -> None:
    """He left by timeout, say, heard an announcement, and hung up: without more, nobody knows."""
    assert left(abandon(waiting_caller(), 40, sees_variables=False).says(55, "Hangup")) == (
        "flowed_out",
        40.0,
        "unknown",
    )


@pytest.mark.parametrize(
    ("status", "reason"), [("TIMEOUT", "timeout"), ("LEAVEEMPTY", "closed"), ("LEAVEUNAVAIL", "closed")]
)
def test_the_status_that_the_queue_sets_decides(status: str, reason: str) -> None:
    """Before the dialplan goes on."""
    ami = abandon(waiting_caller(), 40).says(40.2, "VarSet", Variable="QUEUESTATUS", Value=status)
    assert left(ami.says(40.3, "Newexten", Extension="s").says(41, "Hangup")) == ("flowed_out", 40.0, reason)


@pytest.mark.parametrize(
    ("info", "expected"), [("callback", ("callback_requested", 40.0, None)), ("vip", ("flowed_out", 40.0, "transfer"))]
)
def test_a_withdrawal_may_be_for_a_callback(info: str, expected: tuple[Any, ...]) -> None:
    """QueueWithdrawCaller with WithdrawInfo: callback."""
    ami = waiting_caller().says(40, "QueueCallerAbandon").says(40, "VarSet", Variable="QUEUE_WITHDRAW_INFO", Value=info)
    ami.says(40, "QueueCallerLeave").says(40.1, "VarSet", Variable="QUEUESTATUS", Value="WITHDRAW")
    assert left(ami) == expected


def test_somebody_who_goes_on_without_a_status_was_redirected() -> None:
    """Known only where variables can be seen."""
    assert left(abandon(waiting_caller(), 40).says(40.4, "Newexten", Extension="8001")) == (
        "flowed_out",
        40.0,
        "transfer",
    )
    ami = abandon(waiting_caller(), 40, sees_variables=False).says(40.4, "Newexten", Extension="8001")
    assert left(ami) == ("flowed_out", 40.0, "unknown")


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ("1", ("callback_requested", 40.0, None)),
        ("2", ("flowed_out", 40.0, "key")),
        ("h", ("flowed_out", 40.0, "unknown")),
    ],
)
def test_the_key_is_the_extension_the_caller_goes_on_to(extension: str, expected: tuple[Any, ...]) -> None:
    """Nothing else tells of a key."""
    assert left(waiting_caller().says(40, "QueueCallerLeave").says(40.1, "Newexten", Extension=extension)) == expected


def test_an_agent_who_comes_late_answers_all_the_same() -> None:
    """Leave comes before the agent; what was given up as unknown becomes known."""
    ami = waiting_caller().says(40, "QueueCallerLeave").passes(45)
    assert left(ami) == ("flowed_out", 40.0, "unknown")
    ami.says(46, "AgentConnect", MemberName="Ana", HoldTime=46)
    assert [(kind, at) for kind, _, entry, at, _ in ami.contacts if entry == 1][-1] == ("answered", 46.0)


def test_the_time_of_a_message_is_its_own_where_it_has_one() -> None:
    """timestampevents = yes."""
    ami = Ami().says(9, "QueueCallerJoin", Timestamp=f"{NINE_MS // 1000}.250178")
    assert ami.contacts[0][3] == 0.25


def test_a_renamed_caller_who_gives_up_is_the_one_who_entered() -> None:
    """The hold time says when he entered."""
    ami = waiting_caller().says(40, "QueueCallerAbandon", "9.9", HoldTime=40).says(40, "QueueCallerLeave", "9.9")
    assert left(ami.says(40.2, "Hangup", "9.9")) == ("abandoned", 40.0, None)


# -- agents -----------------------------------------------------------------------------------------------------------


def test_what_an_agents_telephone_does_is_told() -> None:
    """Ringing, busy with whatever call, away; paused and back."""
    ami = Ami().says(0, "QueueMemberAdded", MemberName="Ana", Paused=0, Status=1)
    ami.says(1, "AgentCalled", MemberName="Ana").says(9, "AgentRingNoAnswer", MemberName="Ana")
    ami.says(10, "QueueMemberStatus", MemberName="Ana", Paused=0, Status=2)
    ami.says(20, "QueueMemberStatus", MemberName="Ana", Paused=0, Status=5)
    ami.says(30, "QueueMemberStatus", MemberName="Ana", Paused=0, Status=1)
    ami.says(31, "QueueMemberPause", MemberName="Ana", Paused=1).says(
        32, "QueueMemberPaused", MemberName="Ana", Paused=0
    )
    ami.says(40, "QueueMemberRemoved", MemberName="Ana")
    assert [state for _, state in ami.agents] == [
        "available",
        "ringing",
        "available",
        "busy",
        "offline",
        "available",
        "paused",
        "available",
        "offline",
    ]


# -- broken connections -----------------------------------------------------------------------------------------------


def test_after_a_broken_connection_the_list_says_who_waits() -> None:
    """Who came meanwhile is offered since he came, who is gone left nobody knows how, when last heard of."""
    ami = Ami().lists(0).says(1, "QueueCallerJoin", "1.1").says(2, "QueueCallerJoin", "2.2").passes(9)
    ami.mapping.disconnected()
    ami.lists(60, ("2.2", 58), ("3.3", 20))
    assert ami.contacts == [
        ("offered", "1.1", 1, 1.0, None),
        ("offered", "2.2", 1, 2.0, None),
        ("offered", "3.3", 1, 40.0, None),
        ("flowed_out", "1.1", 1, 2.0, "unknown"),
    ]
    assert ami.mapping.waiting == {("2.2", "600"), ("3.3", "600")}


def test_events_of_before_that_come_after_the_list_are_no_second_calls() -> None:
    """Asterisk writes the list and its events in no fixed order."""
    ami = Ami().lists(0).says(1, "QueueCallerJoin", "1.1")
    ami.mapping.disconnected()
    ami.lists(60, ("2.2", 1)).says(60.2, "QueueCallerJoin", "2.2")
    ami.says(60.3, "QueueCallerAbandon", "1.1", HoldTime=59).says(60.3, "QueueCallerLeave", "1.1").says(
        60.4, "Hangup", "1.1"
    )
    assert [(kind, call) for kind, call, *_ in ami.contacts] == [
        ("offered", "1.1"),
        ("offered", "2.2"),
        ("flowed_out", "1.1"),
    ]
    ami.says(61, "AgentConnect", "1.1", MemberName="Ana", HoldTime=60)
    assert ami.contacts[-1][:2] == ("answered", "1.1")


def test_whoever_was_answered_and_ended_meanwhile_is_known_in_the_end() -> None:
    """AgentComplete says how long was waited and talked."""
    ami = Ami().lists(0).says(1, "QueueCallerJoin", "1.1")
    ami.mapping.disconnected()
    ami.lists(60).says(90, "AgentComplete", "1.1", MemberName="Ana", HoldTime=9, TalkTime=80, Reason="caller")
    assert [(kind, at) for kind, _, _, at, _ in ami.contacts] == [
        ("offered", 1.0),
        ("flowed_out", 1.0),
        ("answered", 10.0),
        ("ended", 90.0),
    ]


def test_an_agent_is_free_when_the_talk_ended_unheard() -> None:
    """The member list says so."""
    ami = Ami().lists(0).says(1, "QueueCallerJoin").says(5, "AgentConnect", MemberName="Ana", HoldTime=4)
    ami.mapping.disconnected()
    ami.lists(60, members={"Ana": "1"})
    assert ami.agents[-1] == ("Ana", "busy")
    ami.mapping.disconnected()
    ami.lists(70, members={"Ana": "0"})
    assert ami.agents[-1] == ("Ana", "available")


@pytest.mark.parametrize(("uptime", "is_new"), [(900, False), (40, True)])
def test_a_restart_of_asterisk_is_told_from_a_broken_line(uptime: int, *, is_new: bool) -> None:
    """It says how long it has been up."""
    ami = Ami().lists(0).says(1, "QueueCallerJoin").says(5, "AgentConnect", MemberName="Ana", HoldTime=4)
    ami.mapping.disconnected()
    ami.says(60, "FullyBooted", Uptime=uptime).lists(61)
    ended = [event["data"] for event in ami.events if event["type"] == "contact.ended"]
    assert [(data["ended_by"], data["completed"]) for data in ended] == [("network", False)] * is_new


def test_a_restart_of_ours_goes_on_with_the_list() -> None:
    """What was written down, then the list: as after a broken connection."""
    ami = Ami().lists(0).says(1, "QueueCallerJoin", "1.1").says(2, "QueueCallerJoin", "2.2").restarted()
    ami.lists(60, ("2.2", 58))
    assert ami.contacts[-1] == ("flowed_out", "1.1", 1, 2.0, "unknown")
    assert ami.mapping.waiting == {("2.2", "600")}


# -- whatever comes ---------------------------------------------------------------------------------------------------

MALFORMED = [
    ({"Event": "QueueCallerJoin", "Queue": "600"}, "missing_field: QueueCallerJoin: Uniqueid"),
    ({"Event": "QueueCallerJoin", "Uniqueid": "1.1"}, "missing_field: QueueCallerJoin: Queue"),
    ({"Event": "Join", "Uniqueid": "1" * 151, "Queue": "600"}, "bad_value"),
    ({"Event": "Join", "Uniqueid": "1.1", "Queue": "600", "Timestamp": "nine"}, "bad_time"),
    ({"Event": "AgentConnect", "Uniqueid": "1.1", "Queue": "600", "MemberName": "Ana"}, "missing_field"),
    ({"Event": "AgentConnect", "Uniqueid": "1.1", "Queue": "600", "HoldTime": "4"}, "missing_field"),
    (
        {"Event": "AgentConnect", "Uniqueid": "1.1", "Queue": "600", "MemberName": "Ana", "HoldTime": "4.5"},
        "wrong_type",
    ),
    (
        {"Event": "AgentConnect", "Uniqueid": "1.1", "Queue": "600", "MemberName": "Ana", "HoldTime": "9999999999"},
        "bad_value",
    ),
    ({"Event": "QueueMemberStatus", "Queue": "600"}, "missing_field: QueueMemberStatus: MemberName"),
    ({"Event": "QueueMemberStatus", "MemberName": "Ana"}, "missing_field: QueueMemberStatus: Queue"),
    ({"Event": "QueueEntry", "Queue": "600", "Uniqueid": "1.1", "Wait": "long"}, "wrong_type"),
]


@pytest.mark.parametrize(("message", "reason"), MALFORMED, ids=[reason for _, reason in MALFORMED])
def test_a_malformed_message_is_refused_and_has_changed_nothing(message: dict[str, str], reason: str) -> None:
    """With its reason."""
    ami = waiting_caller()
    before = ami.mapping.snapshot()
    with pytest.raises(InvalidEvent) as refused:
        ami.mapping.feed(message, NINE_MS)
    assert str(refused.value).startswith(reason)
    assert ami.mapping.snapshot() == before


NAMES = [*sorted(mapping()._handlers), "Newchannel", ""]
_fields = st.dictionaries(
    st.sampled_from(
        ["Uniqueid", "Queue", "MemberName", "HoldTime", "TalkTime", "Wait", "Variable", "Value", "Extension", "Uptime",
         "Status", "Paused", "InCall", "Reason", "Name", "Timestamp"]
    ),
    st.one_of(
        st.sampled_from(["1.1", "2.2", "600", "601", "Ana", "0", "1", "2", "40", "QUEUESTATUS", "TIMEOUT", "-5"]),
        st.text(max_size=8),
    ),
)  # fmt: skip
_messages = st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from(NAMES), _fields), max_size=40)


@given(_messages, st.sets(st.integers(0, 40), max_size=3))
def test_whatever_comes_nothing_but_invalid_event_is_raised(
    messages: list[tuple[int, str, dict[str, str]]], breaks: set[int]
) -> None:
    """In any order, with broken connections and restarts of ours; no id has two contents."""
    ami = Ami()
    for number, (milliseconds, name, fields) in enumerate(sorted(messages, key=lambda each: each[0])):
        if number in breaks:
            ami.mapping.disconnected()
            ami.restarted()
        with suppress(InvalidEvent):
            ami.events += ami.mapping.feed({"Event": name, **fields}, NINE_MS + milliseconds)
    contents: dict[str, bytes] = {}
    for event in ami.events:
        assert contents.setdefault(event["id"], msgspec.json.encode(event)) == msgspec.json.encode(event)
