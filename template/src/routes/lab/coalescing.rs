//! Many who ask for the same: each for itself, or all together.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::query::query_that_takes;
use super::settings;
use crate::core::coalescing::Coalescer;
use crate::core::database::{DataError, Database};
use crate::core::http::{Result, Routes, ValidPath, ValidQuery, register_routes, routes};
use crate::core::state::{AppState, Shared};

register_routes! { management in local | dev at "/lab/coalescing" tagged "lab": Routes::new()
.add(routes!(plain_read, coalesced_read)) }

/// Reads of the lab that share a statement.
struct LabReads(Coalescer<u64, u64, DataError>);

crate::register_component!(LabReads: |shared: &Shared| Ok::<_, Infallible>(LabReads(shared.coalescing.of("lab"))));

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct LabPath {
    /// Which of the rows that are only played.
    id: u64,
}

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DelayQuery {
    /// How many milliseconds the query takes; `LAB_DELAY_MS` unless it is said.
    #[param(example = 50)]
    delay_ms: Option<u64>,
}

/// What was read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ReadOut {
    /// Which row.
    id: u64,
}

/// A read for each who asks
///
/// One query for each request, also if hundreds ask for the same at a time: the pool bears them all.
#[utoipa::path(get, path = "/plain/{id}", params(LabPath, DelayQuery), responses((status = OK, body = ReadOut)))]
async fn plain_read(
    app: AppState,
    path: ValidPath<LabPath>,
    query: ValidQuery<DelayQuery>,
) -> Result<Json<ReadOut>> {
    let time = query.time(&app)?;
    let id = read(app.database.clone(), path.id, time).await?;
    Ok(Json(ReadOut { id }))
}

/// One read for all who ask
///
/// Whoever asks for a row while it is being read gets what that read finds: one query, whatever the number of requests.
/// `/coalescing/stats` counts what was prevented, under `lab`.
#[utoipa::path(get, path = "/coalesced/{id}", params(LabPath, DelayQuery), responses((status = OK, body = ReadOut)))]
async fn coalesced_read(
    app: AppState,
    path: ValidPath<LabPath>,
    query: ValidQuery<DelayQuery>,
) -> Result<Json<ReadOut>> {
    let time = query.time(&app)?;
    let load = || read(app.database.clone(), path.id, time);
    let id = app.component::<LabReads>().0.get(path.id, load).await?;
    Ok(Json(ReadOut { id }))
}

impl DelayQuery {
    fn time(&self, app: &AppState) -> Result<Duration> {
        let said = self.delay_ms.map(Duration::from_millis);
        settings::time(app, "delay_ms", said.unwrap_or(settings::delay(app)))
    }
}

async fn read(database: Database, id: u64, time: Duration) -> Result<u64, DataError> {
    query_that_takes(&database, time).await.map(|()| id)
}
