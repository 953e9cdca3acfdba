//! Users, many at a time.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;
use validator::Validate;

use crate::core::config::{AppEnv, Defaults, Section};
use crate::core::database::{DataError, Session};
use crate::core::http::{AppError, FieldError, Result};
use crate::core::state::AppState;
use crate::models::users::UserIn;
use crate::repositories::base::BaseRepository;
use crate::repositories::users::UserRepository;

/// Requests that create many at once.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
struct BatchConfig {
    /// How many one request may create. `SERVER_BODY_LIMIT_BYTES` must have room for them.
    #[validate(range(min = 1, max = 30_000))]
    max_items: usize,
}

impl Section for BatchConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new().with("max_items", 500)
    }
}

crate::register_section! { "BATCH_": BatchConfig }

/// Creates all of these users or none, with as few statements as can bind them. Answers their ids in the same order.
///
/// # Errors
///
/// 422 if there are none, too many, or two with one e-mail address; 409 if there is a user already with one of the addresses. Each
/// names the users at fault by their index.
pub async fn create_users(
    app: &AppState,
    session: Session<'_>,
    users: Vec<UserIn>,
) -> Result<Vec<Uuid>> {
    let most = app.config.section::<BatchConfig>().max_items;
    if !(1..=most).contains(&users.len()) {
        let detail = format!("must have 1 to {most} items, has {}", users.len());
        return Err(AppError::validation(vec![FieldError::pointer("#", detail)]));
    }
    let emails: Vec<String> = users.iter().map(|user| user.email.clone()).collect();
    let twice = named_twice(&emails);
    if !twice.is_empty() {
        return Err(AppError::validation(twice));
    }

    let now = app.clock.now();
    let rows: Vec<_> = users.into_iter().map(|user| user.into_new(now)).collect();
    let ids = rows.iter().filter_map(|row| row.id.try_as_ref().copied());
    let ids: Vec<Uuid> = ids.collect();
    let created = session.transaction(async |tx| UserRepository::new(tx).create_many(rows).await);
    match created.await {
        Err(error @ DataError::Conflict { .. }) => Err(taken(session, &emails, error).await?),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(ids),
    }
}

/// The users with an address that one before them has.
fn named_twice(emails: &[String]) -> Vec<FieldError> {
    let mut first = HashMap::new();
    let mut errors = Vec::new();
    for (index, email) in emails.iter().enumerate() {
        let first = *first.entry(email.to_ascii_lowercase()).or_insert(index);
        if first != index {
            let detail = format!("is the address of #/{first}, too");
            errors.push(FieldError::pointer(format!("#/{index}/email"), detail));
        }
    }
    errors
}

/// Which of the addresses were there already. The database names the constraint only.
async fn taken(session: Session<'_>, emails: &[String], error: DataError) -> Result<AppError> {
    let taken = UserRepository::new(&session)
        .find_taken_emails(emails)
        .await?;
    let errors = emails.iter().enumerate().filter_map(|(index, email)| {
        let is_taken = taken.contains(&email.to_ascii_lowercase());
        let pointer = format!("#/{index}/email");
        is_taken.then(|| FieldError::pointer(pointer, "is the address of another user"))
    });
    Ok(AppError::from(error).with_errors(errors.collect()))
}
