//! Resources inside each other.

use std::sync::{Mutex, PoisonError};

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::nothing_is_held;
use crate::core::http::{AppError, Result, Routes, register_routes, routes};
use crate::core::state::AppState;
use crate::repositories::lab::{LabRepository, is_refusal};

register_routes! { management in local | dev at "/lab/safety" tagged "lab: safety": Routes::new().add(routes!(nested_resources)) }

/// In which order resources ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct NestedOut {
    /// What was opened, in order.
    #[schema(example = json!(["transaction", "savepoint", "inner savepoint"]))]
    opened: Vec<String>,
    /// What ended, in order: from the inside out.
    #[schema(example = json!(["inner savepoint", "savepoint", "transaction"]))]
    ended: Vec<String>,
    /// Whether the transaction went on after the savepoint in it had failed.
    went_on: bool,
    /// Whether nobody holds a connection any more. Others who use the service at the time hold some, too.
    nothing_is_held: bool,
}

/// Writes down when it begins and when it ends, however that happens.
struct Resource<'r>(&'static str, &'r Mutex<Vec<String>>);

impl<'r> Resource<'r> {
    fn open(
        name: &'static str,
        opened: &'r Mutex<Vec<String>>,
        ended: &'r Mutex<Vec<String>>,
    ) -> Self {
        note(opened, name);
        Self(name, ended)
    }
}

impl Drop for Resource<'_> {
    fn drop(&mut self) {
        note(self.1, self.0);
    }
}

fn note(list: &Mutex<Vec<String>>, name: &str) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    list.push(name.to_owned());
}

/// A transaction with savepoints
///
/// The innermost fails. It is undone alone, what is around it goes on, and everything ends from the inside out, on the one connection
/// that then goes back.
#[utoipa::path(get, path = "/nested_resources", responses((status = OK, body = NestedOut)))]
async fn nested_resources(app: AppState) -> Result<Json<NestedOut>> {
    let (opened, ended) = (Mutex::default(), Mutex::default());
    let open = |name| Resource::open(name, &opened, &ended);
    let transaction = app.database.transaction(async |tx| {
        let _transaction = open("transaction");
        let savepoint = tx.transaction(async |savepoint| {
            let _savepoint = open("savepoint");
            let inner = savepoint.transaction(async |inner| {
                let _inner = open("inner savepoint");
                LabRepository::new(inner).fail().await
            });
            let failed = inner.await.is_err_and(|error| is_refusal(&error));
            LabRepository::new(savepoint).ask().await?;
            Ok::<_, AppError>(failed)
        });
        let failed = savepoint.await?;
        LabRepository::new(tx).ask().await?;
        Ok::<_, AppError>(failed)
    });
    let went_on = transaction.await?;
    let nothing_is_held = nothing_is_held(&app).await;
    let list =
        |list: &Mutex<Vec<String>>| list.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Json(NestedOut {
        opened: list(&opened),
        ended: list(&ended),
        went_on,
        nothing_is_held,
    }))
}
