"""Users, as the generated service takes and answers them."""

import random
import time
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

PAGE = 20


class UserIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    email: str
    age: int | None = None
    is_active: bool = True


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    email: str
    age: int | None = None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    items: list[UserOut]
    next_cursor: str | None = None
    has_more: bool


def new_id() -> UUID:
    """A UUID of version 7, which Python has from 3.14 on."""
    milliseconds = time.time_ns() // 1_000_000
    bits = milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)
    return UUID(int=bits)


def page(users: list) -> dict:
    """A page of what was found: one row more than it holds tells whether there is another."""
    has_more = len(users) > PAGE
    items = users[:PAGE]
    cursor = f"{items[-1].created_at.isoformat()}_{items[-1].id}" if has_more else None
    return {"items": items, "next_cursor": cursor, "has_more": has_more}


def index() -> dict:
    """A route without a database."""
    return {
        "name": "fastapi",
        "description": "A layered HTTP service",
        "version": "0.1.0",
        "problems": "/problems",
    }
