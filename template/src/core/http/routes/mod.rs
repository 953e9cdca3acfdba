//! The registry of routes: a file's routes, who may call them, and what is made of all of them at start.

mod api;
mod authentication;
mod error;
mod openapi;
mod reference;
mod table;

use axum::routing::MethodRouter;
use utoipa_axum::router::UtoipaMethodRouter;

pub use self::api::Api;
pub use self::authentication::Authentication;
pub use self::error::RoutesError;
pub use self::openapi::Document;
pub use self::reference::Reference;
pub use self::table::{RouteRow, route_table};
use crate::core::config::AppEnv;
use crate::core::registry::{Entry, Origin};
use crate::core::state::AppState;

/// The routes of one file: documented handlers, and nothing else.
///
/// A handler without an OpenAPI operation can't get in, since only [`routes!`](crate::core::http::routes) makes what [`Routes::add`] takes:
///
/// ```compile_fail
/// use app::core::http::Routes;
///
/// async fn hello() {}
///
/// Routes::new().add(axum::routing::get(hello));
/// ```
///
/// ```compile_fail
/// use app::core::http::{Routes, routes};
///
/// async fn hello() {} // no #[utoipa::path]
///
/// Routes::new().add(routes!(hello));
/// ```
///
/// ```
/// use app::core::http::{Routes, routes};
///
/// /// Say hello
/// #[utoipa::path(get, path = "/", responses((status = OK)))]
/// async fn hello() {}
///
/// Routes::new().add(routes!(hello));
/// ```
#[derive(Default)]
#[must_use]
pub struct Routes {
    handlers: Vec<Documented>,
}

impl Routes {
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds handlers: `routes!(list_users, create_user)`.
    #[expect(
        clippy::should_implement_trait,
        reason = "nobody would look for `+` between routes"
    )]
    pub fn add(mut self, handlers: impl IntoIterator<Item = Documented>) -> Self {
        self.handlers.extend(handlers);
        self
    }
}

/// One handler with its OpenAPI operation; made by [`routes!`](crate::core::http::routes).
pub struct Documented(UtoipaMethodRouter<AppState>);

impl Documented {
    #[doc(hidden)]
    #[must_use]
    pub fn new(handler: UtoipaMethodRouter<AppState>) -> Self {
        Self(handler)
    }

    fn method_router(&self) -> MethodRouter<AppState> {
        self.0.2.clone()
    }
}

/// The handlers of [`Routes::add`], each of which has a `#[utoipa::path]`.
#[macro_export]
macro_rules! documented_routes {
    // Handlers are taken one by one: `utoipa_axum` would answer on every path of a call with the handlers of all, and merge
    // operations before anybody could compare them.
    ($($($segment:ident)::+),+ $(,)?) => {
        [$($crate::core::http::Documented::new(::utoipa_axum::routes!($($segment)::+))),+]
    };
}

/// Who may call the routes of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// Everybody who reaches the service.
    Public,
    /// Only callers that an authentication part lets in; refused at start if there is none.
    Authenticated,
    /// Operators and probes: outside `local` only on `SERVER_MANAGEMENT_PORT`, never through an Ingress.
    Management,
}

impl Exposure {
    /// As it is written in `register_routes!` and in the table of routes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "authenticated",
            Self::Management => "management",
        }
    }
}

/// What a file registers; made by [`register_routes!`](crate::core::http::register_routes).
#[derive(Clone, Copy)]
pub struct RouteModule {
    #[doc(hidden)]
    pub exposure: Exposure,
    /// Where it is served, if not everywhere.
    #[doc(hidden)]
    pub only_in: Option<&'static [AppEnv]>,
    #[doc(hidden)]
    pub at: Option<&'static str>,
    #[doc(hidden)]
    pub tag: Option<&'static str>,
    #[doc(hidden)]
    pub routes: fn() -> Routes,
    #[doc(hidden)]
    pub origin: Origin,
}

inventory::collect!(RouteModule);

impl Entry for RouteModule {
    const KIND: &'static str = "route module";

    fn key(&self) -> String {
        format!("{} {}", self.origin.module, self.exposure.as_str())
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

impl RouteModule {
    /// What all its paths begin with: what it says itself, else `/api/v1/` and its place below `routes` (`routes::order_lines` →
    /// `/api/v1/order-lines`).
    fn prefix(&self) -> Option<String> {
        if let Some(at) = self.at {
            return Some(at.trim_end_matches('/').to_owned());
        }
        let place = self.resource_module()?;
        Some(format!(
            "/api/v1/{}",
            place.replace("::", "/").replace('_', "-")
        ))
    }

    fn is_served_in(&self, env: AppEnv) -> bool {
        self.only_in.is_none_or(|envs| envs.contains(&env))
    }

    /// Its tag in the OpenAPI document: what it says itself, else the last part of its module path.
    fn tag(&self) -> &'static str {
        let last = self.origin.module.rsplit("::").next();
        self.tag.or(last).unwrap_or(self.origin.module)
    }

    /// The module's name in the checked-in copies: `users` for a resource, `core.http.management` for others.
    fn reference_name(&self) -> String {
        let module = self.origin.module;
        let below_the_crate = module.split_once("::").map_or(module, |(_, place)| place);
        self.resource_module()
            .unwrap_or(below_the_crate)
            .replace("::", ".")
    }

    fn resource_module(&self) -> Option<&'static str> {
        let (_, place) = self.origin.module.split_once("::")?;
        place.strip_prefix("routes::")
    }
}

