//! Products: reads of the same one at the same time share a statement, and writes see to it that nobody reads what was before them.

use std::convert::Infallible;

use uuid::Uuid;

use crate::core::coalescing::Coalescer;
use crate::core::database::{DataError, Result};
use crate::core::state::{AppState, Shared};
use crate::models::products::{ActiveModel, Model};
use crate::repositories::base::BaseRepository;
use crate::repositories::products::ProductRepository;

/// Products that are being read.
#[derive(Debug)]
pub struct ProductReads(pub Coalescer<Uuid, Model, DataError>);

crate::register_component!(ProductReads: |shared: &Shared| Ok::<_, Infallible>(ProductReads(shared.coalescing.of("products"))));

/// A product. Whoever asks for it while it is being read gets what that read finds.
///
/// # Errors
///
/// [`DataError::NotFound`] if there is no such product.
pub async fn get_product(app: &AppState, id: Uuid) -> Result<Model> {
    let load = || {
        let database = app.database.clone();
        async move { ProductRepository::new(&database).get(id).await }
    };
    app.component::<ProductReads>().0.get(id, load).await
}

/// Changes a product.
///
/// # Errors
///
/// As those of [`BaseRepository::update`].
pub async fn update_product(
    app: &AppState,
    id: Uuid,
    changes: ActiveModel,
    expected: Option<&[i64]>,
) -> Result<Model> {
    let write = async {
        let products = ProductRepository::new(&app.database);
        products.update(id, changes, expected).await
    };
    app.component::<ProductReads>().0.write(id, write).await
}

/// Deletes a product. Answers whether there was one.
///
/// # Errors
///
/// As those of [`BaseRepository::delete`].
pub async fn delete_product(app: &AppState, id: Uuid, expected: Option<&[i64]>) -> Result<bool> {
    let write = async {
        let products = ProductRepository::new(&app.database);
        products.delete(id, expected).await
    };
    app.component::<ProductReads>().0.write(id, write).await
}
