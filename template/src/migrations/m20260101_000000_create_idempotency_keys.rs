//! The table `idempotency_keys`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    binary_null, integer_null, string_len, text_null, timestamp_with_time_zone,
};

crate::register_migration!(Migration);

/// Creates `idempotency_keys` and its index.
#[derive(Debug, DeriveMigrationName)]
struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("idempotency_keys")
            .col(string_len("scope", 64))
            .col(string_len("fingerprint", 64))
            .col(integer_null("status"))
            .col(text_null("headers"))
            .col(binary_null("body"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .primary_key(Index::create().name("pk_idempotency_keys").col("scope"))
            .to_owned();
        manager.create_table(table).await?;
        // Those whose time is over are looked for again and again.
        let index = "CREATE INDEX ix_idempotency_keys_expires_at ON idempotency_keys (expires_at)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("idempotency_keys").to_owned())
            .await
    }
}
