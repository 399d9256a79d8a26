"""A purchase from the first page to the payment, through a load balancer."""

import io
import ssl
import uuid
from pathlib import Path
from typing import Protocol

import httpx
from PIL import Image

from tests.cluster.live_shop import ApiClient
from tests.purchase import buy_one_of_two


class Balanced(Protocol):
    """A shop behind a load balancer, with a certificate of its own."""

    @property
    def url(self) -> str: ...

    @property
    def authority(self) -> Path: ...


def buy_through(shop: Balanced) -> None:
    """Ana offers a book with a photo, Bruno reads about it, orders it and pays, each step twice where one may."""
    trusted = ssl.create_default_context(cafile=shop.authority)
    ana = ApiClient(shop, f"ana-{uuid.uuid4().hex}", verify=trusted)
    bruno = ApiClient(shop, f"bruno-{uuid.uuid4().hex}", verify=trusted)
    listing = ana.offer("Pedro Páramo", "12.50", 2)
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "green").save(picture, "JPEG")
    jpeg = {"Content-Type": "image/jpeg"}
    put = ana.http.put(f"/catalog/listings/{listing}/photo", content=picture.getvalue(), headers=jpeg)
    with httpx.Client(base_url=shop.url, verify=trusted, timeout=30) as visitor:
        # Whichever node answers, the photo is there.
        photos = [visitor.get(httpx.URL(put.json()["photo_url"]).path) for _ in range(10)]
        pages = [visitor.get(path).status_code for path in ("/", "/books", "/accounts/login", "/orders/cart")]
    assert {photo.status_code for photo in photos} == {200}
    assert pages == [200] * 4

    buy_one_of_two(ana, bruno, listing)
