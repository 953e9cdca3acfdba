//! The lines of orders. They have no life of their own: they come and go with their order.

use sea_orm::entity::prelude::*;

use crate::models::price::Price;

/// A row of `order_lines`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_lines")]
pub struct Model {
    /// UUID of version 7; an order's lines are read in its order, which is the order they were placed in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The order it belongs to.
    pub order_id: Uuid,
    /// What is ordered.
    pub product_id: Uuid,
    /// What it was called when the order was placed: later changes of the product's name don't reach it.
    pub product_name: String,
    /// How many of it, 1–10 000.
    pub quantity: i32,
    /// What one of them cost when the order was placed: later changes of the product's price don't reach it.
    pub unit_price: Price,
    /// The order it belongs to.
    #[sea_orm(belongs_to, from = "order_id", to = "id")]
    pub order: BelongsTo<super::orders::Entity>,
    /// What is ordered.
    #[sea_orm(belongs_to, from = "product_id", to = "id")]
    pub product: BelongsTo<super::products::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
