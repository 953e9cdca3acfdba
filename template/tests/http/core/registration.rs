//! The registration contract: whoever is at fault is named by file, before anything is served.

use app::core::http::{
    Api, Authentication, Exposure, NoContent, RouteModule, Routes, route_module, routes,
};
use app::core::registry::Origin;
use app::core::state::AppState;
use app::origin;
use axum::Router;
use axum::http::StatusCode;

use crate::support::TestApp;

/// Get it
#[utoipa::path(get, path = "/{id}", params(("id" = String, Path)), responses((status = NO_CONTENT), (status = FORBIDDEN)))]
async fn get_it() -> NoContent {
    NoContent
}

/// Get it by another name
#[utoipa::path(get, path = "/{name}", params(("name" = String, Path)), responses((status = NO_CONTENT)))]
async fn get_it_by_name() -> NoContent {
    NoContent
}

/// Delete it
#[utoipa::path(delete, path = "/{id}", params(("id" = String, Path)), responses((status = NO_CONTENT)))]
async fn delete_it() -> NoContent {
    NoContent
}

mod one {
    /// A size.
    #[derive(serde::Serialize, utoipa::ToSchema)]
    pub(super) struct Size {
        /// How long it is.
        length: u32,
    }

    /// Measure one
    #[utoipa::path(get, path = "/one", responses((status = OK, body = Size)))]
    pub(super) async fn measure_one() -> axum::Json<Size> {
        axum::Json(Size { length: 1 })
    }
}

mod other {
    /// Another size.
    #[derive(serde::Serialize, utoipa::ToSchema)]
    pub(super) struct Size {
        /// How heavy it is.
        weight: u32,
    }

    /// Measure the other
    #[utoipa::path(get, path = "/other", responses((status = OK, body = Size)))]
    pub(super) async fn measure_other() -> axum::Json<Size> {
        axum::Json(Size { weight: 1 })
    }
}

/// As if it were registered in another file.
fn in_file(file: &'static str, module: RouteModule) -> RouteModule {
    let origin = Origin {
        module: "app::routes::test",
        file,
    };
    RouteModule { origin, ..module }
}

#[track_caller]
fn refused(first: RouteModule, second: RouteModule) -> String {
    let modules = [in_file("src/a.rs", first), in_file("src/b.rs", second)];
    Api::assemble(&modules, None).err().unwrap().to_string()
}

#[test]
fn a_method_and_path_registered_twice_names_both_files() {
    let error = refused(
        route_module! { public at "/x": Routes::new().add(routes!(get_it)) },
        route_module! { management at "/x": Routes::new().add(routes!(get_it)) },
    );
    assert_eq!(
        error,
        "GET /x/{id} is registered twice: in src/a.rs and in src/b.rs"
    );
}

#[test]
fn a_path_for_clients_and_for_operators_names_both_files() {
    let error = refused(
        route_module! { public at "/x": Routes::new().add(routes!(get_it)) },
        route_module! { management at "/x": Routes::new().add(routes!(delete_it)) },
    );
    assert_eq!(
        error,
        "/x/{id} is public in src/a.rs and management in src/b.rs: one port can't serve both"
    );
    let error = refused(
        route_module! { management at "/x": Routes::new().add(routes!(get_it)) },
        route_module! { public at "/x": Routes::new().add(routes!(delete_it)) },
    );
    assert_eq!(
        error,
        "/x/{id} is management in src/a.rs and public in src/b.rs: one port can't serve both"
    );
}

#[test]
fn a_path_of_the_service_itself_is_not_for_operators() {
    /// Be in the way
    #[utoipa::path(post, path = "/openapi.json", responses((status = NO_CONTENT)))]
    async fn in_the_way() -> NoContent {
        NoContent
    }
    let module = route_module! { management at "/": Routes::new().add(routes!(in_the_way)) };
    let module = in_file("src/a.rs", module);
    let error = Api::assemble(&[module], None).err().unwrap().to_string();
    assert!(
        error.contains("/core/http/docs.rs and management in src/a.rs"),
        "{error}"
    );
}

