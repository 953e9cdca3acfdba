"""FastAPI on asyncpg, with nothing around the handlers."""

import os
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from types import SimpleNamespace
from uuid import UUID

import asyncpg
from fastapi import FastAPI, HTTPException

import users
from users import Page, UserIn, UserOut, new_id

COLUMNS = "id, name, email, age, is_active, version, created_at, updated_at"
GET = f"SELECT {COLUMNS} FROM users WHERE id = $1"
LIST = f"SELECT {COLUMNS} FROM users ORDER BY created_at DESC, id DESC LIMIT {users.PAGE + 1}"
CREATE = f"""INSERT INTO users ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, 1, $6, $6) RETURNING {COLUMNS}"""


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index() -> dict:
    return users.index()


@app.get("/api/v1/users/{id}", response_model=UserOut, response_model_exclude_none=True)
async def get_user(id: UUID):
    row = await app.state.pool.fetchrow(GET, id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/api/v1/users", response_model=Page, response_model_exclude_none=True)
async def list_users():
    rows = await app.state.pool.fetch(LIST)
    return users.page([SimpleNamespace(**row) for row in rows])


@app.post("/api/v1/users", status_code=201, response_model=UserOut, response_model_exclude_none=True)
async def create_user(user: UserIn):
    now = datetime.now(timezone.utc)
    row = await app.state.pool.fetchrow(CREATE, new_id(), user.name, user.email, user.age, user.is_active, now)
    return dict(row)
