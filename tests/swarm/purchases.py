"""A purchase from the first page to the payment, at the address by which people reach a shop."""

import io
import ssl
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from PIL import Image

from tests.cluster.live_shop import ApiClient
from tests.purchase import buy_one_of_two


class Shop(Protocol):
    """A shop of one machine or many, with a certificate of its own."""

    @property
    def url(self) -> str: ...

    @property
    def authority(self) -> Path: ...


@dataclass(frozen=True)
class Bought:
    """What there is after a purchase: who bought, the order, and the photo of the book by its path."""

    buyer: ApiClient
    reference: str
    photo: str


def buy_through(shop: Shop) -> Bought:
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
        photo = httpx.URL(put.json()["photo_url"]).path
        photos = [visitor.get(photo) for _ in range(10)]
        pages = [visitor.get(path).status_code for path in ("/", "/books", "/accounts/login", "/orders/cart")]
    assert {photo.status_code for photo in photos} == {200}
    assert pages == [200] * 4

    return Bought(bruno, buy_one_of_two(ana, bruno, listing), photo)
