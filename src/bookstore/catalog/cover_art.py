"""The picture on a generated cover: a few colors that go together and a pattern made of plain shapes."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple


class Palette(NamedTuple):
    """`ink` is readable on `paper`; the shapes use the other three."""

    paper: str
    ink: str
    first: str
    second: str
    third: str


class Area(NamedTuple):
    """Where to draw, in the cover's units."""

    x: int
    y: int
    width: int
    height: int


PALETTES = (
    Palette("#f3ead7", "#1d3b2f", "#1d3b2f", "#c8553d", "#e3b23c"),
    Palette("#14213d", "#f5efe0", "#f0a830", "#3d5a80", "#e8e2d0"),
    Palette("#9c3b2a", "#fff4e4", "#f2c9a1", "#2d1e2f", "#588b8b"),
    Palette("#e6f0ef", "#0b3c49", "#0b3c49", "#f4a259", "#5b8e7d"),
    Palette("#3c1642", "#fdf0d5", "#e07a5f", "#81b29a", "#b2945b"),
    Palette("#e9b44c", "#1c110a", "#9b2915", "#3f8f94", "#fff1d0"),
    Palette("#dfe7ea", "#22313f", "#22313f", "#c65102", "#95a5a6"),
    Palette("#f6dcd3", "#4a1c40", "#4a1c40", "#c94277", "#f2a65a"),
    Palette("#191716", "#f4ecd8", "#e6af2e", "#b23a48", "#4b6584"),
    Palette("#cfd8c3", "#2b2d42", "#2b2d42", "#b23a48", "#7f8ba1"),
    Palette("#8ecae6", "#023047", "#023047", "#ffb703", "#fb8500"),
    Palette("#faf3e3", "#7a1f1f", "#7a1f1f", "#d9a05b", "#33475b"),
    Palette("#20504f", "#f7f1df", "#d8e2b8", "#e98a5b", "#12302f"),
    Palette("#ece4f0", "#35275a", "#35275a", "#7b5ea7", "#e9a03b"),
)


