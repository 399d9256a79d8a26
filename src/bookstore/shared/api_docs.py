"""An OpenAPI document made readable: its operations in order, each with its fields and an example.

Rendered by the app itself, because the usual viewers need inline styles that our content security policy
refuses, and are not accessible (docs/adr/0007).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 6


@dataclass(frozen=True)
class Parameter:
    """Something that goes into the path, the query or a header."""

    name: str
    place: str
    kind: str
    required: bool
    meaning: str


@dataclass(frozen=True)
class Answer:
    """One status that an operation may answer with."""

    status: str
    meaning: str
    example: str | None


@dataclass(frozen=True)
class Operation:
    """One call of the API."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    signed_in: bool
    parameters: list[Parameter]
    body: str | None
    answers: list[Answer]


def operations(spec: Mapping[str, Any]) -> list[Operation]:
    """Every operation of the document, in the order of its paths."""
    return [
        _operation(spec, path, method, item[method], item.get("parameters", []))
        for path, item in spec["paths"].items()
        for method in METHODS
        if method in item
    ]


def _operation(
    spec: Mapping[str, Any], path: str, method: str, found: Mapping[str, Any], of_path: list[Any]
) -> Operation:
    parameters = [_resolve(spec, parameter) for parameter in [*of_path, *found.get("parameters", [])]]
    return Operation(
        anchor=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        method=method,
        path=path,
        summary=found.get("summary", ""),
        description=found.get("description", ""),
        signed_in=bool(found.get("security")),
        parameters=[_parameter(spec, parameter) for parameter in parameters],
        body=_content_example(spec, found.get("requestBody", {})),
        answers=[
            _answer(spec, status, answer)
            for status, answer in sorted(found["responses"].items())
            if status.isdigit()
        ],
    )


def _parameter(spec: Mapping[str, Any], parameter: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=parameter["name"],
        place=parameter["in"],
        kind=_kind(_resolve(spec, parameter.get("schema", {}))),
        required=parameter.get("required", False),
        meaning=parameter.get("description", ""),
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


def _answer(spec: Mapping[str, Any], status: str, answer: Mapping[str, Any]) -> Answer:
    answer = _resolve(spec, answer)
    meaning = answer.get("description") or HTTPStatus(int(status)).phrase
    example = _content_example(spec, answer) if status.startswith("2") else None
    return Answer(status, meaning, example)


def _content_example(spec: Mapping[str, Any], holder: Mapping[str, Any]) -> str | None:
    content = _resolve(spec, holder).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return ", ".join(content) or None
    return json.dumps(_example(spec, schema, 0), indent=2, ensure_ascii=False)


def _example(spec: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
    schema = _resolve(spec, schema)
    for known in ("example", "default", "const"):
        if schema.get(known) is not None:
            return schema[known]
    for combined in ("allOf", "anyOf", "oneOf"):
        if combined in schema:
            return _example(spec, schema[combined][0], depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    if depth > MAX_DEPTH:
        return "..."
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _example(spec, inner, depth + 1) for name, inner in properties.items()}
    if kind == "array":
        return [_example(spec, schema.get("items", {}), depth + 1)]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(
        kind, schema.get("format", "text")
    )


def _resolve(spec: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        target: Any = spec
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node
