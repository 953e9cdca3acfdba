//! Orders.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod change;
mod list;
mod place;
mod replace;

use app::core::clock::Clock;
use axum::http::StatusCode;
use chrono::DateTime;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::TestApp;

/// A service with a user and two products.
struct Shop {
    app: TestApp,
    user: String,
    products: [String; 2],
}

impl Shop {
    async fn open() -> Self {
        let time = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let app = TestApp::build([], |builder| builder.clock(Clock::fixed(time))).await;
        let user = create(
            &app,
            "users",
            json!({ "name": "Ada", "email": "ada@example.com" }),
        )
        .await;
        let tea_pot = create(
            &app,
            "products",
            json!({ "name": "Tea pot", "price": "19.90" }),
        )
        .await;
        let cup = create(&app, "products", json!({ "name": "Cup", "price": "3.5" })).await;
        Self {
            app,
            user,
            products: [tea_pot, cup],
        }
    }

    /// An order of one tea pot and four cups.
    fn order(&self) -> Value {
        json!({ "user_id": self.user, "lines": [
            { "product_id": self.products[0], "quantity": 1 },
            { "product_id": self.products[1], "quantity": 4 },
        ] })
    }

    async fn place(&self) -> Value {
        let placed = self.app.post("/api/v1/orders").json(&self.order()).await;
        placed.expect_status(StatusCode::CREATED).json()
    }

    /// How many orders and lines there are.
    async fn kept(&self) -> (u64, u64) {
        use app::models::{order_lines, orders};

        let database = &self.app.state.database;
        let orders = orders::Entity::find().count(database).await.unwrap();
        (
            orders,
            order_lines::Entity::find().count(database).await.unwrap(),
        )
    }
}

async fn create(app: &TestApp, collection: &str, body: Value) -> String {
    let created = app.post(&format!("/api/v1/{collection}")).json(&body).await;
    let created = created.expect_status(StatusCode::CREATED).json();
    created["id"].as_str().unwrap().to_owned()
}

fn path(order: &Value) -> String {
    format!("/api/v1/orders/{}", order["id"].as_str().unwrap())
}
