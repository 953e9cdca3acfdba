//! What of an answer is kept under an `Idempotency-Key`, and whose it is.

use app::core::database::Session;
use app::core::http::{AppError, Caller, IdempotencyKey, Result};
use app::core::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use rstest::rstest;
use sea_orm::ConnectionTrait;

use crate::support::TestApp;

const BY_ADA: &str = "Bearer ada";

/// A request with a key.
fn post() -> Builder {
    let request = Request::post("/toys").header("idempotency-key", "one");
    request.header("authorization", BY_ADA)
}

/// Does `work` once for the request.
async fn once(
    app: &AppState,
    request: Builder,
    work: impl AsyncFnOnce(Session<'_>) -> Result<(StatusCode, &'static str)>,
) -> Result<Response> {
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let key = IdempotencyKey::from_request_parts(&mut parts, &()).await?;
    key.once(app, work).await
}

/// Whether the answer is that of an earlier request.
fn is_replayed(answer: &Response) -> bool {
    answer.headers().contains_key("idempotency-replayed")
}

#[rstest]
#[case::as_an_answer(|status| Ok((status, "no")))]
#[case::as_an_error(|_| Err(AppError::internal("no")))]
#[tokio::test]
async fn an_answer_with_an_error_is_not_kept_and_what_it_wrote_is_undone(
    #[case] fail: fn(StatusCode) -> Result<(StatusCode, &'static str)>,
    #[values(400, 409, 500, 503)] status: u16,
) {
    let app = TestApp::new().await;
    let table = "CREATE TABLE effects (n INTEGER)";
    app.state.database.execute_unprepared(table).await.unwrap();
    let effect = "INSERT INTO effects VALUES (1)";
    let status = StatusCode::from_u16(status).unwrap();
    let failed = once(&app.state, post(), async |session: Session<'_>| {
        session
            .execute_unprepared(effect)
            .await
            .map_err(AppError::internal)?;
        fail(status)
    });
    let failed = failed.await.map(|answer| answer.status());
    assert!(failed.is_err() || failed.is_ok_and(|answer| answer == status));

    let again = once(&app.state, post(), async |session: Session<'_>| {
        session
            .execute_unprepared(effect)
            .await
            .map_err(AppError::internal)?;
        Ok((StatusCode::CREATED, "yes"))
    });
    let again = again.await.unwrap();
    assert_eq!(
        (again.status(), is_replayed(&again)),
        (StatusCode::CREATED, false)
    );
    let deleted = app.state.database.execute_unprepared("DELETE FROM effects");
    assert_eq!(deleted.await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn a_caller_that_was_authenticated_is_the_same_whatever_its_token() {
    let app = TestApp::new().await;
    let done = |request: Builder| async {
        let done = once(&app.state, request, async |_: Session<'_>| {
            Ok((StatusCode::CREATED, "done"))
        });
        is_replayed(&done.await.unwrap())
    };
    let by = |caller: &str, token: &'static str| {
        let request = Request::post("/toys").header("idempotency-key", "one");
        request
            .header("authorization", token)
            .extension(Caller::new(caller))
    };
    assert!(!done(post()).await);
    assert!(done(post()).await);
    assert!(!done(by("ada", BY_ADA)).await, "a name is no token");
    assert!(done(by("ada", "Bearer renewed")).await);
    assert!(!done(by("bob", "Bearer renewed")).await);
}
