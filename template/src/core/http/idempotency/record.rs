//! The table `idempotency_keys`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{Iterable, NotSet, QuerySelect, QueryTrait, Set};

use super::Answer;
use crate::core::database::{DataError, Database, Result, Transaction};

/// Keys that are removed with one statement.
const PURGED_AT_ONCE: u64 = 1000;

/// A row of `idempotency_keys`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub(super) struct Model {
    /// SHA-256 of method, path, query, caller and key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    /// SHA-256 of the body.
    pub fingerprint: String,
    /// The answer's status; like the rest of the answer it is there as soon as anybody else can see the row.
    pub status: Option<i32>,
    /// The answer's headers, as JSON.
    pub headers: Option<String>,
    /// The answer's body.
    pub body: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// Whose a key is.
pub(super) enum Claimed {
    ByUs,
    ByOther { fingerprint: String, answer: Answer },
}

/// Claims a key. If another transaction has claimed it and is still open, this waits for its end.
pub(super) async fn claim(
    tx: &Transaction,
    scope: &str,
    fingerprint: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Claimed> {
    let row = ActiveModel {
        scope: Set(scope.to_owned()),
        fingerprint: Set(fingerprint.to_owned()),
        status: Set(None),
        headers: Set(None),
        body: Set(None),
        created_at: Set(now),
        expires_at: Set(until),
    };
    let over = Expr::col(Column::ExpiresAt.as_column_ref()).lte(now);
    let mut taken_over = OnConflict::column(Column::Scope);
    let columns = Column::iter().filter(|column| !matches!(column, Column::Scope));
    taken_over.update_columns(columns).action_and_where(over);
    let insert = Entity::insert(row).on_conflict(taken_over);
    match insert.exec_without_returning(tx).await {
        Ok(0) | Err(DbErr::RecordNotInserted) => {}
        Ok(_) => return Ok(Claimed::ByUs),
        Err(error) => return Err(error.into()),
    }
    let Some(row) = Entity::find_by_id(scope).one(tx).await? else {
        let gone = "an idempotency key went away while it was looked at";
        return Err(DataError::Database(DbErr::Custom(gone.to_owned())));
    };
    let headers = row.headers.unwrap_or_default();
    let answer = Answer {
        status: row
            .status
            .and_then(|status| status.try_into().ok())
            .unwrap_or_default(),
        headers: serde_json::from_str(&headers).unwrap_or_default(),
        body: row.body.unwrap_or_default(),
    };
    Ok(Claimed::ByOther {
        fingerprint: row.fingerprint,
        answer,
    })
}

/// Keeps the answer to the request that claimed the key.
pub(super) async fn finish(tx: &Transaction, scope: &str, answer: Answer) -> Result<()> {
    let headers = serde_json::to_string(&answer.headers).unwrap_or_default();
    let row = ActiveModel {
        scope: NotSet,
        fingerprint: NotSet,
        status: Set(Some(answer.status.into())),
        headers: Set(Some(headers)),
        body: Set(Some(answer.body)),
        created_at: NotSet,
        expires_at: NotSet,
    };
    let update = Entity::update_many().set(row);
    update.filter(Column::Scope.eq(scope)).exec(tx).await?;
    Ok(())
}

/// Removes all keys whose time is over, a few at a time, so that no statement takes long; answers how many.
pub(super) async fn purge(database: &Database, now: DateTime<Utc>) -> Result<u64> {
    let mut purged = 0;
    loop {
        let over = Entity::find()
            .select_only()
            .column(Column::Scope)
            .filter(Column::ExpiresAt.lte(now))
            .limit(PURGED_AT_ONCE)
            .into_query();
        // Asked again of the row itself: a request may have taken the key over since it was found.
        let delete = Entity::delete_many()
            .filter(Column::Scope.in_subquery(over))
            .filter(Column::ExpiresAt.lte(now));
        let removed = delete.exec(database).await?.rows_affected;
        purged += removed;
        // Fewer than there might have been: the rest is gone, or another replica is at it.
        if removed < PURGED_AT_ONCE {
            return Ok(purged);
        }
    }
}
