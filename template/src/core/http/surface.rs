//! What a port serves: the registered routes of its surface behind the middleware.

use axum::Router;

use super::middleware;
use super::routes::Api;
use super::{AppError, ProblemCode, docs};
use crate::core::config::DocsConfig;
use crate::core::state::AppState;

/// Which routes a port serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// All of them: where `SERVER_MANAGEMENT_PORT` is not set.
    All,
    /// What clients may call.
    Public,
    /// What operators and probes call.
    Management,
}

impl Api {
    /// The routes of this surface behind the middleware.
    pub fn router(&self, app: &AppState, surface: Surface) -> Router {
        let management = || {
            self.management
                .clone()
                .method_not_allowed_fallback(wrong_method)
        };
        let public = || {
            let mut router = self.public.clone();
            if app.config.section::<DocsConfig>().enabled {
                router = router.merge(docs::router(&self.document_for(surface)));
            }
            router
                .method_not_allowed_fallback(wrong_method)
                .fallback(unknown_path)
        };
        let router = match surface {
            Surface::All => {
                middleware::public(public(), app).merge(middleware::management(management(), app))
            }
            Surface::Public => middleware::public(public(), app),
            Surface::Management => middleware::management(management().fallback(unknown_path), app),
        };
        router.with_state(app.clone())
    }
}

async fn unknown_path() -> AppError {
    AppError::new(ProblemCode::UnknownPath)
}

async fn wrong_method() -> AppError {
    AppError::new(ProblemCode::MethodNotAllowed)
}
