"""Asterisk's queue_log: what becomes of each event, and the traps."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.routing import Route, route
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import InvalidEvent
from streams.sources.queue_log import QueueLogMapping

NINE = 1_795_680_000
"""A second of 2026-11-26."""
READ_MS = (NINE + 4 * 86_400) * 1000
SAC = Place("acme", "fortaleza", "sac", "voice", frozenset({"1"}))
VENDAS = Place("acme", "fortaleza", "vendas", "voice")
OTHER = Place("other", "recife", "suporte", "voice")
CALL = "1795680000.17"


def dictionary() -> QueueDictionary:
    return QueueDictionary("pbx-1", {"600": SAC, "601": VENDAS, "700": OTHER})


def mapping() -> QueueLogMapping:
    return QueueLogMapping(dictionary())


def line(
    seconds: int, event: str, *parameters: object, call: str = CALL, queue: str = "600", agent: str = "NONE"
) -> bytes:
    return "|".join(map(str, (NINE + seconds, call, queue, agent, event, *parameters))).encode()


def enter(seconds: int = 0, **place: str) -> bytes:
    return line(seconds, "ENTERQUEUE", "", "85997465553", 1, **place)


def connect(seconds: int, held: int, **place: str) -> bytes:
    return line(seconds, "CONNECT", held, "1795680010.18", 4, **{"agent": "PJSIP/8001", **place})


def fed(log: QueueLogMapping, lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [event for each in lines for event in log.feed(each, READ_MS)]


def told(*lines: bytes, log: QueueLogMapping | None = None) -> list[tuple[Any, ...]]:
    """Contact events as (kind, contact, queue, entry, seconds after nine, what else they say)."""
    common = {"tenant", "site", "queue", "channel", "contact_id", "entry"}
    return [
        (
            event["type"].removeprefix("contact."),
            data["contact_id"].removesuffix("@pbx-1"),
            data["queue"],
            data["entry"],
            _seconds(event),
            {name: value for name, value in data.items() if name not in common},
        )
        for event in fed(log or mapping(), lines)
        if event["type"].startswith("contact.")
        for data in [event["data"]]
    ]


def agents(*lines: bytes, log: QueueLogMapping | None = None) -> list[tuple[Any, ...]]:
    """Agent events as (agent, state, queues)."""
    events = fed(log or mapping(), lines)
    return [
        (event["data"]["agent_id"], event["data"]["state"], event["data"]["queues"])
        for event in events
        if event["type"] == "agent.state"
    ]


def _seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp() - NINE


OFFERED = ("offered", CALL, "sac", 1, 0, {"customer": {"address": "85997465553"}})
EXITS = [
    # the line that follows an ENTERQUEUE of 40 s ago, what it tells
    (line(40, "ABANDON", 1, 1, 40), ("abandoned", {})),
    (line(40, "ABANDON", 1, 1, 40, agent="PJSIP/8001"), ("abandoned", {})),
    (line(40, "EXITEMPTY", 1, 1, 40), ("flowed_out", {"reason": "closed"})),
    (line(40, "EXITWITHTIMEOUT", 1, 1, 40), ("flowed_out", {"reason": "timeout"})),
    (line(40, "EXITWITHTIMEOUT", 1), ("flowed_out", {"reason": "timeout"})),
    (line(40, "EXITWITHKEY", 2, 1, 1, 40), ("flowed_out", {"reason": "key"})),
    (line(40, "EXITWITHKEY", 1, 1, 1, 40), ("callback_requested", {})),
    (line(40, "WITHDRAW", 1, 1, 40, ""), ("flowed_out", {"reason": "transfer"})),
    (line(40, "WITHDRAW", 1, 1, 40, "callback"), ("callback_requested", {})),
    (line(40, "SYSCOMPAT", "", agent="PJSIP/8001"), ("abandoned", {})),
    (connect(40, 40), ("answered", {"agent_id": "PJSIP/8001"})),
]


@pytest.mark.parametrize(("exit_line", "expected"), EXITS)
def test_every_way_out_of_a_queue(exit_line: bytes, expected: tuple[str, dict[str, Any]]) -> None:
    """The table of exit reasons."""
    kind, data = expected
    assert told(enter(), exit_line) == [OFFERED, (kind, CALL, "sac", 1, 40, data)]


ENDS = [
    ("COMPLETECALLER", (40, 125, 1), {"ended_by": "customer"}),
    ("COMPLETEAGENT", (40, 125, 1), {"ended_by": "agent"}),
    ("BLINDTRANSFER", ("601", "from-internal", 40, 125, 1), {}),
    ("BLINDTRANSFER", ("60|1", "from-internal", 40, 125, 1), {}),
    ("ATTENDEDTRANSFER", ("BRIDGE", "9f7c1a", 40, 125, 1), {}),
    ("ATTENDEDTRANSFER", ("APP", "Queue", 40, 125, 1), {}),
    ("ATTENDEDTRANSFER", ("LINK", "Local/1;1", "Local/1;2", 40, 125, 1), {}),
    ("TRANSFER", ("601", "from-internal", 40, 125), {}),
    ("TRANSFER", ("601", "from-internal", 40, 125, 1), {}),
]


@pytest.mark.parametrize(("event", "parameters", "data"), ENDS)
def test_every_way_out_of_a_talk(event: str, parameters: tuple[object, ...], data: dict[str, Any]) -> None:
    """How long was talked, and who hung up; a call that is passed on has ended here."""
    said = told(enter(), connect(40, 40), line(165, event, *parameters, agent="PJSIP/8001"))
    assert said[2:] == [("ended", CALL, "sac", 1, 165, {"talk_seconds": 125.0, **data, "agent_id": "PJSIP/8001"})]


SILENT = [
    line(0, "CONFIGRELOAD", "", call="NONE", queue="NONE"),
    line(0, "QUEUESTART", "", call="NONE", queue="NONE"),
    line(9, "RINGNOANSWER", 15000, agent="PJSIP/8001"),
    line(9, "RINGCANCELED", 1500, agent="PJSIP/8001"),
    line(9, "AGENTDUMP", "", agent="PJSIP/8001"),
    line(9, "AGENTLOGIN", "PJSIP/8001-00000001", queue="NONE", agent="1001"),
    line(9, "AGENTLOGOFF", "PJSIP/8001-00000001", 3600, queue="NONE", agent="1001"),
    line(9, "AGENTCALLBACKLOGIN", "1001@agents", call="NONE", queue="NONE", agent="1001"),
    line(9, "AGENTCALLBACKLOGOFF", "1001@agents", 3600, "Autologoff", call="NONE", queue="NONE", agent="1001"),
    line(9, "ADDMEMBER", "", call="MANAGER", agent="PJSIP/8001"),
    line(9, "REMOVEMEMBER", "", call="MANAGER", agent="PJSIP/8001"),
    line(9, "PAUSE", "lunch", call="NONE", agent="PJSIP/8001"),
    line(9, "UNPAUSE", "", call="NONE", agent="PJSIP/8001"),
    line(9, "PAUSEALL", "lunch", call="NONE", queue="NONE", agent="PJSIP/8001"),
    line(9, "UNPAUSEALL", "", call="NONE", queue="NONE", agent="PJSIP/8001"),
]


@pytest.mark.parametrize("other", SILENT)
def test_what_says_nothing_of_a_caller_leaves_callers_alone(other: bytes) -> None:
    """Known all the same: nothing of it is counted as ignored. A start before the first call is no restart."""
    log = mapping()
    said = told(other, enter(10), line(50, "ABANDON", 1, 1, 40), log=log)
    assert [kind for kind, *_ in said] == ["offered", "abandoned"]
    assert log.ignored.by_kind == {}


def test_what_other_applications_write_is_ignored_and_counted() -> None:
    """QueueLog() takes any event."""
    log = mapping()
    assert told(line(0, "DID", "08007770000"), line(1, "CALLSTATUS", "ok"), line(2, "DID", "1"), log=log) == []
    assert log.ignored.by_kind == {"DID": 2, "CALLSTATUS": 1}


def test_every_event_can_be_routed_and_named_once() -> None:
    """Each id once; the same lines give the same bytes, whatever the moment."""
    lines = [enter(), connect(5, 5), line(9, "COMPLETECALLER", 5, 4, 1, agent="PJSIP/8001")]
    first, again = fed(mapping(), lines), fed(mapping(), lines)
    assert msgspec.json.encode(first) == msgspec.json.encode(again)
    assert all(isinstance(route(event), Route) for event in first)
    assert len({event["id"] for event in first}) == len(first) == 5


def test_a_second_stay_in_the_same_queue_is_numbered() -> None:
    """Out by timeout, announcement, in again; elsewhere in between."""
    said = told(
        enter(),
        line(30, "EXITWITHTIMEOUT", 1, 1, 30),
        enter(31),
        line(61, "EXITWITHTIMEOUT", 1, 1, 30),
        enter(61, queue="601"),
        line(70, "EXITEMPTY", 1, 1, 9, queue="601"),
        enter(71),
    )
    assert [(kind, queue, entry) for kind, _, queue, entry, *_ in said if kind == "offered"] == [
        ("offered", "sac", 1),
        ("offered", "sac", 2),
        ("offered", "vendas", 1),
        ("offered", "sac", 3),
    ]
    assert [data.get("transferred_from") for kind, *_, data in said if kind == "offered"] == [
        None,
        None,
        "sac",
        "vendas",
    ]


def test_a_blind_transfer_may_be_told_after_the_call_is_in_the_next_queue() -> None:
    """Even in the same queue: the talk that ends is the first stay's."""
    said = told(enter(), connect(5, 5), enter(60), line(60, "BLINDTRANSFER", "600", "q", 5, 55, 1, agent="PJSIP/8001"))
    assert [(kind, entry) for kind, _, _, entry, *_ in said] == [
        ("offered", 1),
        ("answered", 1),
        ("offered", 2),
        ("ended", 1),
    ]