/// A file's routes, as a value: what [`register_routes!`](crate::core::http::register_routes) registers. Tests assemble services from such values.
#[macro_export]
macro_rules! route_module {
    (@exposure public) => { $crate::core::http::Exposure::Public };
    (@exposure authenticated) => { $crate::core::http::Exposure::Authenticated };
    (@exposure management) => { $crate::core::http::Exposure::Management };
    (@exposure $other:ident) => {
        ::std::compile_error!(::std::concat!(
            "`", ::std::stringify!($other), "` is no exposure: public, authenticated or management"
        ))
    };
    (@env local) => { $crate::core::config::AppEnv::Local };
    (@env dev) => { $crate::core::config::AppEnv::Dev };
    (@env uat) => { $crate::core::config::AppEnv::Uat };
    (@env prod) => { $crate::core::config::AppEnv::Prod };
    (@env $other:ident) => {
        ::std::compile_error!(::std::concat!(
            "`", ::std::stringify!($other), "` is no environment: local, dev, uat or prod"
        ))
    };
    (@environments) => { ::std::option::Option::None };
    (@environments $($env:ident)+) => {
        ::std::option::Option::Some(&[$($crate::route_module!(@env $env)),+])
    };
    (@option) => { ::std::option::Option::None };
    (@option $value:literal) => { ::std::option::Option::Some($value) };
    ($exposure:ident $(in $($env:ident)|+)? $(at $at:literal)? $(tagged $tag:literal)?: $routes:expr $(,)?) => {
        $crate::core::http::RouteModule {
            exposure: $crate::route_module!(@exposure $exposure),
            only_in: $crate::route_module!(@environments $($($env)+)?),
            at: $crate::route_module!(@option $($at)?),
            tag: $crate::route_module!(@option $($tag)?),
            routes: || $routes,
            origin: $crate::origin!(),
        }
    };
    ($($other:tt)*) => {
        ::std::compile_error!(
            "say who may call these routes: `public: Routes::new()…`, `authenticated: …` or `management: …`, \
             with `in local | dev` before the colon if they are not served everywhere, and `at \"/prefix\"` and `tagged \"tag\"` if the \
             module's path shall not decide"
        )
    };
}

/// Registers the routes of a file, and says who may call them:
///
/// ```
/// use app::core::http::{Routes, register_routes, routes};
///
/// /// Say hello
/// #[utoipa::path(get, path = "/", responses((status = OK)))]
/// async fn hello() {}
///
/// register_routes! { public at "/hello" tagged "greetings": Routes::new().add(routes!(hello)) }
/// ```
///
/// What is no business of every environment says where it is served; elsewhere its paths don't exist:
///
/// ```
/// # use app::core::http::{Routes, register_routes};
/// register_routes! { management in local | dev at "/try-out": Routes::new() }
/// ```
///
/// ```compile_fail
/// # use app::core::http::{Routes, register_routes};
/// register_routes! { management in staging at "/try-out": Routes::new() }
/// ```
///
/// `at` and `tagged` can be left out in `routes/`: `routes::users` is served at `/api/v1/users`, with the tag `users`. Who may
/// call is never assumed:
///
/// ```compile_fail
/// use app::core::http::{Routes, register_routes};
///
/// register_routes! { Routes::new() }
/// ```
///
/// ```compile_fail
/// use app::core::http::{Routes, register_routes};
///
/// register_routes! { anybody at "/hello": Routes::new() }
/// ```
#[macro_export]
macro_rules! register_routes {
    ($($module:tt)+) => {
        $crate::core::registry::inventory::submit! { $crate::route_module!($($module)+) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(module: &'static str) -> RouteModule {
        let origin = Origin {
            module,
            file: "src/routes/x.rs",
        };
        RouteModule {
            origin,
            ..route_module! { public: Routes::new() }
        }
    }

    #[test]
    fn prefix_and_tag_follow_from_the_module_path() {
        let users = module("app::routes::users");
        assert_eq!(users.prefix().unwrap(), "/api/v1/users");
        assert_eq!(users.tag(), "users");
        assert_eq!(users.reference_name(), "users");

        let nested = module("app::routes::admin::order_lines");
        assert_eq!(nested.prefix().unwrap(), "/api/v1/admin/order-lines");
        assert_eq!(nested.tag(), "order_lines");
        assert_eq!(nested.reference_name(), "admin.order_lines");
    }

    #[test]
    fn a_module_elsewhere_says_where_it_is_served() {
        let elsewhere = module("app::core::http::management");
        assert_eq!(elsewhere.prefix(), None);
        assert_eq!(elsewhere.reference_name(), "core.http.management");

        let root = route_module! { management at "/" tagged "probes": Routes::new() };
        assert_eq!(root.prefix().unwrap(), "");
        assert_eq!(root.tag(), "probes");
    }
}
