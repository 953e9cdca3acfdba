//! Orders: what users have ordered.

use axum::response::Response;
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;
use validator::Validate;

use crate::core::database::keyset::PageRequest;
use crate::core::http::pagination::Page;
use crate::core::http::{
    Created, IdempotencyKey, IfMatch, NoContent, Representation, Result, Routes, Tagged, ValidJson,
    ValidPath, ValidQuery, register_routes, routes,
};
use crate::core::state::AppState;
use crate::models::orders::{Entity, OrderIn, OrderOut, OrderPatch};
use crate::repositories::base::BaseRepository;
use crate::repositories::orders::OrderRepository;
use crate::services::orders;

register_routes! { public: Routes::new()
.add(routes!(list_orders, create_order))
.add(routes!(get_order, replace_order, patch_order, delete_order)) }

impl Representation for OrderOut {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Which order.
#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OrderPath {
    /// The order's id.
    id: Uuid,
}

/// List orders
///
/// Page by page, the newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "/", params(PageRequest<Entity>), responses((status = OK, body = Page<OrderOut>)))]
#[instrument(skip_all)]
async fn list_orders(
    app: AppState,
    query: ValidQuery<PageRequest<Entity>>,
) -> Result<Page<OrderOut>> {
    let orders = orders::list_orders(&app, &query).await?;
    Ok(Page::of(&query, orders))
}

/// Place an order
///
/// What the user and the products are called, and what the products cost, is kept as it is now: an order doesn't change with them.
/// The user and all products must exist, and the user must be active.
#[utoipa::path(post, path = "/", params(IdempotencyKey), request_body = OrderIn, responses((status = CREATED, body = OrderOut), (status = CONFLICT)))]
#[instrument(skip_all, fields(user.id = %order.user_id))]
async fn create_order(
    app: AppState,
    key: IdempotencyKey,
    ValidJson(order): ValidJson<OrderIn>,
) -> Result<Response> {
    key.once(&app, async |session| {
        let order = orders::place_order(&app, session, order).await?;
        Ok(Created::<OrderOut>::from(order))
    })
    .await
}

/// Get one order
#[utoipa::path(get, path = "/{id}", params(OrderPath), responses((status = OK, body = OrderOut)))]
#[instrument(skip_all, fields(order.id = %path.id))]
async fn get_order(app: AppState, path: ValidPath<OrderPath>) -> Result<Tagged<OrderOut>> {
    let order = orders::get_order(&app, path.id).await?;
    Ok(Tagged::from(order))
}

/// Replace an order
///
/// Its user and all its lines, as if it were placed now; only while it is pending. With `If-Match`, only if nobody has changed the
/// order since.
#[utoipa::path(put, path = "/{id}", params(OrderPath, IfMatch), request_body = OrderIn, responses((status = OK, body = OrderOut), (status = CONFLICT)))]
#[instrument(skip_all, fields(order.id = %path.id, user.id = %order.user_id))]
async fn replace_order(
    app: AppState,
    path: ValidPath<OrderPath>,
    if_match: IfMatch,
    ValidJson(order): ValidJson<OrderIn>,
) -> Result<Tagged<OrderOut>> {
    let order = orders::replace_order(&app, path.id, order, if_match.versions()).await?;
    Ok(Tagged::from(order))
}

/// Change the status of an order
///
/// With `If-Match`, only if nobody has changed the order since.
#[utoipa::path(patch, path = "/{id}", params(OrderPath, IfMatch), request_body = OrderPatch, responses((status = OK, body = OrderOut)))]
#[instrument(skip_all, fields(order.id = %path.id))]
async fn patch_order(
    app: AppState,
    path: ValidPath<OrderPath>,
    if_match: IfMatch,
    ValidJson(changes): ValidJson<OrderPatch>,
) -> Result<Tagged<OrderOut>> {
    let order = orders::change_order(&app, path.id, changes, if_match.versions()).await?;
    Ok(Tagged::from(order))
}

/// Delete an order
///
/// That the order is gone already is no error.
#[utoipa::path(delete, path = "/{id}", params(OrderPath, IfMatch), responses((status = NO_CONTENT)))]
#[instrument(skip_all, fields(order.id = %path.id))]
async fn delete_order(
    app: AppState,
    path: ValidPath<OrderPath>,
    if_match: IfMatch,
) -> Result<NoContent> {
    OrderRepository::new(&app.database)
        .delete(path.id, if_match.versions())
        .await?;
    Ok(NoContent)
}
