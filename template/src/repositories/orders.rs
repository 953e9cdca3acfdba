//! Orders with their lines.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, LoaderTrait, QueryOrder};
use uuid::Uuid;

use crate::core::database::keyset::{Filter, Listed, SortKey};
use crate::core::database::{DataError, Result};
use crate::models::base::Record;
use crate::models::orders::{Column, Entity, Model, OrderDetails, OrderFilter};
use crate::models::{order_lines, products, users};
use crate::repositories::base::BaseRepository;

crate::repository! {
    /// Orders in the database, with their lines: a line has no repository of its own, since it is never alone.
    pub struct OrderRepository(Entity);
}

impl<C: ConnectionTrait> OrderRepository<'_, C> {
    /// Adds lines to orders.
    ///
    /// # Errors
    ///
    /// [`DataError::MissingReference`] if there is no such order or product.
    pub async fn add_lines(&self, lines: Vec<order_lines::ActiveModel>) -> Result<()> {
        order_lines::Entity::insert_many(lines)
            .exec_without_returning(self.0)
            .await?;
        Ok(())
    }

    /// An order with all that belongs to it.
    ///
    /// # Errors
    ///
    /// [`DataError::NotFound`] if there is no such order.
    pub async fn get_details(&self, id: Uuid) -> Result<OrderDetails> {
        let order = self.get(id).await?;
        self.details_of(order).await
    }

    /// Loads what belongs to this order.
    ///
    /// # Errors
    ///
    /// [`DataError::NotFound`] if the order was deleted meanwhile.
    pub async fn details_of(&self, order: Model) -> Result<OrderDetails> {
        let id = order.id;
        let details = self.with_details(vec![order]).await?.pop();
        details.ok_or_else(|| DataError::NotFound {
            resource: Entity::NAME,
            id: id.to_string(),
        })
    }

    /// Loads what belongs to these orders: three statements, however many orders they are.
    ///
    /// Outside a transaction an order may be deleted between two of them; it is then left out.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`].
    pub async fn with_details(&self, orders: Vec<Model>) -> Result<Vec<OrderDetails>> {
        let users = orders.load_one(users::Entity, self.0).await?;
        let in_order = order_lines::Entity::find().order_by_asc(order_lines::Column::Id);
        let lines_of_orders = orders.load_many(in_order, self.0).await?;
        let lines: Vec<order_lines::Model> = lines_of_orders.iter().flatten().cloned().collect();
        let mut products = lines.load_one(products::Entity, self.0).await?.into_iter();

        let orders = orders.into_iter().zip(users).zip(lines_of_orders);
        let details = orders.map(|((order, user), lines)| {
            // Takes as many products as there are lines, also if the first is missing.
            let products: Vec<_> = products.by_ref().take(lines.len()).collect();
            let products: Option<Vec<_>> = products.into_iter().collect();
            Some(OrderDetails {
                order,
                user: user?,
                lines: lines.into_iter().zip(products?).collect(),
            })
        });
        Ok(details.flatten().collect())
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