def test_after_an_attended_transfer_the_caller_bears_another_name() -> None:
    """The consulting channel entered; the customer's channel is connected in its place, and ends."""
    waits = [enter(call="1.1"), enter(3, call="2.2")]
    said = told(
        *waits, connect(20, 20, call="9.9"), line(30, "COMPLETEAGENT", 20, 10, 1, call="9.9", agent="PJSIP/8001")
    )
    assert [(kind, call) for kind, call, *_ in said] == [
        ("offered", "1.1"),
        ("offered", "2.2"),
        ("answered", "1.1"),
        ("ended", "1.1"),
    ]


def test_a_talk_ends_under_whatever_name_the_call_bears_by_then() -> None:
    """A Local channel that was optimised away: the agent and the time say which talk it was."""
    begun = [enter(), connect(10, 10), enter(12, call="2.2"), connect(20, 8, call="2.2", agent="PJSIP/8002")]
    said = told(*begun, line(60, "COMPLETECALLER", 8, 40, 1, call="7.7", agent="PJSIP/8002"))
    assert [(kind, call) for kind, call, *_ in said][-1] == ("ended", "2.2")


def test_whoever_entered_before_the_log_began_is_told_from_the_exit() -> None:
    """It says how long the caller had waited, and talked."""
    log = mapping()
    said = told(
        line(40, "ABANDON", 1, 1, 25, call="1.1"),
        connect(50, 30, call="2.2"),
        line(90, "COMPLETEAGENT", 7, 60, 1, call="3.3", agent="PJSIP/8002"),
        log=log,
    )
    assert [(kind, call, at) for kind, call, _, _, at, _ in said] == [
        ("offered", "1.1", 15),
        ("abandoned", "1.1", 40),
        ("offered", "2.2", 20),
        ("answered", "2.2", 50),
        ("offered", "3.3", 23),
        ("answered", "3.3", 30),
        ("ended", "3.3", 90),
    ]
    assert log.orphans == 3


