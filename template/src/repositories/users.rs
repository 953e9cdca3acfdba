//! Users.

use std::collections::HashSet;

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::core::database::Result;
use crate::core::database::keyset::{Filter, Listed, SortKey};
use crate::models::users::{Column, Entity, Model, UserFilter};

crate::repository! {
    /// Users in the database.
    pub struct UserRepository(Entity);
}

impl<C: ConnectionTrait> UserRepository<'_, C> {
    /// The user with this e-mail address, regardless of case.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`](crate::core::database::DataError::Database).
    pub async fn find_by_email(&self, email: &str) -> Result<Option<Model>> {
        // The expression that the unique index is on. Addresses are ASCII, so both lower cases agree.
        let email =
            Expr::expr(Func::lower(Expr::col(Column::Email))).eq(email.to_ascii_lowercase());
        Ok(Entity::find().filter(email).one(self.0).await?)
    }

    /// Those of these addresses that users have, in lower case.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`](crate::core::database::DataError::Database).
    pub async fn find_taken_emails(&self, emails: &[String]) -> Result<HashSet<String>> {
        let address = || Expr::expr(Func::lower(Expr::col(Column::Email)));
        let wanted = emails.iter().map(|email| email.to_ascii_lowercase());
        let taken = Entity::find()
            .select_only()
            .column_as(address(), "email")
            .filter(address().is_in(wanted))
            .into_tuple::<String>();
        Ok(taken.all(self.0).await?.into_iter().collect())
    }
}

/// Where users without an age stand when lists are sorted by it: before all others.
const NO_AGE: i32 = -1;

const BY_AGE: SortKey<Entity> = SortKey::with_null_as(Column::Age, NO_AGE);

impl Listed for Entity {
    type Filter = UserFilter;

    const SORTS: &'static [SortKey<Self>] = &[
        SortKey::of(Column::CreatedAt),
        SortKey::of(Column::Name),
        BY_AGE,
    ];
}

impl Filter for UserFilter {
    fn condition(&self) -> Condition {
        Condition::all()
            .add_option(self.is_active.map(|active| Column::IsActive.eq(active)))
            .add_option(self.min_age.map(|age| BY_AGE.expr().gte(age)))
    }
}
