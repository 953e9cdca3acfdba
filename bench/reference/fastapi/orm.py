"""FastAPI on SQLAlchemy's ORM over asyncpg, with nothing around the handlers: a session for each request."""

import os
from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import DateTime, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import users
from users import Page, UserIn, UserOut, new_id

# Its own defaults, 5 connections and 10 more under load, are more than the others have.
engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://", 1), pool_size=10, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    age: Mapped[int | None]
    is_active: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def session():
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session)]


@app.get("/")
async def index() -> dict:
    return users.index()


@app.get("/api/v1/users/{id}", response_model=UserOut, response_model_exclude_none=True)
async def get_user(id: UUID, session: Session):
    user = await session.get(User, id)
    if user is None:
        raise HTTPException(404)
    return user


@app.get("/api/v1/users", response_model=Page, response_model_exclude_none=True)
async def list_users(session: Session):
    newest = select(User).order_by(User.created_at.desc(), User.id.desc()).limit(users.PAGE + 1)
    return users.page(list(await session.scalars(newest)))


@app.post("/api/v1/users", status_code=201, response_model=UserOut, response_model_exclude_none=True)
async def create_user(user: UserIn, session: Session):
    now = datetime.now(timezone.utc)
    new = User(id=new_id(), version=1, created_at=now, updated_at=now, **user.model_dump())
    session.add(new)
    await session.commit()
    return new
