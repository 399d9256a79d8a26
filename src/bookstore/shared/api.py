"""Each service's REST API: parsing, checking and OpenAPI 3.1 from the same schemas.

Errors do not pass through here: `shared.web` turns them into problem+json.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import marshmallow as ma
from flask import Blueprint as FlaskBlueprint
from flask import Flask, Request, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_smorest import Api, Blueprint
from flask_smorest.error_handler import ErrorSchema
from webargs.flaskparser import FlaskParser

from bookstore.shared import api_docs
from bookstore.shared.access import Audience, audience
from bookstore.shared.errors import ShopError
from bookstore.shared.money import Money
from bookstore.shared.pagination import MAX_LIMIT

API_VERSION = "1.0"
PROBLEM = "application/problem+json"


class FieldErrorSchema(ma.Schema):
    """One field of the request that was not accepted."""

    field = ma.fields.String(required=True)
    message = ma.fields.String(required=True)


class ProblemSchema(ErrorSchema):  # type: ignore[misc]  # flask-smorest has no types
    """An error as RFC 9457 problem details; `code` is stable, texts follow Accept-Language."""

    class Meta:
        unknown = ma.INCLUDE

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    code = ma.fields.String(required=True)
    instance = ma.fields.String(required=True)
    request_id = ma.fields.String(required=True)
    message = ma.fields.String(load_only=True)
    errors = ma.fields.List(ma.fields.Nested(FieldErrorSchema))


class MoneySchema(ma.Schema):
    """An exact decimal amount and its ISO 4217 currency."""

    amount = ma.fields.String(required=True, metadata={"example": "12.50"})
    currency = ma.fields.String(required=True, metadata={"example": "USD"})

    @ma.pre_dump
    def from_money(self, value: Money | Mapping[str, str], **kwargs: Any) -> Mapping[str, str]:
        return value.wire() if isinstance(value, Money) else value


class PageArguments(ma.Schema):
    """How a list is paged."""

    class Meta:
        unknown = ma.EXCLUDE

    cursor = ma.fields.String(load_default=None, validate=ma.validate.Length(max=400))
    limit = ma.fields.Integer(load_default=24, validate=ma.validate.Range(1, MAX_LIMIT))


class StrictSchema(ma.Schema):
    """A request body: a field that we do not know is an error, not a silent loss."""

    class Meta:
        unknown = ma.RAISE


class BodyParser(FlaskParser):
    """Takes JSON that no reader can hold (nested too deep, a number of too many digits) for invalid JSON."""

    def _raw_load_json(self, req: Request) -> Any:
        try:
            return super()._raw_load_json(req)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError) as error:
            self._handle_invalid_json_error(error, req)  # type: ignore[arg-type]  # any error will do


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """Routes of an API whose arguments are parsed and documented by schemas."""

    ARGUMENTS_PARSER = BodyParser()


class ServiceApi(Api):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest without its own error pages."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """The shop has one place for errors."""

    def _register_responses(self) -> None:
        """The default responses are errors, and errors are problem+json."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM
        super()._register_responses()
        # The class attribute, for the answers that are none.
        del self.DEFAULT_RESPONSE_CONTENT_TYPE


def error_responses(blueprint: Blueprint, *errors: type[ShopError]) -> Any:
    """Document the named errors of an operation; errors of one status share an entry."""

    def document(view: Any) -> Any:
        by_status: dict[int, list[str]] = {}
        for error in errors:
            by_status.setdefault(error.status, []).append(error.code)
        for status, codes in by_status.items():
            view = blueprint.alt_response(
                status,
                schema=ProblemSchema,
                content_type=PROBLEM,
                description=", ".join(codes),
            )(view)
        return view

    return document


def register_api(app: Flask, service: str, blueprint: Blueprint, description: str) -> None:
    """Serve a service's API with its OpenAPI document and readable documentation."""
    app.register_blueprint(blueprint)
    app.register_blueprint(_documentation(service, blueprint, description))


def _documentation(service: str, blueprint: Blueprint, description: str) -> FlaskBlueprint:
    pages = FlaskBlueprint(f"{service}_api_docs", __name__, url_prefix=f"/api/v1/{service}")

    @pages.get("/openapi.json")
    @audience(Audience.EVERYONE)
    def document() -> ResponseReturnValue:
        """The OpenAPI 3.1 document of this service's API."""
        return jsonify(_described(service, blueprint, description))

    @pages.get("/docs")
    @audience(Audience.EVERYONE)
    def docs() -> ResponseReturnValue:
        """The same, for people."""
        found = api_docs.operations(_described(service, blueprint, description))
        return render_template("api/docs.html", service=service, description=description, operations=found)

    return pages


@cache
def _described(service: str, blueprint: Blueprint, description: str) -> dict[str, Any]:
    """The OpenAPI document of these routes.

    It is made when somebody asks: it takes longer than all the rest of a start, and few replicas are asked.
    """
    app = Flask(__name__)
    prefix = f"{service.upper()}_"
    app.config.update(
        {
            f"{prefix}API_TITLE": f"BookStore {service}",
            f"{prefix}API_VERSION": API_VERSION,
            f"{prefix}OPENAPI_VERSION": "3.1.0",
        }
    )
    about = {"info": {"description": description}, "servers": [{"url": "/"}]}
    api = ServiceApi(app, config_prefix=prefix, spec_kwargs=about)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    api.register_blueprint(blueprint)
    return dict(api.spec.to_dict())
