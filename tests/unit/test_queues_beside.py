"""Two policies on one stream of waits: each finds what it would find alone, and only one of them counts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings as effort, strategies as st
from msgspec.structs import replace as changed

from streams.domain.directory import Directory
from streams.domain.intake import Facts
from streams.domain.limits import Place, WaitRules
from streams.domain.policy import Pack
from streams.domain.queue_limits import QueueLimits
from streams.domain.queues import QueuesCore
from streams.domain.queues_beside import ROWS_BESIDE, QueuesBeside
from streams.partitioning import partition_of
from tests.builders import PSEUDONYMS, Fact, abandoned, answered, offered
from tests.callback_records import PlainSealer, directory, policy
from tests.configuration import edited, parsed, problems_of, queue
from tests.policy_cases import SAC, TABLE
from tests.queue_bench import LIVE, Bench

NOW, TRIED = "br-sac@2026.11.0", "br-sac@2026.12.0"


def stricter() -> Pack:
    """A version without the 90 s of a Monday."""
    rules = [
        changed(rule, periods=tuple(changed(period, exceptions=()) for period in rule.periods)) for rule in SAC.waits
    ]
    return changed(SAC, version="2026.12.0", waits=tuple(rules))


def bank(pack: Pack, *others: str) -> Directory:
    """The queue sac under a policy, with the plain queues named."""
    limits = QueueLimits(max_wait_ms=None, rules=WaitRules(pack, TABLE, Place("bank", "voice")))
    return directory(policy("sac", max_wait_ms=None, limits={"voice": limits}), *(policy(name) for name in others))


class BothBench(Bench):
    """Judges sac by two versions; vendas by its own limit alone."""

    def _new_core(self) -> QueuesCore:
        return QueuesBeside(
            0,
            bank(SAC, "vendas"),
            facts=Facts(PSEUDONYMS, PlainSealer()),
            clock=LIVE,
            beside=bank(stricter()),
            own_versions=frozenset({NOW}),
        )


def findings(bench: Bench) -> dict[str, Any]:
    """Every finding's last word by its id."""
    return {data["finding_id"]: data for data in bench._data_of("sla-breaches").values()}


def of_version(bench: Bench, version: str) -> dict[str, Any]:
    return {key: data for key, data in findings(bench).items() if data["policy_version"] == version}


def test_each_version_opens_by_time_alone_at_its_own_limit() -> None:
    """45 s and 90 s of a Monday; an answer that was in time for one takes back that one's alone."""
    bench = BothBench()
    bench.take(offered(0))
    assert [(each["policy_version"], each["limit_seconds"]) for each in bench.tick(48)] == [(TRIED, 45.0)]
    assert [(each["policy_version"], each["limit_seconds"]) for each in bench.tick(93)] == [(NOW, 90.0)]
    bench.take(answered(80, delay=20))
    assert {key.rpartition(":")[2]: each["state"] for key, each in findings(bench).items()} == {
        TRIED: "confirmed",
        NOW: "retracted",
    }


def test_only_the_queues_own_policy_counts() -> None:
    """Outcomes, figures and records are those of a queue that is judged by one; the plain queue is judged once."""
    both, alone = BothBench(), Bench(bank(SAC, "vendas"))
    for bench in (both, alone):
        for name in ("sac", "vendas"):
            bench.take(offered(0, queue=name), answered(70, queue=name))
        bench.flush()
    assert both.outcomes() == alone.outcomes()
    assert both.intervals() == alone.intervals()
    assert len(of_version(both, "plain-1")) == 1
    assert both.core.stage_figures().applied == alone.core.stage_figures().applied
    assert len(of_version(both, TRIED)) == 1
    assert of_version(both, NOW) == of_version(alone, NOW) == {}


waits = st.lists(
    st.tuples(
        st.sampled_from([offered, answered, abandoned]),
        st.sampled_from([0.0, 44.999, 45.001, 46.0, 89.0, 91.0, 200.0]),
        st.sampled_from(["c1", "c2", "c3"]),
    ),
    max_size=9,
)


@given(waits, st.data())
@effort(max_examples=60)
def test_each_finds_what_it_would_find_alone(told: list[Any], data: st.DataObject) -> None:
    """In any order, with ticks and successors."""
    facts: list[Fact] = [make(seconds, contact=contact) for make, seconds, contact in told]
    both, now, tried = BothBench(), Bench(bank(SAC, "vendas")), Bench(bank(stricter()))
    for fact in facts:
        for bench in (both, now, tried):
            bench.take(fact)
        if data.draw(st.booleans()):
            both.restart()
    for bench in (both, now, tried):
        bench.close(2000)
    standing = {version: {k: v["state"] for k, v in of_version(both, version).items()} for version in (NOW, TRIED)}
    assert without_retracted(standing[NOW]) == without_retracted(states(now))
    assert without_retracted(standing[TRIED]) == without_retracted(states(tried))


def states(bench: Bench) -> dict[str, str]:
    return {key: data["state"] for key, data in findings(bench).items()}


def without_retracted(told: dict[str, str]) -> dict[str, str]:
    return {key: state for key, state in told.items() if state != "retracted"}


def test_a_worker_that_tries_nothing_more_starts_from_the_same_rows() -> None:
    """The rows of the other policy are apart, and no others' concern."""
    both = BothBench()
    both.take(offered(0), answered(70))
    both.flush()
    assert any(key.startswith(ROWS_BESIDE) for key in both.rows)
    plain = Bench(bank(SAC, "vendas"))
    plain.core.restore(both.rows)
    assert plain.core.snapshot() == [
        (key, value) for key, value in both.core.snapshot() if not key.startswith(ROWS_BESIDE)
    ]


def test_the_configuration_names_both() -> None:
    """The queue's own policy, and one beside it that must be another with a limit for the queue."""
    held = queue("sac", sector="bank", policy=NOW, max_wait_seconds=60)
    settings = parsed(("queues[0]", {**held, "policy_beside": "contract@2026.11.0"}))
    beside = settings.directory_beside(partition_of)
    assert beside is not None
    assert list(beside.queues) == [("acme", "sac")]
    assert parsed(("queues[0]", held)).directory_beside(partition_of) is None
    for named, expected in (
        (NOW, "another policy or version than policy"),
        ("br-sac@2020.01.0", "one of aneel@2026.11.0"),
        ("br-cases@2026.11.0", "a policy with a limit for this queue"),
    ):
        problems = problems_of(edited(("queues[0]", {**held, "policy_beside": named})))
        assert expected in problems["queues[0].policy_beside"]
