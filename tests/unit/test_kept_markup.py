"""What is rendered is kept for as long as it is true, and no more of it than was said."""

from markupsafe import Markup

from bookstore.catalog.kept_markup import KeptMarkup


class Renderer:
    """Counts what it renders."""

    def __init__(self, most: int) -> None:
        self.kept = KeptMarkup(most)
        self.rendered: list[str] = []

    def show(self, key: str, copies: int) -> Markup:
        def render() -> Markup:
            self.rendered.append(f"{key} {copies}")
            return Markup(f"<b>{copies}</b>")  # a number

        return self.kept.of(key, copies, render)


def test_the_same_is_rendered_once() -> None:
    books = Renderer(most=2)
    assert [books.show("Rayuela", 3) for _ in range(3)] == [Markup("<b>3</b>")] * 3
    assert books.rendered == ["Rayuela 3"]


def test_what_changed_is_rendered_anew_and_takes_the_place_of_the_former() -> None:
    books = Renderer(most=2)
    books.show("Ficciones", 1)
    for copies in (5, 4, 3, 2, 1):
        assert books.show("Rayuela", copies) == Markup(f"<b>{copies}</b>")
    books.show("Ficciones", 1)
    assert books.rendered.count("Ficciones 1") == 1


def test_no_more_is_kept_than_was_said() -> None:
    books = Renderer(most=2)
    for title in ("Rayuela", "Ficciones", "El Aleph", "Rayuela", "El Aleph"):
        books.show(title, 1)
    assert books.rendered == ["Rayuela 1", "Ficciones 1", "El Aleph 1", "Rayuela 1"]