def test_an_exit_that_is_told_twice_is_one() -> None:
    """SYSCOMPAT is followed by an ABANDON, a transfer by a hangup."""
    said = told(
        enter(),
        line(9, "SYSCOMPAT", "", agent="PJSIP/8001"),
        line(9, "ABANDON", 1, 1, 9),
        enter(20, call="2.2"),
        connect(25, 5, call="2.2"),
        line(40, "BLINDTRANSFER", "1", "q", 5, 15, 1, call="2.2", agent="PJSIP/8001"),
        line(41, "COMPLETEAGENT", 5, 16, 1, call="2.2", agent="PJSIP/8001"),
    )
    assert [kind for kind, *_ in said] == ["offered", "abandoned", "offered", "answered", "ended"]


def test_a_restart_in_the_middle_of_calls() -> None:
    """Nobody knows what became of who waited; who talked was cut off. Both at the last moment anything was heard."""
    begun = [enter(), enter(5, call="2.2"), connect(20, 20)]
    said = told(*begun, line(900, "QUEUESTART", "", call="NONE", queue="NONE"), enter(901, call="3.3"))
    assert said[3:] == [
        ("flowed_out", "2.2", "sac", 1, 20, {"reason": "unknown"}),
        ("ended", CALL, "sac", 1, 20, {"ended_by": "network", "completed": False}),
        ("offered", "3.3", "sac", 1, 901, {"customer": {"address": "85997465553"}}),
    ]


