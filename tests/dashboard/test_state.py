from core.types import Cleaning, Radiograph
from dashboard.state import Session


def films(phantom: Radiograph, count: int) -> list[Radiograph]:
    return [
        Radiograph(phantom.pixels, f"{place}.png", 0, phantom.white - place, phantom.origin) for place in range(count)
    ]


def test_after_a_removed_film_the_next_one_is_open_and_after_the_last_the_one_before(phantom: Radiograph) -> None:
    first, second, third = films(phantom, 3)
    session = Session()
    for film in (first, second, third):
        session.add(film)
    session.film_key = second.key

    session.remove(second.key)
    assert session.film_key == third.key
    session.remove(third.key)
    assert session.film_key == first.key
    session.remove(first.key)
    assert session.film_key is None


def test_removing_another_film_leaves_the_chosen_one(phantom: Radiograph) -> None:
    first, second = films(phantom, 2)
    session = Session()
    session.add(first)
    session.add(second)
    session.film_key = first.key

    session.remove(second.key)

    assert session.film_key == first.key


def test_cleaning_belongs_to_one_film_and_leaves_with_it(phantom: Radiograph) -> None:
    first, second = films(phantom, 2)
    session = Session()
    session.add(first)
    session.clean(first.key, invert=True)
    session.clean(first.key, turn=2)

    assert session.cleaning(first.key) == Cleaning(invert=True, turn=2)
    assert session.cleaning(second.key) == Cleaning()
    session.film_key = first.key
    session.remove(first.key)
    assert session.cleaning(first.key) == Cleaning()


def test_clearing_keeps_the_question(phantom: Radiograph) -> None:
    session = Session(finding="covid", method="saliency")
    session.add(phantom)
    session.film_key = phantom.key

    session.clear()

    assert (len(session.radiographs), session.film_key or "nothing") == (0, "nothing")
    assert (session.finding, session.method) == ("covid", "saliency")


def test_a_removal_can_be_undone_in_its_place_with_its_cleaning(phantom: Radiograph) -> None:
    first, second, third = films(phantom, 3)
    session = Session()
    session.add(first)
    session.add(second)
    session.clean(first.key, turn=2)
    session.film_key = first.key

    session.remove(first.key)
    session.add(third)
    session.undo_removal()

    assert list(session.radiographs) == [first.key, second.key, third.key]
    assert (session.film_key, session.cleaning(first.key), session.removed) == (first.key, Cleaning(turn=2), None)


def test_clear_can_be_undone_until_the_films_have_left_the_memory(phantom: Radiograph) -> None:
    session = Session()
    for film in films(phantom, 2):
        session.add(film)
    before = session.bytes

    session.clear()
    assert session.removed is not None
    assert (session.removed.words, session.bytes) == ("2 films", before)
    session.undo_removal()
    assert len(session.radiographs) == 2

    session.clear()
    session._forget(session.removed)  # what the timer does
    session.undo_removal()
    assert (session.bytes, session.radiographs) == (0, {})
    assert "no longer in memory" in session.problems[0]
