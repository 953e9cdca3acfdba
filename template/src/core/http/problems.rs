//! What is at the `type` of every problem: what this kind means, and what a client can do.

use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::error::ProblemKind;
use super::{AppError, Json, ProblemCode, Result, Routes, ValidPath, register_routes, routes};

register_routes! { public at "/problems" tagged "service": Routes::new().add(routes!(list_problems, get_problem)) }

/// The kinds of problems change with the service's version only.
const CACHED: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=3600")];

/// All kinds of problems.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ProblemKinds {
    /// By status.
    items: Vec<ProblemKind>,
}

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct ProblemPath {
    /// The kind of problem.
    #[param(example = "validation")]
    code: String,
}

/// List the kinds of problems
#[utoipa::path(get, path = "/", responses((status = OK, body = ProblemKinds)))]
async fn list_problems() -> impl IntoResponse {
    let items = ProblemCode::ALL.iter().copied().map(ProblemKind::from);
    let items = items.collect();
    (CACHED, Json(ProblemKinds { items }))
}

/// Explain a kind of problem
///
/// Every problem names its kind in `type`, which leads here.
#[utoipa::path(get, path = "/{code}", params(ProblemPath), responses((status = OK, body = ProblemKind)))]
async fn get_problem(path: ValidPath<ProblemPath>) -> Result<impl IntoResponse> {
    let code = ProblemCode::ALL
        .iter()
        .find(|code| code.as_str() == path.code);
    let code = code.ok_or_else(|| AppError::not_found("problem", &path.code))?;
    Ok((CACHED, Json(ProblemKind::from(*code))))
}
