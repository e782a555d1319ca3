"""The picture of the wallboard: exact at 80 and 160 columns in both languages, and what holds at every width.

After a wanted change, ``python -m tests.unit.test_wallboard_view`` writes the golden pictures again; read their
difference.
"""

from __future__ import annotations

import io
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from streams.domain.service_level import FORMULAS as COUNTED_FORMULAS
from streams.wallboard import formats
from streams.wallboard.board import board_of
from streams.wallboard.figures import Board, State
from streams.wallboard.history import History
from streams.wallboard.pages import Failure, Page
from streams.wallboard.view import render
from streams.wallboard.words import ENGLISH, FORMULAS, PORTUGUESE, WORDS, Language, Title, Words
from tests.wallboard_pages import MONDAY, NINE, OTHER_URL, UNOWNED, Queue, monday, page, worker

GOLDEN = Path(__file__).parents[1] / "golden"
WATCHED_SECONDS = 2880
PICTURES = [(language, width, colour) for language in Language for width in (80, 160) for colour in (False, True)]


def monday_board(watched_seconds: float = WATCHED_SECONDS, extra: Page | None = None) -> Board:
    """Monday at nine, of a wall that has run since 08:12; two breaches of three happened since."""
    history = History()
    before = [replace(queue, breaches=queue.breaches // 3) for queue in MONDAY]
    history.observe([page(worker(before, (*MONDAY, UNOWNED)))], NINE - watched_seconds)
    pages = [page(monday()), *([extra] if extra else [])]
    history.observe(pages, NINE)
    return board_of(pages, history, NINE)


def board(*queues: Queue) -> Board:
    pages = [page(worker(queues))]
    history = History()
    history.observe(pages, NINE)
    return board_of(pages, history, NINE)


def picture(
    shown: Board, words: Words = PORTUGUESE, *, width: int = 80, height: int | None = None, colour: bool = False
) -> str:
    """What a terminal of this width is sent; without colour it is no terminal."""
    file = io.StringIO()
    system = "truecolor" if colour else None
    console = Console(
        file=file, width=width, force_terminal=colour, color_system=system, no_color=False, highlight=False
    )
    console.print(render(shown, words, width=width, height=height))
    return file.getvalue()


def golden(language: Language, width: int, *, colour: bool) -> Path:
    return GOLDEN / f"wallboard-{language}-{width}.{'ansi' if colour else 'txt'}"


@pytest.mark.parametrize(("language", "width", "colour"), PICTURES)
def test_the_picture_of_monday_is_as_agreed(language: Language, width: int, colour: bool) -> None:  # noqa: FBT001
    """To the character, with colours and without."""
    shown = picture(monday_board(), WORDS[language], width=width, colour=colour)
    assert shown == golden(language, width, colour=colour).read_text(encoding="utf-8")


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_no_line_is_wider_than_the_screen(words: Words) -> None:
    """At any width from 60 columns on nothing wraps, and every queue has its one line."""
    shown = monday_board(extra=Page(OTHER_URL, failure=Failure.UNREACHABLE))
    for width in range(60, 200):
        lines = picture(shown, words, width=width).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert sum("Cancel" in line for line in lines) == 1


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_eighty_columns_cut_no_number(words: Words) -> None:
    """The widest numbers there are leave room for most of a name; only names are shortened."""
    worst = Queue("q", "Atendimento ao cliente", 123, 86_399.0, 86_340.0, 12, {"answered_late": 9}, 0, 9)
    full = replace(
        worst, queue="r", name="Atendimento a empresas", met=9, outcomes={"abandoned_late": 9}, is_stale=True
    )
    lines = picture(board(worst, full, Queue("x", "X")), words).splitlines()
    assert any(line.startswith("Atendimento ao ") and "123 23h59/23h59" in line for line in lines)
    assert all(line.rfind("…") < len("Atendimento ao cliente") for line in lines)


def test_the_words_alone_tell_the_states() -> None:
    """Without colour every line says what is the matter, and nothing unknown is 0."""
    lines = picture(monday_board()).splitlines()
    told = {queue: next(line for line in lines if line.startswith(queue)) for queue in ("SAC C", "Sup", "Perda", "Cob")}
    assert "ESTOURO" in told["SAC C"]
    assert "PERTO" in told["Sup"]
    assert "sem dados" in told["Perda"]
    assert "0" not in told["Perda"].replace("80%", "")
    assert "desatualizada" in told["Cob"]
    assert "87% AO" in told["Cob"]


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR in the environment leaves bold and dim, and takes every colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="truecolor")
    console.print(render(monday_board(), PORTUGUESE, width=80))
    assert "\x1b[1m" in file.getvalue()
    assert "38;2" not in file.getvalue()
    assert "48;2" not in file.getvalue()


def test_a_low_screen_shows_the_worst_and_counts_the_rest() -> None:
    """As many lines as there are rows; what is left out is told by state, and only the well are ever just "OK"."""
    shown = monday_board()
    for height in range(8, 30):
        assert len(picture(shown, height=height).splitlines()) <= height
    assert "+ 6 fora da tela: todas OK" in picture(shown, height=11)
    assert "+ 8 off screen: 1 no data, 1 stale, 6 OK" in picture(shown, ENGLISH, height=9)


def test_explanations_give_way_before_a_queue_that_is_not_well() -> None:
    """The legend is there only beside every queue that needs someone."""
    shown = monday_board()
    for height in range(8, 30):
        drawn = picture(shown, height=height)
        assert "Aban =" not in drawn or "desatualizada  " in drawn
    assert "Aban =" in picture(shown, height=24)


def test_the_wall_says_since_when_it_counts_breaches() -> None:
    """Until it has run for an hour; then it is the last hour."""
    assert "desde 08:12" in picture(monday_board())
    assert "desde" not in picture(monday_board(3600))
    assert "Estouros na última hora" in picture(monday_board(3600), width=160)


def test_queues_of_one_name_are_told_apart() -> None:
    """By channel, else by site; what tells them apart is never cut off."""
    voice = Queue("sac", "Atendimento ao cliente pessoa física")
    lines = picture(board(voice, replace(voice, queue="sac-chat", channel="chat"))).splitlines()
    names = [line.split(" OK ")[0].rstrip() for line in lines if line.startswith("Atend")]
    assert sorted(name[-5:] for name in names) == [" chat", "voice"]
    assert re.search("^Atend.*… +sao-paulo", picture(board(voice, replace(voice, site="sao-paulo"))), re.MULTILINE)
    assert re.search("^Atend.*… +sac-2", picture(board(voice, replace(voice, queue="sac-2"))), re.MULTILINE)
    long = picture(board(voice, replace(voice, queue="fila-de-nome-muito-longo-mesmo-2")))
    assert "longo-mesmo-2 " in long


def test_a_name_cannot_steer_the_terminal() -> None:
    """What a configuration says is shown, not obeyed."""
    assert "\x1b" not in picture(board(Queue("x", "Sala \x1b[2J limpa")))


def test_a_worker_that_does_not_answer_is_named() -> None:
    """With the reason, in the language of the wall."""
    shown = picture(monday_board(extra=Page(OTHER_URL, failure=Failure.TOO_SLOW)))
    assert "1 de 2 workers" in shown
    assert f"Sem dados de {OTHER_URL}: demora demais a responder" in shown


def test_a_board_without_queues_says_why() -> None:
    """Nobody answers, or nobody has such queues."""
    dark = board_of([Page(OTHER_URL, failure=Failure.UNREACHABLE)], History(), NINE)
    assert "Nenhum worker responde." in picture(dark)
    assert "No queue in the workers." in picture(board(), ENGLISH)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_language_has_every_text(words: Words) -> None:
    """Nothing empty, every state and failure named differently, every letter of every formula explained."""
    for field in fields(words):
        text = getattr(words, field.name)
        texts = text.values() if isinstance(text, dict) else text if isinstance(text, Title) else (text,)
        assert all(texts), field.name
    assert len(set(words.states.values())) == len(State)
    assert set(words.states) == set(State)
    assert len(set(words.failures.values())) == len(Failure)
    used = {letter for each in FORMULAS.values() for letter in each.definition if letter.isalpha()}
    assert set(words.letters) == used
    shorts = {value.short for field in fields(words) if isinstance(value := getattr(words, field.name), Title)}
    assert set(words.titles) <= shorts


def test_the_languages_differ_where_they_should() -> None:
    """A text copied from one to the other is a text not translated."""
    same = {field.name for field in fields(Words) if getattr(PORTUGUESE, field.name) == getattr(ENGLISH, field.name)}
    assert not same


def test_every_formula_has_a_code_and_a_definition() -> None:
    """Those the service counts, no others, no code twice."""
    assert set(FORMULAS) == set(COUNTED_FORMULAS)
    assert len({each.code for each in FORMULAS.values()}) == len(FORMULAS)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "00:00"),
        (59.99, "00:59"),
        (60, "01:00"),
        (3599.9, "59:59"),
        (3600, "1:00:00"),
        (35_999, "9:59:59"),
        (36_000, "10h00"),
        (432_059, "120h00"),
    ],
)
def test_a_wait_is_written_as_a_clock(seconds: float, shown: str) -> None:
    """Begun seconds do not count; from ten hours on seconds do not matter."""
    assert formats.clock(seconds) == shown


def test_limits_and_ages_are_written_short() -> None:
    """Whole hours as such; ages in the one unit that fits."""
    assert [formats.limit(each) for each in (45, 90, 3600, 5400, 86_400, None)] == [
        "00:45",
        "01:30",
        "1h",
        "1:30:00",
        "24h",
        "–",
    ]
    assert [formats.span(each) for each in (3.9, 119, 120, 7199, 7200)] == ["3 s", "119 s", "2 min", "119 min", "2 h"]


def test_a_share_is_never_rounded_up_to_its_target() -> None:
    """79.9 % is not the 80 % that was promised; 80 % is."""
    assert [formats.share(each) for each in (0.7999, 0.8, 4 / 5, 0.29, 1.0, None)] == [
        "79%",
        "80%",
        "80%",
        "29%",
        "100%",
        "–",
    ]


if __name__ == "__main__":
    for spoken, wide, coloured in PICTURES:
        drawn = picture(monday_board(), WORDS[spoken], width=wide, colour=coloured)
        golden(spoken, wide, colour=coloured).write_text(drawn, encoding="utf-8")