def test_a_queue_that_nobody_named_is_left_out_and_remembered() -> None:
    """Its callers and its agents."""
    names = dictionary()
    log = QueueLogMapping(names)
    assert fed(log, [enter(queue="609"), connect(4, 4, queue="609"), line(9, "ABANDON", 1, 1, 9, queue="609")]) == []
    assert names.unmapped["609"] >= 3
    assert "NONE" not in names.unmapped


CALLERS = [
    ("85997465553", {"address": "85997465553"}),
    ("+5585997465553", {"address": "+5585997465553"}),
    ("", None),
    ("anonymous", None),
    ("1001", None),
]


@pytest.mark.parametrize(("number", "customer"), CALLERS)
def test_the_callers_number_is_an_address_where_it_can_be(number: str, customer: dict[str, str] | None) -> None:
    """Extensions and words are none; a name in the fourth column is nobody's business."""
    [(*_, data)] = told(line(0, "ENTERQUEUE", "", number, 1, "José|da Silva"))
    assert data.get("customer") == customer


def test_a_dial_job_comes_in_the_url_of_queue() -> None:
    """Queue(retorno,,${FILAVIVA_JOB_ID}): Asterisk logs the third parameter, and the answer recovers the plan."""
    job = f"{'0f' * 16}.84d8.1"
    [(*_, data)] = told(line(0, "ENTERQUEUE", job, "85997465553", 1))
    assert data["callback_job_id"] == job


# -- agents -----------------------------------------------------------------------------------------------------------


