"""What the callbacks stage is told when the facts of a visit change their mind: whom, what, and what is taken back."""

from __future__ import annotations

import pytest

from streams.domain.directory import Directory
from streams.domain.signals import Abandoned, Linked, Owed, Requested, Served
from tests.builders import (
    ANA,
    BIA,
    Fact,
    abandoned,
    answered,
    callback_requested,
    customer,
    ended,
    offered,
    token,
    wrapped_up,
)
from tests.callback_records import directory, policy
from tests.queue_bench import Bench

Standing = set[tuple[type, str]]


def standing(*batches: Fact | list[Fact], places: Directory | None = None) -> Standing:
    """Kind and customer of every signal that stands in the end; each fact or list is a batch."""
    bench = Bench(places)
    for batch in batches:
        bench.take(*(batch if isinstance(batch, list) else [batch]))
    return {(type(signal), signal.token) for signal in bench.standing_signals().values()}


def of_ana(seconds: float = 0, **changes: object) -> Fact:
    return offered(seconds, customer=customer(ANA), **changes)


CASES = [
    # what is told, who is to be called or was served
    ([of_ana(), answered(30)], {(Served, token(ANA))}),
    ([of_ana(), abandoned(5)], set()),  # short
    ([of_ana(), abandoned(5.001)], {(Abandoned, token(ANA))}),
    ([of_ana(), callback_requested(1)], {(Requested, token(ANA))}),
    ([of_ana(), callback_requested(1, customer=customer(BIA))], {(Requested, token(BIA)), (Linked, token(ANA))}),
    (  # names no number, and one more way to know the customer by
        [of_ana(), callback_requested(1, customer=customer(None, "C-1"))],
        {(Requested, token(ANA)), (Linked, token(None, "C-1"))},
    ),
    ([of_ana(), answered(9), ended(20, completed=False, ended_by="agent")], {(Served, token(ANA)), (Owed, token(ANA))}),
    (
        [of_ana(), answered(9), ended(20, completed=False)],
        {(Served, token(ANA)), (Owed, token(ANA))},
    ),  # who knows by whom
    ([of_ana(), answered(9), ended(20, completed=False, ended_by="customer")], {(Served, token(ANA))}),
    ([of_ana(), answered(9), ended(20, ended_by="agent")], {(Served, token(ANA))}),
    ([of_ana(), abandoned(9), ended(20, completed=False)], {(Abandoned, token(ANA))}),
    ([offered(0), abandoned(30)], set()),  # nobody to call
    ([offered(0), answered(30)], set()),
    ([offered(0, customer=customer("ana@example.com")), abandoned(30)], set()),  # nowhere to dial
    ([of_ana(callback_job_id="plan.1"), abandoned(30)], set()),  # an attempt's own failure
    ([of_ana(callback_job_id=""), abandoned(30)], {(Abandoned, token(ANA))}),
    ([of_ana(callback_job_id="plan.1"), answered(30)], {(Served, token(ANA))}),
    ([of_ana()], set()),  # still waits
]


@pytest.mark.parametrize(("facts", "expected"), CASES)
def test_a_visit_tells_what_its_facts_call_for(facts: list[Fact], expected: Standing) -> None:
    """At once or fact by fact, in this order or the other."""
    assert standing(facts) == standing(*facts) == standing(*reversed(facts)) == expected


CHANGES_OF_MIND = [
    # first, then an earlier fact that stands instead, who is signalled in the end
    ([of_ana(), answered(30)], abandoned(20), {(Abandoned, token(ANA))}),
    ([of_ana(), abandoned(30)], answered(20), {(Served, token(ANA))}),
    ([of_ana(), abandoned(30)], callback_requested(20), {(Requested, token(ANA))}),
    ([of_ana(), abandoned(30)], abandoned(3), set()),
    ([of_ana(2), answered(30)], offered(1, customer=customer(BIA)), {(Served, token(BIA))}),
    ([of_ana(2), abandoned(30)], offered(1, customer=customer(BIA)), {(Abandoned, token(BIA))}),
    ([of_ana(2), abandoned(30)], offered(1), set()),
    ([of_ana(), callback_requested(30, customer=customer(BIA))], answered(20), {(Served, token(ANA))}),
    ([of_ana(), answered(30), ended(60, completed=False)], ended(50), {(Served, token(ANA))}),
    ([of_ana(), answered(20)], callback_requested(30, customer=customer(BIA)), {(Served, token(ANA))}),
]


