//! Toys: routes that do on purpose what real ones do by accident. That they are served proves that a file registers itself.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use app::core::database::DataError;
use app::core::http::{
    AppError, Created, IfMatch, NoContent, Representation, Result, Routes, Tagged, ValidHeaders,
    ValidJson, ValidPath, ValidQuery, register_routes, routes,
};
use app::core::request_id::RequestId;
use app::core::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Query};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use futures::stream;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

register_routes! { public at "/toys": Routes::new()
.add(routes!(list_toys, create_toy))
.add(routes!(get_toy, replace_toy, delete_toy))
.add(routes!(create_toys, create_toy_elsewhere, toy_headers, toy_request_id, toy_client))
.add(routes!(get_large_toy, stream_toys))
.add(routes!(break_toy, wait_for_toy, ask_database, sleep_in_database))
.add(routes!(foreign_toy, missing_toy, stale_toy, unavailable_toy)) }

register_routes! { management at "/toys-inspection" tagged "toys": Routes::new().add(routes!(inspect_toys)) }

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct ToyPath {
    id: Uuid,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    DarkBlue,
}

#[derive(Deserialize, Serialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ToyQuery {
    #[validate(range(min = 1, max = 100))]
    limit: Option<u32>,
    #[param(inline)]
    colour: Option<Colour>,
    is_new: Option<bool>,
    name: Option<String>,
}

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(rename_all = "kebab-case")]
#[into_params(parameter_in = Header, rename_all = "kebab-case")]
struct ToyHeaders {
    #[validate(range(max = 9))]
    x_toy_size: u8,
}

/// A toy as it is created.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToyIn {
    /// What it is called.
    #[validate(length(min = 1, max = 10))]
    #[schema(min_length = 1, max_length = 10, example = "duck")]
    name: String,
    /// For whom it is.
    #[validate(range(min = 0, max = 150))]
    #[schema(minimum = 0, maximum = 150, example = 3)]
    age: Option<i32>,
    /// What it is made of.
    #[serde(default)]
    #[validate(nested)]
    parts: Vec<ToyPart>,
}

/// A part of a toy.
#[derive(Clone, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToyPart {
    /// How many of it.
    #[validate(range(min = 1))]
    #[schema(minimum = 1, example = 4)]
    quantity: u32,
}

/// A toy as it is answered.
#[derive(Serialize, ToSchema)]
struct ToyOut {
    /// Which one.
    id: Uuid,
    /// What it is called.
    #[schema(example = "duck")]
    name: String,
    /// Counts its changes.
    #[schema(example = 1)]
    version: i64,
}

