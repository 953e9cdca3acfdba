//! A route without a database.

use axum::Json;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Index {
    name: String,
    description: String,
    version: String,
    problems: String,
}

pub(crate) async fn index() -> Json<Index> {
    Json(Index {
        name: env!("CARGO_PKG_NAME").to_owned(),
        description: "A layered HTTP service".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        problems: "/problems".to_owned(),
    })
}
