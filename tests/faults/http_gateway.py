"""The sandbox gateway behind HTTP, as a real one is, so that the wire to it can be cut."""

import threading
from contextlib import ExitStack
from typing import Any

import httpx
from flask import Flask, request
from werkzeug.serving import make_server

from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.orders.ports import Authorization, GatewayError, PaymentDeclined
from bookstore.shared.money import Money
from bookstore.shared.neighbor import Neighbor, NeighborUnavailable


def serve_gateway(gateway: SandboxGateway, ends: ExitStack) -> int:
    """Answer for the gateway on a port of its own."""
    app = Flask("gateway")

    @app.post("/<step>")
    def act(step: str) -> Any:
        body = dict(request.get_json())
        if "amount" in body:
            body["amount"] = Money(*body["amount"])
        try:
            answer = getattr(gateway, step)(**body)
        except PaymentDeclined:
            return {"declined": True}, 402
        except GatewayError:
            return {}, 503
        return {"id": answer.authorization_id, "pending": answer.pending} if answer else {}

    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ends.callback(thread.join, timeout=10)
    ends.callback(server.server_close)
    ends.callback(server.shutdown)
    return server.server_port


class HttpGateway:
    """The PaymentGateway port over HTTP. The key of each step makes every call repeatable."""

    def __init__(self, neighbor: Neighbor) -> None:
        self._neighbor = neighbor

    def authorize(self, key: str, reference: str, amount: Money, method: str, token: str) -> Authorization:
        body = {"key": key, "reference": reference, "method": method, "token": token}
        answer = self._ask("authorize", {**body, "amount": [amount.minor, amount.currency]})
        if answer.status_code == 402:
            raise PaymentDeclined(reference=reference)
        return Authorization(answer.json()["id"], answer.json()["pending"])

    def capture(self, key: str, authorization_id: str) -> None:
        self._ask("capture", {"key": key, "authorization_id": authorization_id})

    def void(self, key: str, authorization_id: str) -> None:
        self._ask("void", {"key": key, "authorization_id": authorization_id})

    def refund(self, key: str, authorization_id: str, amount: Money) -> None:
        money = [amount.minor, amount.currency]
        self._ask("refund", {"key": key, "authorization_id": authorization_id, "amount": money})

    def _ask(self, step: str, body: dict[str, Any]) -> httpx.Response:
        try:
            return self._neighbor.call("POST", f"/{step}", repeatable=True, json=body)
        except NeighborUnavailable as error:
            raise GatewayError from error
