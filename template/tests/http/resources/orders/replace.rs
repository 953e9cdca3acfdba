//! Replacing orders.

use axum::http::StatusCode;
use rstest::rstest;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Shop, create, path};

/// An order of nine cups.
fn cups(shop: &Shop) -> Value {
    json!({ "user_id": shop.user, "lines": [{ "product_id": shop.products[1], "quantity": 9 }] })
}

#[tokio::test]
async fn replace_order_replaces_user_and_lines_at_the_names_and_prices_of_the_moment() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let bob = json!({ "name": "Bob", "email": "bob@example.com" });
    let bob = create(&shop.app, "users", bob).await;
    let cup = format!("/api/v1/products/{}", shop.products[1]);
    let dearer = shop.app.patch(&cup).json(&json!({ "price": 4 })).await;
    dearer.expect_status(StatusCode::OK);

    let mut new = cups(&shop);
    new["user_id"] = json!(bob);
    let replaced = shop.app.put(&path(&order)).json(&new).await;
    assert_eq!(replaced.status, StatusCode::OK);
    assert_eq!(replaced.header("etag"), "\"2\"");
    let expected = json!({
        "id": order["id"],
        "status": "pending",
        "user": { "id": bob, "name": "Bob" },
        "lines": [
            { "product_id": shop.products[1], "product_name": "Cup", "quantity": 9, "unit_price": "4" },
        ],
        "total": "36",
        "version": 2,
        "created_at": order["created_at"],
        "updated_at": order["updated_at"], // the clock stands still
    });
    assert_eq!(replaced.json(), expected);
    assert_eq!(shop.app.get(&path(&order)).await.json(), expected);
    assert_eq!(shop.kept().await, (1, 1));
}

#[tokio::test]
async fn replace_order_is_refused_for_another_version() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let put = async |tag: &str| {
        let put = shop.app.put(&path(&order)).header("if-match", tag);
        put.json(&cups(&shop)).await
    };
    let first = put("\"1\"").await.expect_status(StatusCode::OK).json();
    let stale = put("\"1\"").await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(shop.app.get(&path(&order)).await.json(), first);
    assert_eq!(put("\"2\"").await.header("etag"), "\"3\"");
}

#[rstest]
#[case("paid")]
#[case("shipped")]
#[case("cancelled")]
#[tokio::test]
async fn replace_order_is_refused_once_the_order_is_not_pending(#[case] status: &str) {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let patched = shop.app.patch(&path(&order));
    let patched = patched.json(&json!({ "status": status })).await;
    let patched = patched.expect_status(StatusCode::OK).json();

    let response = shop.app.put(&path(&order)).json(&cups(&shop)).await;
    assert_eq!(response.status, StatusCode::CONFLICT);
    assert_eq!(
        response.problem()["detail"],
        "The order is not pending any more, and can't be replaced."
    );
    assert_eq!(shop.app.get(&path(&order)).await.json(), patched);
}

#[tokio::test]
async fn replace_order_rejects_what_could_not_be_placed_and_changes_nothing() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let nothing = Uuid::now_v7();
    let mut of_nobody = cups(&shop);
    of_nobody["user_id"] = json!(nothing);
    let mut of_nothing = cups(&shop);
    of_nothing["lines"][0]["product_id"] = json!(nothing);
    let mut empty = cups(&shop);
    empty["lines"] = json!([]);
    for (new, pointer) in [
        (of_nobody, "#/user_id"),
        (of_nothing, "#/lines/0/product_id"),
        (empty, "#/lines"),
    ] {
        let response = shop.app.put(&path(&order)).json(&new).await;
        assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.problem()["errors"][0]["pointer"], pointer);
    }
    let user = format!("/api/v1/users/{}", shop.user);
    let inactive = shop.app.patch(&user).json(&json!({ "is_active": false }));
    inactive.await.expect_status(StatusCode::OK);
    let response = shop.app.put(&path(&order)).json(&cups(&shop)).await;
    assert_eq!(response.status, StatusCode::CONFLICT);
    assert_eq!(shop.app.get(&path(&order)).await.json(), order);

    let missing = shop.app.put(&format!("/api/v1/orders/{nothing}"));
    let missing = missing.json(&cups(&shop)).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn replace_order_keeps_the_order_as_it_was_if_the_new_lines_can_t_be_kept() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    // when the order is changed and its lines are gone, the new ones meet an index that refuses them
    let refuse = "CREATE UNIQUE INDEX one_line_a_product ON order_lines (product_id)";
    let database = &shop.app.state.database;
    database.execute_unprepared(refuse).await.unwrap();
    let mut twice = cups(&shop);
    let line = twice["lines"][0].clone();
    twice["lines"].as_array_mut().unwrap().push(line);
    let response = shop.app.put(&path(&order)).json(&twice).await;
    assert_eq!(response.status, StatusCode::CONFLICT);
    assert_eq!(
        shop.app.get(&path(&order)).await.json(),
        order,
        "it was rolled back"
    );
}