class Dice:
    """Throws that look random and are always the same for the same book."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._throws = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        self._throws += 1
        digest = hashlib.sha256(f"{self._seed}\0{self._throws}".encode()).digest()
        return int.from_bytes(digest[:6], "big") % limit

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)


Pattern = Callable[[Dice, Area, Palette], str]


def arcs(dice: Dice, area: Area, colors: Palette) -> str:
    """Quarter circles in squares, as on tiled floors."""
    side = area.width // dice.between(3, 5)
    shapes = []
    for y in range(area.y, area.y + area.height, side):
        for x in range(area.x, area.x + area.width, side):
            corner_x, corner_y = x + side * dice.below(2), y + side * dice.below(2)
            ground, ring = colors[2 + dice.below(3)], colors[2 + dice.below(3)]
            shapes.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{ground}"/>')
            shapes.append(_quarter(x, y, side, corner_x, corner_y, side, colors.paper))
            shapes.append(_quarter(x, y, side, corner_x, corner_y, side * 3 // 5, ring))
    return "".join(shapes)


def waves(dice: Dice, area: Area, colors: Palette) -> str:
    """Hills or waves, one behind the other, below a sun."""
    radius = dice.between(area.height // 7, area.height // 4)
    sun_x = area.x + dice.between(radius, area.width - radius)
    sun_y = area.y + area.height * 2 // 5
    shapes = [f'<circle cx="{sun_x}" cy="{sun_y}" r="{radius}" fill="{colors.second}"/>']
    for row, color in enumerate((colors.third, colors.first, colors.second, colors.first)):
        top = area.y + area.height * (row + 2) // 6
        line = _wavy_line(dice, area, top, dice.between(12, area.height // 9))
        shapes.append(
            f'<path fill="{color}" fill-opacity="0.92" d="{line}V{area.y + area.height}H{area.x}Z"/>'
        )
    return "".join(shapes)


def _wavy_line(dice: Dice, area: Area, top: int, swing: int) -> str:
    left, third, right = area.x, area.width // 3, area.x + area.width
    middle, end = top + dice.between(-swing, swing), top + dice.between(-swing, swing)
    return (
        f"M{left} {top + swing}C{left + third} {top - swing * 2} {left + third} {middle + swing * 2} "
        f"{left + area.width // 2} {middle}S{left + third * 2} {end - swing * 2} {right} {end}"
    )


def rings(dice: Dice, area: Area, colors: Palette) -> str:
    """Circles within circles, from a corner, an edge or the middle."""
    center_x = area.x + area.width * dice.below(3) // 2
    center_y = area.y + area.height * dice.between(1, 2) // 2
    step = dice.between(18, 34)
    reach = area.width + area.height
    return "".join(
        f'<circle cx="{center_x}" cy="{center_y}" r="{radius}" fill="{colors[(2, 0, 3, 0, 4, 0)[i % 6]]}"/>'
        for i, radius in enumerate(range(reach - reach % step, 0, -step))
    )


def stripes(dice: Dice, area: Area, colors: Palette) -> str:
    """Upright bars like the backs of books on a shelf."""
    shapes, x = [], area.x
    while x < area.x + area.width:
        width = dice.between(14, 46)
        height = dice.between(area.height // 2, area.height)
        top = area.y + area.height - height
        color = colors[2 + dice.below(3)]
        shapes.append(f'<rect x="{x}" y="{top}" width="{width}" height="{height}" fill="{color}"/>')
        bands = f"M{x + 4} {top + 22}h{width - 8}M{x + 4} {top + 30}h{width - 8}"
        shapes.append(f'<path stroke="{colors.paper}" stroke-width="3" d="{bands}"/>')
        x += width + 4
    return "".join(shapes)


def dots(dice: Dice, area: Area, colors: Palette) -> str:
    """A grid of circles of changing size."""
    step = area.width // dice.between(6, 9)
    shapes = []
    for y in range(area.y + step // 2, area.y + area.height + step, step):
        for x in range(area.x + step // 2, area.x + area.width + step, step):
            radius = step * dice.between(12, 46) // 100
            shapes.append(f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colors[2 + dice.below(3)]}"/>')
    return "".join(shapes)


def triangles(dice: Dice, area: Area, colors: Palette) -> str:
    """Squares cut in two, like a quilt."""
    side = area.width // dice.between(4, 6)
    shapes = []
    for y in range(area.y, area.y + area.height, side):
        for x in range(area.x, area.x + area.width, side):
            color = colors[(0, 2, 3, 4)[dice.below(4)]]
            other = colors[(2, 3, 4)[dice.below(3)]]
            corners = ((x, y), (x + side, y), (x + side, y + side), (x, y + side))
            turn = dice.below(4)
            half = [corners[(turn + i) % 4] for i in range(3)]
            points = " ".join(f"{px},{py}" for px, py in half)
            shapes.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{color}"/>')
            shapes.append(f'<path fill="{other}" d="M{points.replace(" ", "L")}Z"/>')
    return "".join(shapes)


def blocks(dice: Dice, area: Area, colors: Palette) -> str:
    """Rectangles of color divided by lines, as painters of the 1920s did."""
    shapes, y = [], area.y
    while y < area.y + area.height:
        height, x = dice.between(50, 120), area.x
        while x < area.x + area.width:
            width = dice.between(50, 180)
            color = colors[(0, 2, 3, 4)[dice.below(4)]]
            shapes.append(
                f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{color}" '
                f'stroke="{colors.ink}" stroke-width="6"/>'
            )
            x += width
        y += height
    return "".join(shapes)


def sky(dice: Dice, area: Area, colors: Palette) -> str:
    """Constellations over a crescent moon."""
    x, y = area.x + area.width * dice.between(2, 8) // 10, area.y + area.height * dice.between(3, 7) // 10
    radius = dice.between(area.height // 6, area.height // 4)
    shadow = (x + radius // 2, y - radius // 3, radius * 9 // 10)
    return (
        f'<rect x="{area.x}" y="{area.y}" width="{area.width}" height="{area.height}" fill="{colors.first}"/>'
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colors.second}"/>'
        f'<circle cx="{shadow[0]}" cy="{shadow[1]}" r="{shadow[2]}" fill="{colors.first}"/>'
        f"{_stars(dice, area, colors.third)}"
    )


def _stars(dice: Dice, area: Area, color: str) -> str:
    """Stars in groups of four; each group is joined by lines."""
    width, height = area.width - 40, area.height - 40
    stars = sorted((area.x + 20 + dice.below(width), area.y + 20 + dice.below(height)) for _ in range(16))
    shine = "".join(f'<circle cx="{x}" cy="{y}" r="{dice.between(3, 7)}" fill="{color}"/>' for x, y in stars)
    groups = (sorted(stars[first : first + 4], key=lambda star: star[1]) for first in range(0, 16, 4))
    lines = "".join("M" + "L".join(f"{x} {y}" for x, y in group) for group in groups)
    return f'<path stroke="{color}" stroke-width="2" fill="none" d="{lines}"/>{shine}'


PATTERNS: tuple[Pattern, ...] = (arcs, waves, rings, stripes, dots, triangles, blocks, sky)


def _quarter(x: int, y: int, side: int, corner_x: int, corner_y: int, radius: int, color: str) -> str:
    """A quarter of a disc around one corner of a square."""
    across = radius if corner_x == x else -radius
    down = radius if corner_y == y else -radius
    clockwise = int((across > 0) == (down > 0))
    return (
        f'<path fill="{color}" d="M{corner_x} {corner_y}h{across}A{radius} {radius} 0 0 {clockwise} '
        f'{corner_x} {corner_y + down}Z"/>'
    )
