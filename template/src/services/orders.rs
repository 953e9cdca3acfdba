//! Orders: an order and its lines are written together or not at all.

use std::collections::HashMap;

use uuid::Uuid;

use crate::core::database::{DataError, Transaction};
use crate::core::http::{AppError, FieldError, Result};
use crate::core::state::AppState;
use crate::models::orders::{Model, OrderDetails, OrderIn, OrderPatch};
use crate::models::price::Price;
use crate::repositories::base::BaseRepository;
use crate::repositories::orders::OrderRepository;
use crate::repositories::products::ProductRepository;
use crate::repositories::users::UserRepository;

/// Places an order, at the prices that its products have now.
///
/// # Errors
///
/// 422 if the user or a product doesn't exist, 409 if the user is not active.
pub async fn place_order(app: &AppState, order: OrderIn) -> Result<OrderDetails> {
    let now = app.clock.now();
    app.database
        .transaction(async |tx| {
            may_order(tx, order.user_id).await?;
            let prices = prices_of(tx, &order).await?;

            let orders = OrderRepository::new(tx);
            let placed = orders.create(Model::placed(order.user_id, now)).await?;
            let lines = order.lines.into_iter().zip(prices);
            orders
                .add_lines(
                    lines
                        .map(|(line, price)| line.into_new(placed.id, price))
                        .collect(),
                )
                .await?;
            Ok(orders.details_of(placed).await?)
        })
        .await
}

/// Changes an order, and answers it with what belongs to it as of the change.
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
            Ok(orders.details_of(order).await?)
        })
        .await
}

async fn may_order(tx: &Transaction, user_id: Uuid) -> Result<()> {
    match UserRepository::new(tx).get(user_id).await {
        Ok(user) if user.is_active => Ok(()),
        Ok(_) => Err(AppError::conflict(
            "The user is not active, and can't order.",
        )),
        Err(DataError::NotFound { .. }) => Err(AppError::validation(vec![FieldError::pointer(
            "#/user_id",
            "is the id of no user",
        )])),
        Err(error) => Err(error.into()),
    }
}

/// The price of each line's product, in the order of the lines.
async fn prices_of(tx: &Transaction, order: &OrderIn) -> Result<Vec<Price>> {
    let products = ProductRepository::new(tx)
        .find_all(order.lines.iter().map(|line| line.product_id))
        .await?;
    let prices: HashMap<Uuid, Price> = products
        .into_iter()
        .map(|product| (product.id, product.price))
        .collect();

    let mut errors = Vec::new();
    let mut found = Vec::with_capacity(order.lines.len());
    for (index, line) in order.lines.iter().enumerate() {
        if let Some(price) = prices.get(&line.product_id) {
            found.push(*price);
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