def test_an_agent_through_a_day() -> None:
    """Added, talking, free, paused in one queue, in all, back, removed."""
    agent = {"agent": "Ana"}
    away = {"call": "NONE", **agent}
    said = agents(
        line(0, "ADDMEMBER", "", call="MANAGER", **agent),
        line(0, "ADDMEMBER", "PAUSED", call="MANAGER", queue="601", **agent),
        enter(5),
        connect(10, 5, **agent),
        line(60, "COMPLETECALLER", 5, 50, 1, **agent),
        line(70, "UNPAUSE", "", queue="601", **away),
        line(80, "PAUSEALL", "lunch", call="NONE", queue="NONE", **agent),
        line(80, "PAUSE", "lunch", **away),
        line(80, "PAUSE", "lunch", queue="601", **away),
        line(90, "UNPAUSEALL", "", call="NONE", queue="NONE", **agent),
        line(99, "REMOVEMEMBER", "", call="MANAGER", **agent),
        line(99, "REMOVEMEMBER", "", call="MANAGER", queue="601", **agent),
    )
    assert said == [
        ("Ana", "available", ["sac"]),
        ("Ana", "busy", ["sac", "vendas"]),
        ("Ana", "available", ["sac"]),
        ("Ana", "available", ["sac", "vendas"]),
        ("Ana", "paused", ["sac", "vendas"]),
        ("Ana", "available", ["sac", "vendas"]),
        ("Ana", "available", ["vendas"]),
        ("Ana", "offline", []),
    ]


def test_states_of_one_second_are_in_the_order_of_their_lines() -> None:
    """Readers let the newest stand."""
    away = {"call": "NONE", "agent": "Ana"}
    events = fed(
        mapping(), [line(0, "ADDMEMBER", "", **away), line(0, "PAUSE", "", **away), line(0, "UNPAUSE", "", **away)]
    )
    assert [event["data"]["state"] for event in events] == ["available", "paused", "available"]
    assert [event["time"][-5:] for event in events] == [".000Z", ".001Z", ".002Z"]
    assert len({event["id"] for event in events}) == 3


def test_static_members_are_known_once_they_are_heard_of() -> None:
    """Nobody adds them; whoever was removed is not brought back by the end of his last call or ring."""
    assert agents(line(0, "RINGNOANSWER", 15000, agent="Ana")) == [("Ana", "available", ["sac"])]
    assert agents(
        enter(),
        connect(5, 5, agent="Ana"),
        line(6, "REMOVEMEMBER", "", call="CLI", agent="Ana"),
        line(30, "COMPLETEAGENT", 5, 25, 1, agent="Ana"),
        line(31, "RINGNOANSWER", 1000, agent="Ana"),
    ) == [("Ana", "busy", ["sac"]), ("Ana", "offline", [])]


def test_an_agent_who_is_heard_of_is_told_again_after_a_while() -> None:
    """Readers believe a state for a time only; a ringing telephone need not be told each time."""
    rings = [line(seconds, "RINGNOANSWER", 1000, agent="Ana") for seconds in range(0, 121, 10)]
    assert agents(*rings) == [("Ana", "available", ["sac"])] * 3


def test_agents_who_log_in_and_off() -> None:
    """The member is Agent/1001 where the agent is 1001."""
    log = mapping()
    assert agents(
        line(0, "RINGNOANSWER", 1000, agent="Agent/1001"),
        line(9, "AGENTLOGOFF", "PJSIP/8001-1", 3600, queue="NONE", agent="1001"),
        line(99, "AGENTLOGIN", "PJSIP/8001-2", queue="NONE", agent="1001"),
        log=log,
    ) == [
        ("Agent/1001", "available", ["sac"]),
        ("Agent/1001", "offline", []),
        ("Agent/1001", "available", ["sac"]),
    ]


def test_an_agent_of_two_tenants_is_told_to_both() -> None:
    """Each hears of its own queues only."""
    events = fed(mapping(), [line(0, "ADDMEMBER", "", agent="Ana"), line(1, "ADDMEMBER", "", queue="700", agent="Ana")])
    assert [(event["data"]["tenant"], event["data"]["queues"]) for event in events] == [
        ("acme", ["sac"]),
        ("other", ["suporte"]),
    ]


# -- what is malformed ------------------------------------------------------------------------------------------------

