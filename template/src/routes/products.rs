//! Products: what can be ordered.

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
use crate::models::products::{Entity, ProductIn, ProductOut, ProductPatch};
use crate::repositories::base::BaseRepository;
use crate::repositories::products::ProductRepository;
use crate::services;

register_routes! { public: Routes::new()
.add(routes!(list_products, create_product))
.add(routes!(get_product_plain))
.add(routes!(get_product, replace_product, patch_product, delete_product)) }

impl Representation for ProductOut {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Which product.
#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct ProductPath {
    /// The product's id.
    id: Uuid,
}

/// List products
///
/// Page by page, the newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "/", params(PageRequest<Entity>), responses((status = OK, body = Page<ProductOut>)))]
#[instrument(skip_all)]
async fn list_products(
    app: AppState,
    query: ValidQuery<PageRequest<Entity>>,
) -> Result<Page<ProductOut>> {
    let products = ProductRepository::new(&app.database).list(&query).await?;
    Ok(Page::of(&query, products))
}

/// Create a product
#[utoipa::path(post, path = "/", params(IdempotencyKey), request_body = ProductIn, responses((status = CREATED, body = ProductOut), (status = CONFLICT)))]
#[instrument(skip_all)]
async fn create_product(
    app: AppState,
    key: IdempotencyKey,
    ValidJson(product): ValidJson<ProductIn>,
) -> Result<Response> {
    let product = product.into_new(app.clock.now());
    key.once(&app, async |session| {
        let product = ProductRepository::new(&session).create(product).await?;
        Ok(Created::<ProductOut>::from(product))
    })
    .await
}

/// Get one product
///
/// Concurrent requests for one product share one query.
#[utoipa::path(get, path = "/{id}", params(ProductPath), responses((status = OK, body = ProductOut)))]
#[instrument(skip_all, fields(product.id = %path.id))]
async fn get_product(app: AppState, path: ValidPath<ProductPath>) -> Result<Tagged<ProductOut>> {
    let product = services::products::get_product(&app, path.id).await?;
    Ok(Tagged::from(product))
}

/// Get one product, uncoalesced
///
/// The same, with a query of its own for each request: to compare, see `/coalescing/stats`.
#[utoipa::path(get, path = "/{id}/plain", params(ProductPath), responses((status = OK, body = ProductOut)))]
#[instrument(skip_all, fields(product.id = %path.id))]
async fn get_product_plain(
    app: AppState,
    path: ValidPath<ProductPath>,
) -> Result<Tagged<ProductOut>> {
    let product = ProductRepository::new(&app.database).get(path.id).await?;
    Ok(Tagged::from(product))
}

/// Replace a product
///
/// An optional field that is absent is cleared. With `If-Match`, only if nobody has changed the product since.
#[utoipa::path(put, path = "/{id}", params(ProductPath, IfMatch), request_body = ProductIn, responses((status = OK, body = ProductOut)))]
#[instrument(skip_all, fields(product.id = %path.id))]
async fn replace_product(
    app: AppState,
    path: ValidPath<ProductPath>,
    if_match: IfMatch,
    ValidJson(product): ValidJson<ProductIn>,
) -> Result<Tagged<ProductOut>> {
    let changes = product.into_replacement(app.clock.now());
    let product =
        services::products::update_product(&app, path.id, changes, if_match.versions()).await?;
    Ok(Tagged::from(product))
}

/// Change some fields of a product
///
/// A field that is absent stays as it is; `null` clears `description`. With `If-Match`, only if nobody has changed the product since.
#[utoipa::path(patch, path = "/{id}", params(ProductPath, IfMatch), request_body = ProductPatch, responses((status = OK, body = ProductOut)))]
#[instrument(skip_all, fields(product.id = %path.id))]
async fn patch_product(
    app: AppState,
    path: ValidPath<ProductPath>,
    if_match: IfMatch,
    ValidJson(changes): ValidJson<ProductPatch>,
) -> Result<Tagged<ProductOut>> {
    let changes = changes.into_changes(app.clock.now());
    let product =
        services::products::update_product(&app, path.id, changes, if_match.versions()).await?;
    Ok(Tagged::from(product))
}

/// Delete a product
///
/// That the product is gone already is no error. A product that was ever ordered can't be deleted.
#[utoipa::path(delete, path = "/{id}", params(ProductPath, IfMatch), responses((status = NO_CONTENT), (status = CONFLICT)))]
#[instrument(skip_all, fields(product.id = %path.id))]
async fn delete_product(
    app: AppState,
    path: ValidPath<ProductPath>,
    if_match: IfMatch,
) -> Result<NoContent> {
    services::products::delete_product(&app, path.id, if_match.versions()).await?;
    Ok(NoContent)
}
