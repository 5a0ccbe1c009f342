"""Answers of HubSpot that are not whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.vendors.server import Answer, Request


def without(key: str) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, body={name: value for name, value in answer.body.items() if name != key})


def first_page(request: Request, vendor: Callable[[Request], Answer]) -> Answer:
    return vendor(replace(request, query={name: value for name, value in request.query.items() if name != "after"}))


def one_less(answer: Answer) -> Answer:
    return replace(answer, body={**answer.body, "results": answer.body["results"][:-1]})
