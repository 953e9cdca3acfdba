//! Users: who can order.

use axum::response::Response;
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;
use validator::Validate;

use crate::core::database::keyset::PageRequest;
use crate::core::http::pagination::Page;
use crate::core::http::streaming::{StreamFormat, StreamQuery, Streamed};
use crate::core::http::{
    Created, IdempotencyKey, IfMatch, Json, NoContent, Representation, Result, Routes, Tagged,
    ValidJson, ValidPath, ValidQuery, register_routes, routes,
};
use crate::core::state::AppState;
use crate::models::users::{CreatedUsersOut, Entity, UserIn, UserOut, UserPatch};
use crate::repositories::base::BaseRepository;
use crate::repositories::users::UserRepository;
use crate::services;

register_routes! { public: Routes::new()
.add(routes!(list_users, create_user))
.add(routes!(create_users))
.add(routes!(stream_users))
.add(routes!(get_user, replace_user, patch_user, delete_user)) }

impl Representation for UserOut {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Which user.
#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct UserPath {
    /// The user's id.
    id: Uuid,
}

/// List users
///
/// Page by page, the newest first unless `sort` says otherwise. Users without an age come before all others in the order of age.
#[utoipa::path(get, path = "/", params(PageRequest<Entity>), responses((status = OK, body = Page<UserOut>)))]
#[instrument(skip_all)]
async fn list_users(
    app: AppState,
    query: ValidQuery<PageRequest<Entity>>,
) -> Result<Page<UserOut>> {
    let users = UserRepository::new(&app.database).list(&query).await?;
    Ok(Page::of(&query, users))
}

/// Create a user
#[utoipa::path(post, path = "/", params(IdempotencyKey), request_body = UserIn, responses((status = CREATED, body = UserOut), (status = CONFLICT)))]
#[instrument(skip_all)]
async fn create_user(
    app: AppState,
    key: IdempotencyKey,
    ValidJson(user): ValidJson<UserIn>,
) -> Result<Response> {
    let user = user.into_new(app.clock.now());
    key.once(&app, async |session| {
        let user = UserRepository::new(&session).create(user).await?;
        Ok(Created::<UserOut>::from(user))
    })
    .await
}

/// Stream users
///
/// All of them, the newest first unless `sort` says otherwise, sent while they are read: one JSON text a line, or one array where
/// `Accept` prefers `application/json`. If the answer breaks off, the connection is cut: a client that got to the end has all.
#[utoipa::path(get, path = "/stream", params(StreamQuery<Entity>), responses((status = OK, content((UserOut = "application/x-ndjson"), (Vec<UserOut> = "application/json")))))]
#[instrument(skip_all)]
async fn stream_users(
    app: AppState,
    format: StreamFormat,
    ValidQuery(query): ValidQuery<StreamQuery<Entity>>,
) -> Result<Streamed<UserOut>> {
    Streamed::of(&app, format, query).await
}

/// Create many users
///
/// All of them or none: what is wrong with one of them is told with its index, as in `#/3/email`.
#[utoipa::path(post, path = "/batch", params(IdempotencyKey), request_body = Vec<UserIn>, responses((status = OK, body = CreatedUsersOut), (status = CONFLICT)))]
#[instrument(skip_all, fields(users = users.len()))]
async fn create_users(
    app: AppState,
    key: IdempotencyKey,
    ValidJson(users): ValidJson<Vec<UserIn>>,
) -> Result<Response> {
    key.once(&app, async |session| {
        let ids = services::users::create_users(&app, session, users).await?;
        Ok(Json(CreatedUsersOut::from(ids)))
    })
    .await
}

/// Get one user
#[utoipa::path(get, path = "/{id}", params(UserPath), responses((status = OK, body = UserOut)))]
#[instrument(skip_all, fields(user.id = %path.id))]
async fn get_user(app: AppState, path: ValidPath<UserPath>) -> Result<Tagged<UserOut>> {
    let user = UserRepository::new(&app.database).get(path.id).await?;
    Ok(Tagged::from(user))
}

/// Replace a user
///
/// An optional field that is absent is cleared. With `If-Match`, only if nobody has changed the user since.
#[utoipa::path(put, path = "/{id}", params(UserPath, IfMatch), request_body = UserIn, responses((status = OK, body = UserOut), (status = CONFLICT)))]
#[instrument(skip_all, fields(user.id = %path.id))]
async fn replace_user(
    app: AppState,
    path: ValidPath<UserPath>,
    if_match: IfMatch,
    ValidJson(user): ValidJson<UserIn>,
) -> Result<Tagged<UserOut>> {
    let changes = user.into_replacement(app.clock.now());
    let user = UserRepository::new(&app.database)
        .update(path.id, changes, if_match.versions())
        .await?;
    Ok(Tagged::from(user))
}

/// Change some fields of a user
///
/// A field that is absent stays as it is; `null` clears `age`. With `If-Match`, only if nobody has changed the user since.
#[utoipa::path(patch, path = "/{id}", params(UserPath, IfMatch), request_body = UserPatch, responses((status = OK, body = UserOut), (status = CONFLICT)))]
#[instrument(skip_all, fields(user.id = %path.id))]
async fn patch_user(
    app: AppState,
    path: ValidPath<UserPath>,
    if_match: IfMatch,
    ValidJson(changes): ValidJson<UserPatch>,
) -> Result<Tagged<UserOut>> {
    let changes = changes.into_changes(app.clock.now());
    let user = UserRepository::new(&app.database)
        .update(path.id, changes, if_match.versions())
        .await?;
    Ok(Tagged::from(user))
}

/// Delete a user
///
/// That the user is gone already is no error. A user with orders can't be deleted.
#[utoipa::path(delete, path = "/{id}", params(UserPath, IfMatch), responses((status = NO_CONTENT), (status = CONFLICT)))]
#[instrument(skip_all, fields(user.id = %path.id))]
async fn delete_user(
    app: AppState,
    path: ValidPath<UserPath>,
    if_match: IfMatch,
) -> Result<NoContent> {
    UserRepository::new(&app.database)
        .delete(path.id, if_match.versions())
        .await?;
    Ok(NoContent)
}
