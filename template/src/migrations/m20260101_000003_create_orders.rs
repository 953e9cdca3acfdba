//! The table `orders`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_len, timestamp_with_time_zone, uuid};

crate::register_migration!(Migration);

/// Creates `orders` and its indexes.
#[derive(Debug, DeriveMigrationName)]
struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("orders")
            .col(uuid("id"))
            .col(uuid("user_id"))
            .col(string_len("user_name", 100)) // as long as users.name
            .col(string_len("status", 16))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().name("pk_orders").col("id"))
            // A user with orders stays: they are the books. (`RESTRICT` would do the same, but SQLite reports that as a trigger's
            // error, which nobody recognises as a foreign key's.)
            .foreign_key(
                ForeignKey::create()
                    .name("fk_orders_user_id")
                    .from("orders", "user_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::NoAction),
            )
            // A text with a check and not a type of the database's own: a new status is one statement, inside a transaction.
            .check((
                "ck_orders_status",
                Expr::col("status").is_in(["pending", "paid", "shipped", "cancelled"]),
            ))
            .to_owned();
        manager.create_table(table).await?;

        // Orders are listed by time: all of them, those of one user, those in one status. The second is also what makes the check
        // of the foreign key cheap when a user is deleted.
        for index in [
            "CREATE INDEX ix_orders_created_at ON orders (created_at, id, status)",
            "CREATE INDEX ix_orders_user_id ON orders (user_id, created_at, id, status)",
            "CREATE INDEX ix_orders_status ON orders (status, created_at, id)",
        ] {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("orders").to_owned())
            .await
    }
}
