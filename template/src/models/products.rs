//! Products: what can be ordered.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{NotSet, Set};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::core::rfc3339;
use crate::models::base::{FIRST_VERSION, Record, many_lines, one_line, present};
use crate::models::price::{Price, PriceIn};

/// A row of `products`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    /// UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// 1–100 characters.
    pub name: String,
    /// What one of it costs.
    pub price: Price,
    /// At most 1000 characters.
    pub description: Option<String>,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When the product was created.
    pub created_at: DateTimeUtc,
    /// When the product was last changed.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

impl Record for Entity {
    const NAME: &'static str = "product";
    const ID: Column = Column::Id;
    const VERSION: Column = Column::Version;
}

/// A product, as it is created or replaced.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductIn {
    /// What the product is called.
    #[validate(length(min = 1, max = 100), custom(function = "one_line"))]
    #[schema(min_length = 1, max_length = 100, example = "Tea pot")]
    pub name: String,
    /// What one of it costs.
    #[schema(value_type = PriceIn)]
    pub price: Price,
    /// More about it.
    #[validate(length(max = 1000), custom(function = "many_lines"))]
    #[schema(max_length = 1000, example = "Holds a litre.")]
    pub description: Option<String>,
}

/// What shall change of a product. A field that is absent stays as it is; `null` clears one that is optional.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductPatch {
    /// What the product is called.
    #[serde(default, deserialize_with = "present")]
    #[validate(length(min = 1, max = 100), custom(function = "one_line"))]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 100,
        example = "Large tea pot"
    )]
    pub name: Option<String>,
    /// What one of it costs.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = PriceIn, required = false)]
    pub price: Option<Price>,
    /// More about it; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[validate(length(max = 1000), custom(function = "many_lines"))]
    #[schema(value_type = Option<String>, max_length = 1000, example = "Holds two litres.")]
    pub description: Option<Option<String>>,
}

/// A product, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProductOut {
    /// UUID of version 7.
    pub id: Uuid,
    /// What the product is called.
    #[schema(example = "Tea pot")]
    pub name: String,
    /// What one of it costs.
    pub price: Price,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Holds a litre.")]
    pub description: Option<String>,
    /// Counts the changes, from 1; the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the product was created.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    /// When the product was last changed.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

/// By what a list of products can be narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductFilter {
    /// Only those that cost at least so much.
    #[param(inline, example = "5")]
    pub min_price: Option<Price>,
    /// Only those that cost at most so much.
    #[param(inline, example = "19.9")]
    pub max_price: Option<Price>,
}

impl ProductIn {
    /// The row of a new product.
    #[must_use]
    pub fn into_new(self, now: DateTime<Utc>) -> ActiveModel {
        ActiveModel {
            id: Set(Uuid::now_v7()),
            version: Set(FIRST_VERSION),
            created_at: Set(now),
            ..self.into_replacement(now)
        }
    }

    /// What a PUT sets: everything that a client can set, so that an optional field that is absent is cleared.
    #[must_use]
    pub fn into_replacement(self, now: DateTime<Utc>) -> ActiveModel {
        let Self {
            name,
            price,
            description,
        } = self;
        ActiveModel {
            id: NotSet,
            name: Set(name),
            price: Set(price),
            description: Set(description),
            version: NotSet,
            created_at: NotSet,
            updated_at: Set(now),
        }
    }
}

impl ProductPatch {
    /// What a PATCH sets: what is there.
    #[must_use]
    pub fn into_changes(self, now: DateTime<Utc>) -> ActiveModel {
        let Self {
            name,
            price,
            description,
        } = self;
        ActiveModel {
            id: NotSet,
            name: name.map_or(NotSet, Set),
            price: price.map_or(NotSet, Set),
            description: description.map_or(NotSet, Set),
            version: NotSet,
            created_at: NotSet,
            updated_at: Set(now),
        }
    }
}

impl From<Model> for ProductOut {
    fn from(product: Model) -> Self {
        let Model {
            id,
            name,
            price,
            description,
            version,
            created_at,
            updated_at,
        } = product;
        Self {
            id,
            name,
            price,
            description,
            version,
            created_at,
            updated_at,
        }
    }
}