impl Representation for ToyOut {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

struct Toy(Uuid, String);

impl From<Toy> for ToyOut {
    fn from(Toy(id, name): Toy) -> Self {
        Self {
            id,
            name,
            version: 7,
        }
    }
}

/// List toys
#[utoipa::path(get, path = "/", params(ToyQuery), responses((status = OK, body = Value)))]
async fn list_toys(ValidQuery(query): ValidQuery<ToyQuery>) -> Json<ToyQuery> {
    Json(query)
}

/// Create a toy
#[utoipa::path(post, path = "/", request_body = ToyIn, responses((status = CREATED, body = ToyOut), (status = CONFLICT)))]
async fn create_toy(ValidJson(toy): ValidJson<ToyIn>) -> Result<Created<ToyOut>> {
    if toy.name == "twin" {
        return Err(AppError::conflict("There is a twin already."));
    }
    let name = format!("{} {} {}", toy.name, toy.age.unwrap_or(0), toy.parts.len());
    Ok(Created::from(Toy(Uuid::nil(), name)))
}

/// Create several toys
#[utoipa::path(post, path = "/several", request_body = Vec<ToyPart>, responses((status = NO_CONTENT)))]
async fn create_toys(_: ValidJson<Vec<ToyPart>>) -> NoContent {
    NoContent
}

/// Create a toy in another collection
#[utoipa::path(post, path = "/elsewhere", responses((status = CREATED, body = ToyOut)))]
async fn create_toy_elsewhere() -> Created<ToyOut> {
    Created::from(Toy(Uuid::nil(), "duck".to_owned())).at("/other/toys")
}

/// Get a toy
#[utoipa::path(get, path = "/{id}", params(ToyPath), responses((status = OK, body = ToyOut)))]
async fn get_toy(path: ValidPath<ToyPath>) -> Tagged<ToyOut> {
    Tagged::from(Toy(path.id, "duck".to_owned()))
}

/// Get a toy with a long name
#[utoipa::path(get, path = "/large", responses((status = OK, body = ToyOut)))]
async fn get_large_toy() -> Tagged<ToyOut> {
    Tagged::from(Toy(Uuid::nil(), "duck".repeat(1000)))
}

/// Get toys one after the other
#[utoipa::path(get, path = "/stream", responses((status = OK, body = String)))]
async fn stream_toys() -> ([(HeaderName, &'static str); 1], Body) {
    let toys = stream::iter(std::iter::repeat_n(
        Ok::<_, Infallible>("{\"name\":\"duck\"}\n"),
        1000,
    ));
    ([(CONTENT_TYPE, "text/plain")], Body::from_stream(toys))
}

/// Replace a toy
#[utoipa::path(put, path = "/{id}", params(ToyPath, IfMatch), responses((status = OK, body = Value)))]
async fn replace_toy(_: ValidPath<ToyPath>, if_match: IfMatch) -> Json<Value> {
    Json(json!(if_match.versions()))
}

/// Delete a toy
#[utoipa::path(delete, path = "/{id}", params(ToyPath), responses((status = NO_CONTENT)))]
async fn delete_toy(_: ValidPath<ToyPath>) -> NoContent {
    NoContent
}

/// Read headers
#[utoipa::path(get, path = "/headers", params(ToyHeaders), responses((status = OK, body = u8, content_type = "application/json")))]
async fn toy_headers(headers: ValidHeaders<ToyHeaders>) -> Json<u8> {
    Json(headers.x_toy_size)
}

/// Say which request this is
#[utoipa::path(get, path = "/request-id", responses((status = OK, body = String)))]
async fn toy_request_id() -> String {
    RequestId::current().map_or(String::new(), |id| id.to_string())
}

/// Say who asks
#[utoipa::path(get, path = "/client", responses((status = OK, body = String)))]
async fn toy_client(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
    client.to_string()
}

/// Panic
#[utoipa::path(post, path = "/broken", responses((status = NO_CONTENT)))]
async fn break_toy() -> NoContent {
    panic!("the toy is broken");
}

/// Never answer
#[utoipa::path(get, path = "/endless", responses((status = NO_CONTENT)))]
async fn wait_for_toy() -> NoContent {
    pending().await
}

/// Ask the database something
#[utoipa::path(get, path = "/database", responses((status = NO_CONTENT)))]
async fn ask_database(app: AppState) -> Result<NoContent> {
    app.database.execute_unprepared("SELECT 1").await?;
    Ok(NoContent)
}

/// Ask the database something that takes long
#[utoipa::path(get, path = "/database/sleep", responses((status = NO_CONTENT)))]
async fn sleep_in_database(app: AppState) -> Result<NoContent> {
    let backend = app.database.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => "SELECT pg_sleep(30)",
        _ => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT count(*) FROM n"
        }
    };
    let statement = Statement::from_string(backend, sql);
    app.database.query_one_raw(statement).await?;
    Ok(NoContent)
}

#[derive(Deserialize)]
struct Foreign {
    number: u8,
}

/// Use an extractor of axum's own
#[utoipa::path(get, path = "/foreign", responses((status = OK, body = u8, content_type = "application/json"), (status = BAD_REQUEST)))]
async fn foreign_toy(Query(query): Query<Foreign>) -> Json<u8> {
    Json(query.number)
}

/// Miss a row
#[utoipa::path(get, path = "/missing", responses((status = NO_CONTENT), (status = NOT_FOUND)))]
async fn missing_toy() -> Result<NoContent> {
    Err(DataError::NotFound {
        resource: "toy",
        id: "7".to_owned(),
    }
    .into())
}

/// Meet another version
#[utoipa::path(get, path = "/stale", responses((status = NO_CONTENT), (status = PRECONDITION_FAILED)))]
async fn stale_toy() -> Result<NoContent> {
    Err(DataError::StaleVersion {
        resource: "toy",
        id: "7".to_owned(),
    }
    .into())
}

/// Be closed
#[utoipa::path(get, path = "/unavailable", responses((status = NO_CONTENT)))]
async fn unavailable_toy() -> Result<NoContent> {
    let cause = std::io::Error::other("the key is lost");
    Err(
        AppError::unavailable("The shop is closed.", Duration::from_millis(1500))
            .with_source(cause),
    )
}

/// Inspect toys
#[utoipa::path(get, path = "/", responses((status = NO_CONTENT)))]
async fn inspect_toys() -> NoContent {
    NoContent
}
