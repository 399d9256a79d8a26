"""A cover for every book: generated from its title and authors, always the same for the same book.

The SVG holds shapes and text alone: no script, no style, nothing that is loaded.
"""

import hashlib
from xml.sax.saxutils import escape

from bookstore.catalog.cover_art import PALETTES, PATTERNS, Area, Dice, Palette
from bookstore.catalog.cover_text import LEADING, Block, fit, printable

WIDTH, HEIGHT = 400, 600
MARGIN = 34
SERIF = "Georgia, 'Times New Roman', 'Noto Serif', 'Noto Serif CJK SC', serif"
SANS = "'Helvetica Neue', Arial, 'Noto Sans', 'Noto Sans CJK SC', sans-serif"
SUBTITLE_MARKS = (": ", " – ", " — ", "; o, ", "; or, ", " (")


def cover_svg(book_id: int, title: str, authors: str) -> str:
    """The cover of a book as an SVG document."""
    title, authors = printable(title) or "?", printable(authors)
    dice = Dice(f"{book_id}:{title}")
    colors = PALETTES[dice.below(len(PALETTES))]
    draw = (_picture_above, _picture_below, _framed)[dice.below(3)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colors.paper}"/>'
        f"{draw(dice, colors, title, authors)}{_binding(colors)}</svg>"
    )


def etag_of(svg: str) -> str:
    return hashlib.sha256(svg.encode()).hexdigest()[:32]


def _picture_above(dice: Dice, colors: Palette, title: str, authors: str) -> str:
    """Picture on top, title below it from the left, authors at the foot."""
    area = Area(0, 0, WIDTH, dice.between(240, 290))
    rule = f'<rect x="{MARGIN}" y="{area.height + 30}" width="52" height="5" fill="{colors.second}"/>'
    top = area.height + 52
    writing = _title(title, Area(MARGIN, top, WIDTH - 2 * MARGIN, 530 - top), colors, "start")
    return _picture(dice, area, colors) + rule + writing + _authors(authors, 560, colors, "start")


def _picture_below(dice: Dice, colors: Palette, title: str, authors: str) -> str:
    """Authors and title on top, picture at the foot."""
    area = Area(0, dice.between(318, 350), WIDTH, 290)
    head = _authors(authors, 58, colors, "start")
    writing = _title(title, Area(MARGIN, 78, WIDTH - 2 * MARGIN, area.y - 104), colors, "start")
    return _picture(dice, area, colors) + head + writing


def _framed(dice: Dice, colors: Palette, title: str, authors: str) -> str:
    """A picture all over, and on it a label like those of old notebooks."""
    label = Area(48, 150, WIDTH - 96, 270)
    picture = _picture(dice, Area(0, 0, WIDTH, HEIGHT), colors)
    x, y, width, height = label
    panel = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colors.paper}"/>'
        f'<rect x="{x + 9}" y="{y + 9}" width="{width - 18}" height="{height - 18}" '
        f'fill="none" stroke="{colors.ink}" stroke-width="2"/>'
    )
    writing = _title(title, Area(x + 26, y + 26, width - 52, height - 92), colors, "middle")
    return picture + panel + writing + _authors(authors, y + height - 30, colors, "middle", width - 52)


def _picture(dice: Dice, area: Area, colors: Palette) -> str:
    """A pattern, cut off at the edges of its area."""
    pattern = PATTERNS[dice.below(len(PATTERNS))]
    x, y, width, height = area
    return (
        f'<clipPath id="picture"><rect x="{x}" y="{y}" width="{width}" height="{height}"/></clipPath>'
        f'<g clip-path="url(#picture)">{pattern(dice, area, colors)}</g>'
    )


def _title(title: str, area: Area, colors: Palette, anchor: str) -> str:
    """Title and, in smaller type, what follows its colon; in the middle of the area when centered."""
    main, rest = _split(title)
    block = fit(main, area.width, area.height * (7 if rest else 10) // 10, smallest=18)
    subtitle = _subtitle(rest, block, area)
    used = block.height + (subtitle.height + 12 if subtitle else 0)
    top = area.y + ((area.height - used) // 2 if anchor == "middle" else 0)
    drawn = _lines(block, area, top, f'fill="{colors.ink}" font-family="{SERIF}" font-weight="bold"', anchor)
    if subtitle is None:
        return drawn
    look = f'fill="{colors.ink}" font-family="{SERIF}" font-style="italic"'
    return drawn + _lines(subtitle, area, top + block.height + 12, look, anchor)


def _split(title: str) -> tuple[str, str]:
    for mark in SUBTITLE_MARKS:
        main, found, rest = title.partition(mark)
        if found and len(main) >= 2 and rest:
            return main, f"({rest}" if mark == " (" else rest
    return title, ""


def _subtitle(text: str, above: Block, area: Area) -> Block | None:
    """Never larger than half of the title, and only in the room that the title leaves."""
    room = area.height - above.height - 12
    if not text or room < 20:
        return None
    return fit(
        text, area.width, room, largest=max(18, min(27, above.size // 2 + 4)), smallest=18, most_lines=4
    )


def _authors(
    authors: str, baseline: int, colors: Palette, anchor: str, width: int = WIDTH - 2 * MARGIN
) -> str:
    """The authors in small capitals, on one line or two; the last one stands on the baseline."""
    if not authors:
        return ""
    block = fit(authors.upper(), width, 40, largest=14, most_lines=2)
    area = Area(MARGIN, 0, WIDTH - 2 * MARGIN, 0)
    top = baseline - block.height + 4
    look = f'fill="{colors.ink}" font-family="{SANS}" letter-spacing="0.6"'
    return _lines(block, area, top, look, anchor)


def _lines(block: Block, area: Area, top: int, look: str, anchor: str) -> str:
    x = area.x + area.width // 2 if anchor == "middle" else area.x
    lines = "".join(
        f'<tspan x="{x}" y="{round(top + block.size * (0.86 + LEADING * row))}">{escape(line)}</tspan>'
        for row, line in enumerate(block.lines)
    )
    return f'<text font-size="{block.size}" text-anchor="{anchor}" {look}>{lines}</text>'


def _binding(colors: Palette) -> str:
    """The fold beside the spine, which makes a book of a rectangle."""
    return (
        f'<rect width="14" height="{HEIGHT}" fill="#000000" fill-opacity="0.14"/>'
        f'<rect x="14" width="3" height="{HEIGHT}" fill="#ffffff" fill-opacity="0.18"/>'
    )