MALFORMED = [
    (b"", "missing_field: expected time|call"),
    (b"1795680000|1.1|600|NONE", "missing_field"),
    (b"1795680000|1.1|600|NONE||1", "missing_field: event"),
    (b"2026-11-26|1.1|600|NONE|ABANDON|1|1|4", "bad_time"),
    (line(5 * 86_400 + 1, "ABANDON", 1, 1, 4), "too_early"),
    (b"-5|1.1|600|NONE|ABANDON|1|1|4", "bad_time"),
    (b"999999999999|1.1|600|NONE|ABANDON|1|1|4", "bad_time"),
    ("١٧٩٥٦٨٠٠٠٠|1.1|600|NONE|ABANDON|1|1|4".encode(), "bad_time"),
    (line(0, "ABANDON", 1, 1, 4, call="NONE"), "missing_field: ABANDON: expected a call and a queue"),
    (line(0, "ENTERQUEUE", "", "", 1, queue="NONE"), "missing_field: ENTERQUEUE: expected a call and a queue"),
    (line(0, "ENTERQUEUE"), "missing_field: ENTERQUEUE: expected url"),
    (line(0, "ENTERQUEUE", "", "", "first"), "wrong_type: ENTERQUEUE: position"),
    (line(0, "ABANDON", 1, 1, "long"), "wrong_type: ABANDON: waittime"),
    (line(0, "ABANDON", 1, 1, "9" * 30), "wrong_type: ABANDON: waittime"),
    (line(0, "CONNECT", agent="Ana"), "missing_field: CONNECT: holdtime"),
    (line(0, "CONNECT", 4, "1.2", 3), "missing_field: CONNECT: expected an agent"),
    (line(0, "COMPLETEAGENT", 4, agent="Ana"), "missing_field: COMPLETEAGENT: calltime"),
    (line(0, "ATTENDEDTRANSFER", "BRIDGE", agent="Ana"), "missing_field: ATTENDEDTRANSFER: holdtime"),
    (line(0, "RINGNOANSWER", "1.5", agent="Ana"), "wrong_type: RINGNOANSWER: ringtime"),
    (line(0, "EXITWITHKEY"), "missing_field: EXITWITHKEY: the key"),
    (line(0, "ABANDON", 1, 1, 4, call="1" * 151), "bad_value"),
    (b"\x00" * 100, "missing_field"),
    (b"1" * 20_000, "too_large"),
]


@pytest.mark.parametrize(("record", "reason"), MALFORMED, ids=[reason for _, reason in MALFORMED])
def test_a_malformed_line_is_refused_with_its_reason(record: bytes, reason: str) -> None:
    """And has changed nothing."""
    log = mapping()
    before = log.snapshot()
    with pytest.raises(InvalidEvent) as refused:
        log.feed(record, READ_MS)
    assert str(refused.value).startswith(reason)
    assert log.snapshot() == before


def test_names_that_are_not_utf_8_are_read_all_the_same() -> None:
    """A caller is not lost for the accent of a name."""
    [(*_, data)] = told(line(0, "ENTERQUEUE", "", "85997465553", 1) + "|José".encode("latin-1"))
    assert data == {"customer": {"address": "85997465553"}}


def test_a_clock_set_back_makes_no_negative_wait() -> None:
    """Asterisk then writes one."""
    said = told(enter(), connect(5, -3600), line(6, "COMPLETEAGENT", -3600, -1, 1, agent="PJSIP/8001"))
    assert [kind for kind, *_ in said] == ["offered", "answered", "ended"]
    assert said[2][-1]["talk_seconds"] == 0


# -- restarts of ours -------------------------------------------------------------------------------------------------

