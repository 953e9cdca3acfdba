//! The least that answers as the generated service does: axum, tokio-postgres and a pool, with nothing around the handlers. What
//! the benchmark sets the service's costs against.
//!
//! It has no validation, log, metrics, limits or timeouts, and an error is a bare 500. What it answers when all is well is what
//! the service answers, field by field.

mod error;
mod index;
mod stream;
mod users;

use std::env;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio::net::TcpListener;
use tokio_postgres::NoTls;

/// As many connections as the service's pool may hold.
const POOL_SIZE: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let url = env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    let port = env::var("SERVER_PORT").context("SERVER_PORT is not set")?;
    let port: u16 = port.parse().context("SERVER_PORT is no port")?;

    // Fast: a connection that comes back is not asked whether it is well.
    let recycling_method = RecyclingMethod::Fast;
    let manager = Manager::from_config(url.parse()?, NoTls, ManagerConfig { recycling_method });
    let pool = Pool::builder(manager).max_size(POOL_SIZE).build()?;
    let router = Router::new()
        .route("/", get(index::index))
        .route("/api/v1/users", get(users::list).post(users::create))
        .route("/api/v1/users/stream", get(stream::all))
        .route("/api/v1/users/{id}", get(users::one))
        .with_state(pool);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
