//! Orders: an order and its lines are read and written together or not at all.

use std::collections::HashMap;

use uuid::Uuid;

use crate::core::database::keyset::{PageRequest, Slice};
use crate::core::database::{Session, Transaction};
use crate::core::http::{AppError, FieldError, Result};
use crate::core::state::AppState;
use crate::models::order_lines;
use crate::models::orders::{
    Entity, Model, OrderDetails, OrderIn, OrderLineIn, OrderPatch, OrderStatus, OrderUser,
};
use crate::models::products;
use crate::repositories::base::BaseRepository;
use crate::repositories::orders::OrderRepository;
use crate::repositories::products::ProductRepository;
use crate::repositories::users::UserRepository;

/// A page of orders, each as it was at one moment.
///
/// # Errors
///
/// [`AppError`] if the database fails.
pub async fn list_orders(
    app: &AppState,
    request: &PageRequest<Entity>,
) -> Result<Slice<OrderDetails>> {
    app.database
        .snapshot(async |tx| {
            let orders = OrderRepository::new(tx);
            let Slice { rows, next } = orders.list(request).await?;
            let rows = orders.with_lines(rows).await?;
            Ok(Slice { rows, next })
        })
        .await
}

/// An order, as it was at one moment.
///
/// # Errors
///
/// 404 if there is no such order.
pub async fn get_order(app: &AppState, id: Uuid) -> Result<OrderDetails> {
    app.database
        .snapshot(async |tx| {
            let orders = OrderRepository::new(tx);
            let order = orders.get(id).await?;
            Ok(orders.with_lines_of(order).await?)
        })
        .await
}

/// Places an order, with what its products are called and cost now.
///
/// # Errors
///
/// 422 if the user or a product doesn't exist, 409 if the user is not active.
pub async fn place_order(
    app: &AppState,
    session: Session<'_>,
    order: OrderIn,
) -> Result<OrderDetails> {
    let now = app.clock.now();
    session
        .transaction(async |tx| {
            let user = who_may_order(tx, order.user_id).await?;
            let products = products_of(tx, &order.lines).await?;

            let orders = OrderRepository::new(tx);
            let placed = orders.create(Model::placed(user, now)).await?;
            let lines = rows(order.lines, placed.id, &products);
            orders.add_lines(lines).await?;
            Ok(orders.with_lines_of(placed).await?)
        })
        .await
}

/// Replaces the user and all lines of an order that is still pending, with what the products are called and cost now.
///
/// # Errors
///
/// 404 if there is no such order, 412 if it has none of the expected versions, 409 if it is not pending any more or the user is not
/// active, 422 if the user or a product doesn't exist.
pub async fn replace_order(
    app: &AppState,
    id: Uuid,
    order: OrderIn,
    expected: Option<&[i64]>,
) -> Result<OrderDetails> {
    let now = app.clock.now();
    app.database
        .transaction(async |tx| {
            let orders = OrderRepository::new(tx);
            // locked: or else it might be paid between the look at its status and the change
            let current = orders.get_for_update(id, expected).await?;
            if current.status != OrderStatus::Pending {
                return Err(AppError::conflict(
                    "The order is not pending any more, and can't be replaced.",
                ));
            }
            let user = who_may_order(tx, order.user_id).await?;
            let products = products_of(tx, &order.lines).await?;

            let replaced = Model::replaced(user, now);
            let replaced = orders.update(id, replaced, None).await?;
            orders.remove_lines(id).await?;
            orders.add_lines(rows(order.lines, id, &products)).await?;
            Ok(orders.with_lines_of(replaced).await?)
        })
        .await
}

/// Changes an order, and answers it as of the change.
///
/// # Errors
///
/// 404 if there is no such order, 412 if it has none of the expected versions.
pub async fn change_order(
    app: &AppState,
    id: Uuid,
    patch: OrderPatch,
    expected: Option<&[i64]>,
) -> Result<OrderDetails> {
    let changes = patch.into_changes(app.clock.now());
    app.database
        .transaction(async |tx| {
            let orders = OrderRepository::new(tx);
            let order = orders.update(id, changes, expected).await?;
            Ok(orders.with_lines_of(order).await?)
        })
        .await
}

async fn who_may_order(tx: &Transaction, user_id: Uuid) -> Result<OrderUser> {
    match UserRepository::new(tx).find_by_id(user_id).await? {
        Some(user) if user.is_active => Ok(user.into()),
        Some(_) => Err(AppError::conflict(
            "The user is not active, and can't order.",
        )),
        None => Err(AppError::validation(vec![FieldError::pointer(
            "#/user_id",
            "is the id of no user",
        )])),
    }
}

/// The product of each line, in the order of the lines.
async fn products_of(tx: &Transaction, lines: &[OrderLineIn]) -> Result<Vec<products::Model>> {
    let products = ProductRepository::new(tx)
        .find_all(lines.iter().map(|line| line.product_id))
        .await?;
    let products: HashMap<Uuid, products::Model> = products
        .into_iter()
        .map(|product| (product.id, product))
        .collect();

    let mut errors = Vec::new();
    let mut found = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        if let Some(product) = products.get(&line.product_id) {
            found.push(product.clone());
        } else {
            let pointer = format!("#/lines/{index}/product_id");
            errors.push(FieldError::pointer(pointer, "is the id of no product"));
        }
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(AppError::validation(errors))
    }
}

/// The lines of an order, each with its product, as they are written.
fn rows(
    lines: Vec<OrderLineIn>,
    order_id: Uuid,
    products: &[products::Model],
) -> Vec<order_lines::ActiveModel> {
    let lines = lines.into_iter().zip(products);
    lines
        .map(|(line, product)| line.into_new(order_id, product))
        .collect()
}
