//! Changing the status of orders, and deleting them.

use axum::http::StatusCode;
use serde_json::json;

use super::{Shop, path};

#[tokio::test]
async fn the_status_of_an_order_is_patched() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let paid = shop
        .app
        .patch(&path(&order))
        .header("if-match", "\"1\"")
        .json(&json!({ "status": "paid" }))
        .await;
    assert_eq!(paid.status, StatusCode::OK);
    assert_eq!(paid.header("etag"), "\"2\"");
    let paid = paid.json();
    assert_eq!(
        (&paid["status"], &paid["lines"]),
        (&json!("paid"), &order["lines"])
    );

    let stale = shop
        .app
        .patch(&path(&order))
        .header("if-match", "\"1\"")
        .json(&json!({ "status": "shipped" }))
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    for refused in [
        json!({ "status": "lost" }),
        json!({ "status": null }),
        json!({ "user_id": shop.user }),
    ] {
        let response = shop.app.patch(&path(&order)).json(&refused).await;
        assert_eq!(
            response.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_order_keeps_its_user_and_products_until_it_is_deleted() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let user = format!("/api/v1/users/{}", shop.user);
    let product = format!("/api/v1/products/{}", shop.products[0]);
    for path in [&user, &product] {
        let refused = shop.app.delete(path).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(refused.problem()["detail"], "Something else refers to it.");
    }
    assert_eq!(
        shop.app
            .delete(&path(&order))
            .header("if-match", "\"2\"")
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        shop.app.delete(&path(&order)).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        shop.app.delete(&path(&order)).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        shop.app.get(&path(&order)).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(shop.kept().await, (0, 0));
    for path in [&user, &product] {
        assert_eq!(shop.app.delete(path).await.status, StatusCode::NO_CONTENT);
    }
}
