//! Orders with their lines.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, LoaderTrait, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use crate::core::database::Result;
use crate::core::database::keyset::{Filter, Listed, SortKey};
use crate::models::order_lines;
use crate::models::orders::{Column, Entity, Model, OrderDetails, OrderFilter};

crate::repository! {
    /// Orders in the database, with their lines: a line has no repository of its own, since it is never alone.
    pub struct OrderRepository(Entity);
}

impl<C: ConnectionTrait> OrderRepository<'_, C> {
    /// Adds lines to orders.
    ///
    /// # Errors
    ///
    /// [`DataError::MissingReference`](crate::core::database::DataError::MissingReference) if there is no such order or product.
    pub async fn add_lines(&self, lines: Vec<order_lines::ActiveModel>) -> Result<()> {
        order_lines::Entity::insert_many(lines)
            .exec_without_returning(self.0)
            .await?;
        Ok(())
    }

    /// Takes all lines from an order.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`](crate::core::database::DataError::Database).
    pub async fn remove_lines(&self, order_id: Uuid) -> Result<()> {
        order_lines::Entity::delete_many()
            .filter(order_lines::Column::OrderId.eq(order_id))
            .exec(self.0)
            .await?;
        Ok(())
    }

    /// Adds to this order its lines, with one statement; see [`with_lines`](Self::with_lines).
    ///
    /// # Errors
    ///
    /// [`DataError::Database`](crate::core::database::DataError::Database).
    pub async fn with_lines_of(&self, order: Model) -> Result<OrderDetails> {
        let lines = order_lines::Entity::find()
            .filter(order_lines::Column::OrderId.eq(order.id))
            .order_by_asc(order_lines::Column::Id);
        let lines = lines.all(self.0).await?;
        Ok(OrderDetails { order, lines })
    }

    /// Adds to these orders their lines: one statement, however many orders they are.
    ///
    /// Orders and lines are read one after the other, so they fit together only in a transaction that has locked the orders or
    /// sees one state ([`Database::snapshot`](crate::core::database::Database::snapshot)).
    ///
    /// # Errors
    ///
    /// [`DataError::Database`](crate::core::database::DataError::Database).
    pub async fn with_lines(&self, orders: Vec<Model>) -> Result<Vec<OrderDetails>> {
        let in_order = order_lines::Entity::find().order_by_asc(order_lines::Column::Id);
        let lines = orders.load_many(in_order, self.0).await?;
        let orders = orders.into_iter().zip(lines);
        Ok(orders
            .map(|(order, lines)| OrderDetails { order, lines })
            .collect())
    }
}

impl Listed for Entity {
    type Filter = OrderFilter;

    const SORTS: &'static [SortKey<Self>] = &[SortKey::of(Column::CreatedAt)];
}

impl Filter for OrderFilter {
    fn condition(&self) -> Condition {
        Condition::all()
            .add_option(self.user_id.map(|user| Column::UserId.eq(user)))
            .add_option(self.status.map(|status| Column::Status.eq(status)))
    }
}
