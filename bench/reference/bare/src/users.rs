//! Users, as the service answers them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use deadpool_postgres::Pool;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Failed;

const GET: &str = "SELECT id, name, email, age, is_active, version, created_at, updated_at FROM users WHERE id = $1";

/// One row more than is answered tells whether there is a next page.
const LIST: &str = "SELECT id, name, email, age, is_active, version, created_at, updated_at FROM users \
    ORDER BY created_at DESC, id DESC LIMIT 21";
const PAGE: usize = 20;

const CREATE: &str = "INSERT INTO users (id, name, email, age, is_active, version, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, 1, $6, $6) \
    RETURNING id, name, email, age, is_active, version, created_at, updated_at";

#[derive(Serialize)]
pub(crate) struct User {
    id: Uuid,
    name: String,
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<i32>,
    is_active: bool,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
pub(crate) struct NewUser {
    name: String,
    email: String,
    age: Option<i32>,
    #[serde(default = "active")]
    is_active: bool,
}

#[derive(Serialize)]
pub(crate) struct Page {
    items: Vec<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    has_more: bool,
}

impl User {
    /// Reads a row of all columns, in the order of the statements above.
    pub(crate) fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            email: row.try_get(2)?,
            age: row.try_get(3)?,
            is_active: row.try_get(4)?,
            version: row.try_get(5)?,
            created_at: row.try_get(6)?,
            updated_at: row.try_get(7)?,
        })
    }
}

pub(crate) async fn one(
    State(pool): State<Pool>,
    Path(id): Path<Uuid>,
) -> Result<Response, Failed> {
    let client = pool.get().await?;
    let get = client.prepare_cached(GET).await?;
    Ok(match client.query_opt(&get, &[&id]).await? {
        Some(row) => Json(User::read(&row)?).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

pub(crate) async fn list(State(pool): State<Pool>) -> Result<Json<Page>, Failed> {
    let client = pool.get().await?;
    let newest = client.prepare_cached(LIST).await?;
    let rows = client.query(&newest, &[]).await?;
    let has_more = rows.len() > PAGE;
    let items: Result<Vec<User>, _> = rows.iter().take(PAGE).map(User::read).collect();
    let items = items?;
    let last = items.last().filter(|_| has_more);
    Ok(Json(Page {
        next_cursor: last.map(|user| format!("{}_{}", user.created_at.timestamp_micros(), user.id)),
        items,
        has_more,
    }))
}

pub(crate) async fn create(
    State(pool): State<Pool>,
    Json(user): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), Failed> {
    let client = pool.get().await?;
    let create = client.prepare_cached(CREATE).await?;
    let NewUser {
        name,
        email,
        age,
        is_active,
    } = user;
    let (id, now) = (Uuid::now_v7(), Utc::now());
    let row = client
        .query_one(&create, &[&id, &name, &email, &age, &is_active, &now])
        .await?;
    Ok((StatusCode::CREATED, Json(User::read(&row)?)))
}

const fn active() -> bool {
    true
}
