//! Products.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::core::database::Result;
use crate::core::database::keyset::{Filter, Listed, SortKey};
use crate::models::products::{Column, Entity, Model, ProductFilter};

crate::repository! {
    /// Products in the database.
    pub struct ProductRepository(Entity);
}

impl<C: ConnectionTrait> ProductRepository<'_, C> {
    /// Those products of these ids that there are, in no particular order, with one statement.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`](crate::core::database::DataError::Database).
    pub async fn find_all(&self, ids: impl IntoIterator<Item = Uuid>) -> Result<Vec<Model>> {
        Ok(Entity::find()
            .filter(Column::Id.is_in(ids))
            .all(self.0)
            .await?)
    }
}

impl Listed for Entity {
    type Filter = ProductFilter;

    const SORTS: &'static [SortKey<Self>] = &[
        SortKey::of(Column::CreatedAt),
        SortKey::of(Column::Name),
        SortKey::of(Column::Price),
    ];
}

impl Filter for ProductFilter {
    fn condition(&self) -> Condition {
        Condition::all()
            .add_option(self.min_price.map(|price| Column::Price.gte(price)))
            .add_option(self.max_price.map(|price| Column::Price.lte(price)))
    }
}