_events = st.sampled_from(
    [
        ("ENTERQUEUE", ("", "85997465553", 1)),
        ("CONNECT", (4, "1.9", 2)),
        ("ABANDON", (1, 1, 4)),
        ("EXITWITHTIMEOUT", (1, 1, 4)),
        ("EXITWITHKEY", ("1", 1, 1, 4)),
        ("COMPLETECALLER", (4, 5, 1)),
        ("BLINDTRANSFER", ("601", "x", 4, 5, 1)),
        ("RINGNOANSWER", (4000,)),
        ("ADDMEMBER", ("",)),
        ("REMOVEMEMBER", ("",)),
        ("PAUSE", ("",)),
        ("UNPAUSEALL", ("",)),
        ("QUEUESTART", ("",)),
        ("DID", ("1",)),
    ]
)
_lines = st.lists(
    st.tuples(
        st.integers(0, 7000),
        _events,
        st.sampled_from(["1.1", "2.2", "3.3"]),
        st.sampled_from(["600", "601", "609", "700"]),
        st.sampled_from(["Ana", "Rui"]),
    ),
    max_size=60,
).map(
    lambda drawn: [
        line(seconds, event, *parameters, call=call, queue=queue, agent=agent)
        for seconds, (event, parameters), call, queue, agent in sorted(drawn, key=lambda each: each[0])
    ]
)


@given(_lines, st.lists(st.integers(0, 60), max_size=4))
def test_a_restart_at_any_line_changes_nothing(lines: list[bytes], cuts: list[int]) -> None:
    """The snapshot, written as JSON and read again, goes on as if nothing had been."""
    whole = fed(mapping(), lines)
    log, parts = mapping(), []
    for number, each in enumerate(lines):
        if number in cuts:
            log = QueueLogMapping(dictionary(), msgspec.json.decode(msgspec.json.encode(log.snapshot())))
        parts += log.feed(each, READ_MS)
    assert parts == whole


def test_what_is_over_is_forgotten() -> None:
    """A log of years is read in the memory of some hours; who entered and never left is given up after a day."""
    log = mapping()
    sizes = []
    for hour in range(60):
        for minute in range(60):
            at, call = 3600 * hour + 60 * minute, f"{hour}.{minute}"
            lines = [enter(at, call=call), connect(at + 9, 9, call=call)]
            fed(
                log, lines if minute % 2 else [*lines, line(at + 20, "COMPLETEAGENT", 9, 11, 1, call=call, agent="Ana")]
            )
        sizes.append(len(msgspec.json.encode(log.snapshot())))
    assert max(sizes[30:]) < 1.1 * max(sizes[:30])


@given(_lines)
def test_whatever_comes_no_id_has_two_contents(lines: list[bytes]) -> None:
    """Nor does a stay have two offers, or an end without one."""
    events = fed(mapping(), lines)
    assert len({event["id"] for event in events}) == len(events)
    offered = {event["id"].rpartition("/")[0] for event in events if event["type"] == "contact.offered"}
    others = {event["id"].rpartition("/")[0] for event in events if event["type"].startswith("contact.")}
    assert others == offered


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_invalid_event(record: bytes) -> None:
    """Whatever stands in the file."""
    with suppress(InvalidEvent):
        mapping().feed(record, READ_MS)


@given(
    st.lists(st.one_of(st.text(max_size=12), st.integers().map(str)), max_size=8),
    _events,
    st.sampled_from(["Ana", "NONE"]),
)
def test_no_parameters_do_either(parts: list[str], event: tuple[str, tuple[object, ...]], agent: str) -> None:
    """Of any event, with any number of them."""
    head = [str(NINE), "1.1", "600", agent, event[0]]
    log = mapping()
    for record in ("|".join([*head, *parts]), "|".join(parts)):
        with suppress(InvalidEvent):
            log.feed(record.encode("utf-8", "surrogatepass"), READ_MS)


@pytest.mark.parametrize("snapshot", [{}, {"calls": 1, "members": {}}, {"calls": [1, [], [], {}], "members": []}])
def test_a_snapshot_of_something_else_is_refused(snapshot: dict[str, Any]) -> None:
    """By the same error."""
    with pytest.raises(InvalidEvent, match="snapshot"):
        QueueLogMapping(dictionary(), snapshot)
