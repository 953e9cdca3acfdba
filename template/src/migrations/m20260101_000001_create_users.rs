//! The table `users`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, integer_null, string_len, timestamp_with_time_zone, uuid,
};

crate::register_migration!(Migration);

/// Creates `users` and its indexes.
#[derive(Debug, DeriveMigrationName)]
struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("users")
            .col(uuid("id"))
            .col(string_len("name", 100))
            .col(string_len("email", 254)) // the longest address a mail server must accept
            .col(integer_null("age"))
            .col(boolean("is_active"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().name("pk_users").col("id"))
            .check(("ck_users_age", Expr::col("age").between(0, 150)))
            .to_owned();
        manager.create_table(table).await?;

        // One index a sort key, so that each list is a walk along an index. The columns that lists can be narrowed by stand at
        // its end: rows that don't match are passed over in the index, without a visit to the table. NULL has its place in the
        // order as -1, so every expression on `age` is this one.
        // As text, since the statement builder knows no indexes of expressions on SQLite; both databases read it alike.
        for index in [
            "CREATE UNIQUE INDEX uq_users_email ON users (lower(email))",
            "CREATE INDEX ix_users_created_at ON users (created_at, id, is_active, coalesce(age, -1))",
            "CREATE INDEX ix_users_name ON users (name, id, is_active, coalesce(age, -1))",
            "CREATE INDEX ix_users_age ON users (coalesce(age, -1), id, is_active)",
        ] {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("users").to_owned())
            .await
    }
}