#[test]
fn a_path_of_the_service_itself_can_not_be_taken() {
    /// Be in the way
    #[utoipa::path(get, path = "/openapi.json", responses((status = NO_CONTENT)))]
    async fn in_the_way() -> NoContent {
        NoContent
    }
    let module = route_module! { public at "/": Routes::new().add(routes!(in_the_way)) };
    let module = in_file("src/a.rs", module);
    let error = Api::assemble(&[module], None).err().unwrap().to_string();
    assert!(
        error.starts_with("GET /openapi.json is registered twice: in "),
        "{error}"
    );
    assert!(
        error.ends_with("/core/http/docs.rs and in src/a.rs"),
        "{error}"
    );
}

#[test]
fn paths_that_differ_in_a_parameter_s_name_only_name_both_files() {
    let error = refused(
        route_module! { public at "/x": Routes::new().add(routes!(get_it_by_name)) },
        route_module! { public at "/x": Routes::new().add(routes!(delete_it)) },
    );
    assert_eq!(
        error,
        "/x/{name} and /x/{id} differ only in a parameter's name: in src/a.rs and in src/b.rs"
    );
}

#[test]
fn an_operation_id_used_twice_names_both_files() {
    let error = refused(
        route_module! { public at "/x": Routes::new().add(routes!(get_it)) },
        route_module! { public at "/y": Routes::new().add(routes!(get_it)) },
    );
    assert_eq!(
        error,
        "the operation id `get_it` is used twice: in src/a.rs and in src/b.rs"
    );
}

#[test]
fn two_schemas_of_one_name_name_both_files() {
    let error = refused(
        route_module! { public at "/x": Routes::new().add(routes!(one::measure_one)) },
        route_module! { public at "/x": Routes::new().add(routes!(other::measure_other)) },
    );
    assert_eq!(
        error,
        "the schema name `Size` stands for different types: in src/a.rs and in src/b.rs; rename one, or give it \
         `#[schema(as = …)]`"
    );
}

#[test]
fn one_schema_in_two_files_is_fine() {
    /// Measure again
    #[utoipa::path(get, path = "/again", responses((status = OK, body = one::Size)))]
    async fn measure_again() -> axum::Json<one::Size> {
        one::measure_one().await
    }
    let modules = [
        route_module! { public at "/x": Routes::new().add(routes!(one::measure_one)) },
        route_module! { management at "/x": Routes::new().add(routes!(measure_again)) },
    ];
    Api::assemble(&modules, None).map(drop).unwrap();
}

#[test]
fn an_empty_registry_is_refused() {
    let error = Api::assemble(&[], None).err().unwrap();
    assert_eq!(error.to_string(), "no file registers a route");
}

#[test]
fn a_module_outside_routes_has_to_say_where_it_is_served() {
    let module = route_module! { public: Routes::new().add(routes!(get_it)) };
    let error = Api::assemble(&[module], None).err().unwrap().to_string();
    assert!(
        error.contains("registration.rs: say where these routes are served"),
        "{error}"
    );
    assert!(error.contains("{ public at \"/…\": … }"), "{error}");
}

#[tokio::test]
async fn authenticated_routes_need_an_authentication_part() {
    fn nobody(router: Router<AppState>) -> Router<AppState> {
        router.layer(axum::middleware::from_fn(
            async |_: axum::extract::Request, _: axum::middleware::Next| StatusCode::FORBIDDEN,
        ))
    }
    let modules = [
        route_module! { authenticated at "/x": Routes::new().add(routes!(get_it)) },
        route_module! { public at "/y": Routes::new().add(routes!(delete_it)) },
    ];
    assert_eq!(modules[0].exposure, Exposure::Authenticated);
    let error = Api::assemble(&modules, None).err().unwrap().to_string();
    assert!(
        error.contains("registration.rs: the routes are `authenticated`"),
        "{error}"
    );

    let guarded = Api::assemble(
        &modules,
        Some(Authentication {
            guard: nobody,
            origin: origin!(),
        }),
    )
    .unwrap();
    let app = TestApp::serving(&guarded);
    assert_eq!(app.get("/x/1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.delete("/y/1").await.status, StatusCode::NO_CONTENT);
}
