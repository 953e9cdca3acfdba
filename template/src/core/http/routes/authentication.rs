//! Who guards the routes that are not for everybody.

use axum::Router;

use crate::core::registry::{Entry, Origin};
use crate::core::state::AppState;

/// How `authenticated` routes are guarded; an authentication part registers one with `inventory::submit!`.
#[derive(Clone, Copy)]
pub struct Authentication {
    /// Puts the guard in front of these routes.
    pub guard: fn(Router<AppState>) -> Router<AppState>,
    /// Who registers it.
    pub origin: Origin,
}

inventory::collect!(Authentication);

impl Entry for Authentication {
    const KIND: &'static str = "authentication part";

    /// There can be only one.
    fn key(&self) -> String {
        "authentication".to_owned()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}
