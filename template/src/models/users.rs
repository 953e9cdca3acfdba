//! Users: who can order.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{NotSet, Set};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::core::rfc3339;
use crate::models::base::{FIRST_VERSION, Record, email_address, one_line, present};

/// A row of `users`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// 1–100 characters.
    pub name: String,
    /// As it was written; unique regardless of case.
    pub email: String,
    /// In years, 0–150.
    pub age: Option<i32>,
    /// Whether the user may order.
    pub is_active: bool,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When the user was created.
    pub created_at: DateTimeUtc,
    /// When the user was last changed.
    pub updated_at: DateTimeUtc,
    /// The user's orders.
    #[sea_orm(has_many)]
    pub orders: HasMany<super::orders::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Record for Entity {
    const NAME: &'static str = "user";
    const ID: Column = Column::Id;
    const VERSION: Column = Column::Version;
    const UNIQUE: &'static [(&'static str, &'static [&'static str])] =
        &[("uq_users_email", &["email"])];
}

/// A user, as it is created or replaced.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserIn {
    /// What the user is called.
    #[validate(length(min = 1, max = 100), custom(function = "one_line"))]
    #[schema(min_length = 1, max_length = 100, example = "Ada Lovelace")]
    pub name: String,
    /// Where the user gets mail; unique, regardless of case.
    #[validate(length(max = 254), custom(function = "email_address"))]
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    pub email: String,
    /// In years.
    #[validate(range(min = 0, max = 150))]
    #[schema(minimum = 0, maximum = 150, example = 36)]
    pub age: Option<i32>,
    /// Whether the user may order.
    #[serde(default = "active")]
    #[schema(default = true)]
    pub is_active: bool,
}

/// What shall change of a user. A field that is absent stays as it is; `null` clears one that is optional.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// What the user is called.
    #[serde(default, deserialize_with = "present")]
    #[validate(length(min = 1, max = 100), custom(function = "one_line"))]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 100,
        example = "Ada King"
    )]
    pub name: Option<String>,
    /// Where the user gets mail; unique, regardless of case.
    #[serde(default, deserialize_with = "present")]
    #[validate(length(max = 254), custom(function = "email_address"))]
    #[schema(nullable = false, format = Email, max_length = 254, example = "ada@example.com")]
    pub email: Option<String>,
    /// In years; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[validate(range(min = 0, max = 150))]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 150, example = 37)]
    pub age: Option<Option<i32>>,
    /// Whether the user may order.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, example = false)]
    pub is_active: Option<bool>,
}

/// A user, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserOut {
    /// UUID of version 7.
    pub id: Uuid,
    /// What the user is called.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// Where the user gets mail, as it was written.
    #[schema(format = Email, example = "ada@example.com")]
    pub email: String,
    /// In years.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 36)]
    pub age: Option<i32>,
    /// Whether the user may order.
    pub is_active: bool,
    /// Counts the changes, from 1; the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// When the user was created.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

/// Users that were created together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreatedUsersOut {
    /// How many.
    #[schema(minimum = 1, example = 1)]
    pub created: usize,
    /// Their ids, in the order in which the users were sent.
    pub ids: Vec<Uuid>,
}

impl From<Vec<Uuid>> for CreatedUsersOut {
    fn from(ids: Vec<Uuid>) -> Self {
        Self {
            created: ids.len(),
            ids,
        }
    }
}

/// By what a list of users can be narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserFilter {
    /// Only those who are active, or only those who are not.
    pub is_active: Option<bool>,
    /// Only those who are at least so old; those without an age are not.
    #[validate(range(min = 0, max = 150))]
    #[param(minimum = 0, maximum = 150, example = 18)]
    pub min_age: Option<i32>,
}

impl UserIn {
    /// The row of a new user.
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
            email,
            age,
            is_active,
        } = self;
        ActiveModel {
            id: NotSet,
            name: Set(name),
            email: Set(email),
            age: Set(age),
            is_active: Set(is_active),
            version: NotSet,
            created_at: NotSet,
            updated_at: Set(now),
        }
    }
}

impl UserPatch {
    /// What a PATCH sets: what is there.
    #[must_use]
    pub fn into_changes(self, now: DateTime<Utc>) -> ActiveModel {
        let Self {
            name,
            email,
            age,
            is_active,
        } = self;
        ActiveModel {
            id: NotSet,
            name: name.map_or(NotSet, Set),
            email: email.map_or(NotSet, Set),
            age: age.map_or(NotSet, Set),
            is_active: is_active.map_or(NotSet, Set),
            version: NotSet,
            created_at: NotSet,
            updated_at: Set(now),
        }
    }
}

impl From<Model> for UserOut {
    fn from(user: Model) -> Self {
        let Model {
            id,
            name,
            email,
            age,
            is_active,
            version,
            created_at,
            updated_at,
        } = user;
        Self {
            id,
            name,
            email,
            age,
            is_active,
            version,
            created_at,
            updated_at,
        }
    }
}

const fn active() -> bool {
    true
}
