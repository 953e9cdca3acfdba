//! Orders, and the wire types of an order with its lines.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sea_orm::entity::prelude::*;
use sea_orm::{NotSet, Set};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::core::rfc3339;
use crate::models::base::{FIRST_VERSION, Record, present};
use crate::models::price::Price;
use crate::models::{order_lines, products, users};

/// A row of `orders`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    /// UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who ordered.
    pub user_id: Uuid,
    /// What the user was called when the order was placed: later changes of the name don't reach it.
    pub user_name: String,
    /// How far it is.
    pub status: OrderStatus,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When the order was placed.
    pub created_at: DateTimeUtc,
    /// When the order was last changed.
    pub updated_at: DateTimeUtc,
    /// Who ordered.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<users::Entity>,
    /// What was ordered.
    #[sea_orm(has_many)]
    pub lines: HasMany<order_lines::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Record for Entity {
    const NAME: &'static str = "order";
    const ID: Column = Column::Id;
    const VERSION: Column = Column::Version;
}

/// How far an order is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "snake_case"
)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Placed, not paid.
    Pending,
    /// Paid, not sent.
    Paid,
    /// On its way.
    Shipped,
    /// Given up.
    Cancelled,
}

/// An order with its lines, as the repository loads it.
///
/// That is all an order is: of its user and its products it keeps what is shown of them. So what an order says is what was agreed
/// on, whatever becomes of a name or a price; and its version, which is its `ETag`, stands for every byte of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderDetails {
    /// The order.
    pub order: Model,
    /// What was ordered, in the order it was placed in.
    pub lines: Vec<order_lines::Model>,
}

/// An order, as it is placed.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderIn {
    /// Who orders.
    pub user_id: Uuid,
    /// What is ordered, at least one line.
    #[validate(length(min = 1, max = 100), nested)]
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<OrderLineIn>,
}

/// A line of an order, as it is placed. (The derive of `Validate` wants `Serialize` of what a list holds.)
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLineIn {
    /// What is ordered.
    pub product_id: Uuid,
    /// How many of it.
    #[validate(range(min = 1, max = 10_000))]
    #[schema(minimum = 1, maximum = 10_000, example = 2)]
    pub quantity: i32,
}

/// What shall change of an order. A field that is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPatch {
    /// How far it is.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = OrderStatus, required = false)]
    pub status: Option<OrderStatus>,
}

/// An order, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderOut {
    /// UUID of version 7.
    pub id: Uuid,
    /// How far it is.
    pub status: OrderStatus,
    /// Who ordered.
    pub user: OrderUser,
    /// What was ordered, in the order it was placed in.
    pub lines: Vec<OrderLineOut>,
    /// What all of it costs. It may have more digits than a price.
    #[schema(value_type = String, example = "39.8")]
    pub total: Decimal,
    /// Counts the changes, from 1; the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the order was placed.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    /// When the order was last changed.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

/// Who ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderUser {
    /// The user's id.
    pub id: Uuid,
    /// What the user was called when the order was placed.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
}

/// A line of an order, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderLineOut {
    /// The product's id.
    pub product_id: Uuid,
    /// What the product was called when the order was placed.
    #[schema(example = "Tea pot")]
    pub product_name: String,
    /// How many of it.
    #[schema(example = 2)]
    pub quantity: i32,
    /// What one of them cost when the order was placed.
    pub unit_price: Price,
}

/// By what a list of orders can be narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderFilter {
    /// Only those of this user.
    pub user_id: Option<Uuid>,
    /// Only those that are this far.
    #[param(inline)]
    pub status: Option<OrderStatus>,
}

impl Model {
    /// A new order of this user.
    #[must_use]
    pub fn placed(user: OrderUser, now: DateTime<Utc>) -> ActiveModel {
        ActiveModel {
            id: Set(Uuid::now_v7()),
            status: Set(OrderStatus::Pending),
            version: Set(FIRST_VERSION),
            created_at: Set(now),
            ..Self::replaced(user, now)
        }
    }

    /// What a PUT sets of the order itself; its lines are replaced beside it.
    #[must_use]
    pub fn replaced(user: OrderUser, now: DateTime<Utc>) -> ActiveModel {
        let OrderUser { id, name } = user;
        ActiveModel {
            id: NotSet,
            user_id: Set(id),
            user_name: Set(name),
            status: NotSet,
            version: NotSet,
            created_at: NotSet,
            updated_at: Set(now),
        }
    }
}

impl OrderLineIn {
    /// The row of a line of this order, with what this product, which is the one it names, is called and costs now.
    #[must_use]
    pub fn into_new(self, order_id: Uuid, product: &products::Model) -> order_lines::ActiveModel {
        let Self {
            product_id,
            quantity,
        } = self;
        order_lines::ActiveModel {
            id: Set(Uuid::now_v7()),
            order_id: Set(order_id),
            product_id: Set(product_id),
            product_name: Set(product.name.clone()),
            quantity: Set(quantity),
            unit_price: Set(product.price),
        }
    }
}

impl OrderPatch {
    /// What a PATCH sets: what is there.
    #[must_use]
    pub fn into_changes(self, now: DateTime<Utc>) -> ActiveModel {
        let Self { status } = self;
        ActiveModel {
            id: NotSet,
            user_id: NotSet,
            user_name: NotSet,
            status: status.map_or(NotSet, Set),
            version: NotSet,
            created_at: NotSet,
            updated_at: Set(now),
        }
    }
}

impl From<OrderDetails> for OrderOut {
    fn from(details: OrderDetails) -> Self {
        let OrderDetails { order, lines } = details;
        let Model {
            id,
            user_id,
            user_name,
            status,
            version,
            created_at,
            updated_at,
        } = order;
        let lines: Vec<_> = lines.into_iter().map(OrderLineOut::from).collect();
        // At most 100 lines of 10 000 pieces: 21 digits before the point and 4 behind it, of the 28 that a decimal has.
        let total = lines
            .iter()
            .map(|line| line.unit_price.amount() * Decimal::from(line.quantity))
            .sum::<Decimal>();
        Self {
            id,
            status,
            user: OrderUser {
                id: user_id,
                name: user_name,
            },
            lines,
            total: total.normalize(),
            version,
            created_at,
            updated_at,
        }
    }
}

impl From<users::Model> for OrderUser {
    fn from(user: users::Model) -> Self {
        Self {
            id: user.id,
            name: user.name,
        }
    }
}

impl From<order_lines::Model> for OrderLineOut {
    fn from(line: order_lines::Model) -> Self {
        let order_lines::Model {
            id: _,
            order_id: _,
            product_id,
            product_name,
            quantity,
            unit_price,
        } = line;
        Self {
            product_id,
            product_name,
            quantity,
            unit_price,
        }
    }
}
