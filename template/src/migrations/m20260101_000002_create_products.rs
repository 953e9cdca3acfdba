//! The table `products`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, decimal_len, string_len, string_len_null, timestamp_with_time_zone, uuid,
};

crate::register_migration!(Migration);

/// Creates `products` and its indexes.
#[derive(Debug, DeriveMigrationName)]
struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("products")
            .col(uuid("id"))
            .col(string_len("name", 100))
            // 15 digits, all of which may stand before the point, and 4 behind it. SQLite makes it REAL, which is why a price has
            // no more digits than a double keeps.
            .col(decimal_len("price", 19, 4))
            .col(string_len_null("description", 1000))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().name("pk_products").col("id"))
            .check(("ck_products_price", Expr::col("price").gte(0)))
            .to_owned();
        manager.create_table(table).await?;

        // One index a sort key, with the column that lists can be narrowed by at its end: see the users' migration.
        for index in [
            "CREATE INDEX ix_products_created_at ON products (created_at, id, price)",
            "CREATE INDEX ix_products_name ON products (name, id, price)",
            "CREATE INDEX ix_products_price ON products (price, id)",
        ] {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("products").to_owned())
            .await
    }
}
