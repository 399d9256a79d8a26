"""The nginx of the benchmark has the templates of production: only places and ports are others."""

from pathlib import Path

import pytest
from bench.edge import PLACES, START, TEMPLATES, relocated

PORTS = {"8080": "20001", "8081": "20002", "8443": "20003"}
FOLDER = Path("/scratch")


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("    listen 8080 default_server backlog=4096;", "    listen 20001 default_server backlog=4096;"),
        ("listen 8443 ssl http2;", "listen 20003 ssl http2;"),
        ("listen 127.0.0.1:8081;", "listen 127.0.0.1:20002;"),
        ("include /tmp/shop.conf;", "include /scratch/tmp/shop.conf;"),
        ("root /usr/share/bookstore;", "root /scratch/usr/share/bookstore;"),
        ("include /etc/nginx/mime.types;", "include /etc/nginx/mime.types;"),
        ('"~^/media/(?<photo>x)$"', '"~^/media/(?<photo>x)$"'),
        ("location /.well-known/acme-challenge/ {", "location /.well-known/acme-challenge/ {"),
        ("root /acme;", "root /scratch/acme;"),
    ],
)
def test_places_and_ports_of_the_image_become_those_of_a_folder(line: str, moved: str) -> None:
    assert relocated(line, FOLDER, PORTS) == moved


def test_nothing_else_of_the_templates_is_changed() -> None:
    for template in [*TEMPLATES.iterdir(), START]:
        moved = relocated(template.read_text(), FOLDER, PORTS)
        back = moved.replace(str(FOLDER), "")
        for port, free in PORTS.items():
            back = back.replace(free, port)
        assert back == template.read_text()


def test_no_place_of_the_image_is_left() -> None:
    for template in TEMPLATES.iterdir():
        for line in relocated(template.read_text(), FOLDER, PORTS).splitlines():
            for place in PLACES:
                assert f" {place}/" not in line, line