@pytest.mark.parametrize(("first", "earlier", "expected"), CHANGES_OF_MIND)
@pytest.mark.parametrize("restarts", [True, False])
def test_what_no_longer_holds_is_taken_back(
    first: list[Fact], earlier: Fact, expected: Standing, *, restarts: bool
) -> None:
    """From whom it was told of, also by a successor who knows the rows alone."""
    bench = Bench()
    bench.take(*first)
    if restarts:
        bench.restart()
    bench.take(earlier)
    told = {(type(signal), signal.token) for signal in bench.standing_signals().values()}
    assert told == expected == standing([*first, earlier])


def test_everybody_the_customer_is_known_as_was_served() -> None:
    """Number and id each have an owner; the identifier that stays is not taken back in between."""
    both = customer(ANA, "C-1")
    assert len(standing([offered(0, customer=both), answered(9)])) == 2
    bench = Bench()
    bench.take(offered(5, customer=both), answered(9))
    bench.take(of_ana(0))
    withdrawn = [told for told in bench.heard if told.endswith("/withdrawn")]
    assert len(withdrawn) == 1
    assert token(ANA) not in withdrawn[0]


def test_a_signal_holds_all_that_a_call_needs() -> None:
    """The sealed number, its state and hour, at most two digits, and where to queue the call."""
    bench = Bench()
    bench.take(of_ana(), abandoned(30))
    [signal] = bench.signals.values()
    assert signal == Abandoned(
        tenant="acme",
        token=token(ANA),
        visit="acme/sac/1/c1",
        revision=8,
        stands=True,
        at_ms=abandoned(30).time_ms,
        queue="sac",
        callback_queue="retornos",
        tokens=(token(ANA),),
        sealed_address=f"sealed:{ANA}",
        uf="CE",
        zone="America/Fortaleza",
        last_digits="53",
    )


def test_what_is_known_is_not_said_again() -> None:
    """A wrap-up, a repeat or a later exit is no news to whoever calls back."""
    bench = Bench()
    bench.take(of_ana(), abandoned(30))
    told = dict(bench.told)
    bench.take(abandoned(30), answered(40))
    assert bench.told == told


def test_a_queue_without_callbacks_still_serves() -> None:
    """Its answers end plans, its abandons open none; where the tenant calls nobody back nothing is said."""
    mixed = directory(policy("sac", callback_queue=None), policy("vendas"))
    none = directory(policy("sac", callback_queue=None))
    assert standing([of_ana(), answered(9)], places=mixed) == {(Served, token(ANA))}
    assert standing([of_ana(), abandoned(30)], places=mixed) == set()
    assert standing([of_ana(), answered(9)], places=none) == set()


def test_a_queue_that_calls_back_no_more_opens_nothing() -> None:
    """Whoever was offered before the configuration changed is not called after."""
    bench = Bench()
    bench.take(of_ana())
    bench.flush()
    successor = Bench(directory(policy("sac", callback_queue=None), policy("vendas")))
    successor.core.restore(bench.rows)
    successor.take(abandoned(30))
    assert successor.signals == {}


def test_who_cannot_be_called_is_counted_once_by_why() -> None:
    """Each visit once, live ones only; a queue that calls nobody back refuses nobody."""
    bench = Bench()
    nowhere = customer("3333-4444")
    bench.take(offered(0, customer=nowhere), abandoned(30))
    bench.take(callback_requested(20))
    bench.take(offered(0, contact="c2"), abandoned(30, contact="c2"))
    bench.take(of_ana(contact="c3"), abandoned(30, contact="c3"))
    bench.take(offered(0, contact="c4", delay=3600), abandoned(30, contact="c4", delay=3600))
    wanted = {"no_address": 1, "not_a_phone": 0, "no_area_code": 1, "impossible_number": 0}
    assert bench.figures().counters.refusals == wanted
    bench.flush()
    told = {visit: data.get("callback_refused") for visit, data in bench.outcomes().items()}
    assert list(told.values()) == ["no_area_code", "no_address", None, "no_address"]
    assert Bench(directory(policy("sac", callback_queue=None))).figures().counters.refusals == {}


def test_a_successor_does_not_count_a_refusal_again() -> None:
    """It knows from the rows what was refused."""
    bench = Bench()
    bench.take(offered(0), abandoned(30))
    bench.restart()
    bench.take(wrapped_up(40), abandoned(20))
    assert sum(bench.figures().counters.refusals.values()) == 0
    bench.flush()
    assert [data["callback_refused"] for data in bench.outcomes().values()] == ["no_address"]
