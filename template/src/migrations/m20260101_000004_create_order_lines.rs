//! The table `order_lines`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{decimal_len, integer, string_len, uuid};

crate::register_migration!(Migration);

/// Creates `order_lines` and its indexes.
#[derive(Debug, DeriveMigrationName)]
struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("order_lines")
            .col(uuid("id"))
            .col(uuid("order_id"))
            .col(uuid("product_id"))
            .col(string_len("product_name", 100)) // as long as products.name
            .col(integer("quantity"))
            .col(decimal_len("unit_price", 19, 4))
            .primary_key(Index::create().name("pk_order_lines").col("id"))
            // A line is part of its order and goes with it; a product that was ever ordered stays.
            .foreign_key(
                ForeignKey::create()
                    .name("fk_order_lines_order_id")
                    .from("order_lines", "order_id")
                    .to("orders", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("fk_order_lines_product_id")
                    .from("order_lines", "product_id")
                    .to("products", "id")
                    .on_delete(ForeignKeyAction::NoAction),
            )
            .check((
                "ck_order_lines_quantity",
                Expr::col("quantity").between(1, 10_000),
            ))
            .check(("ck_order_lines_unit_price", Expr::col("unit_price").gte(0)))
            .to_owned();
        manager.create_table(table).await?;

        // The foreign keys: an order's lines are read by the first, a product's deletion is checked by the second.
        for index in [
            "CREATE INDEX ix_order_lines_order_id ON order_lines (order_id, id)",
            "CREATE INDEX ix_order_lines_product_id ON order_lines (product_id)",
        ] {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("order_lines").to_owned())
            .await
    }
}
