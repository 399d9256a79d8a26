"""A purchase from the first page to the payment, through the load balancer of the lab."""

import io
import ssl
import uuid

import httpx
from PIL import Image

from tests.cluster.live_shop import ApiClient
from tests.purchase import buy_one_of_two
from tests.swarm.running_lab import RunningLab


def buy_through(lab: RunningLab) -> None:
    """Ana offers a book with a photo, Bruno reads about it, orders it and pays, each step twice where one may."""
    trusted = ssl.create_default_context(cafile=lab.authority)
    ana = ApiClient(lab, f"ana-{uuid.uuid4().hex}", verify=trusted)
    bruno = ApiClient(lab, f"bruno-{uuid.uuid4().hex}", verify=trusted)
    listing = ana.offer("Pedro Páramo", "12.50", 2)
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "green").save(picture, "JPEG")
    jpeg = {"Content-Type": "image/jpeg"}
    put = ana.http.put(f"/catalog/listings/{listing}/photo", content=picture.getvalue(), headers=jpeg)
    with httpx.Client(base_url=lab.url, verify=trusted, timeout=30) as visitor:
        # Whichever node answers, the photo is there.
        photos = [visitor.get(httpx.URL(put.json()["photo_url"]).path) for _ in range(10)]
        pages = [visitor.get(path).status_code for path in ("/", "/books", "/accounts/login", "/orders/cart")]
    assert {photo.status_code for photo in photos} == {200}
    assert pages == [200] * 4

    buy_one_of_two(ana, bruno, listing)
