//! From what files registered to what is served: every rule is checked before anything is merged, since axum would panic and
//! utoipa would silently drop what comes second.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi, RefOr};

use super::error::RoutesError;
use super::openapi::{self, Document};
use super::table::RouteRow;
use super::{Authentication, Documented, Exposure, RouteModule};
use crate::core::config::AppEnv;
use crate::core::http::docs;
use crate::core::http::surface::Surface;
use crate::core::registry::{self, Origin};
use crate::core::state::AppState;
use crate::origin;

/// Everything that is served, put together from the routes that files registered.
pub struct Api {
    /// What is served to everybody.
    pub(in crate::core::http) public: Router<AppState>,
    /// What is served to operators and probes.
    pub(in crate::core::http) management: Router<AppState>,
    document: LazyLock<Document, MakeDocument>,
    table: Vec<RouteRow>,
}

/// Makes the document when somebody wants it: a service that doesn't show it starts without, and has 0.8 MiB less from then on.
type MakeDocument = Box<dyn FnOnce() -> Document + Send>;

impl Api {
    /// What all files of the program registered for this environment.
    ///
    /// # Errors
    ///
    /// See [`RoutesError`].
    pub fn registered(env: AppEnv) -> Result<Self, RoutesError> {
        let authentication = registry::entries::<Authentication>()?;
        let modules = registry::entries::<RouteModule>()?.into_iter();
        Self::assemble(
            modules.filter(|module| module.is_served_in(env)),
            authentication.first().copied().copied(),
        )
    }

    /// What these modules bring. The program uses [`Api::registered`]; tests choose.
    ///
    /// # Errors
    ///
    /// See [`RoutesError`].
    pub fn assemble<'m>(
        modules: impl IntoIterator<Item = &'m RouteModule>,
        authentication: Option<Authentication>,
    ) -> Result<Self, RoutesError> {
        let mut assembly = Assembly::new();
        for row in docs::rows() {
            assembly.path(&row.path, row.origin)?;
            assembly.row(row)?;
        }
        for module in modules {
            assembly.module(module, authentication)?;
        }
        assembly.finish()
    }

    /// The OpenAPI document, with all modules.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document with what this surface serves; elsewhere a client would only meet 404.
    #[must_use]
    pub fn document_for(&self, surface: Surface) -> Document {
        match surface {
            Surface::All => self.document.clone(),
            Surface::Public | Surface::Management => self.document.only(|path| {
                let mut rows = self.table.iter().filter(|row| row.path == path);
                let management = surface == Surface::Management;
                rows.any(|row| (row.exposure == Exposure::Management) == management)
            }),
        }
    }

    /// One row for each method and path, sorted by path.
    #[must_use]
    pub fn table(&self) -> &[RouteRow] {
        &self.table
    }
}

/// What is collected so far, and who brought it.
struct Assembly {
    routers: [Router<AppState>; 2],
    openapi: OpenApi,
    table: Vec<RouteRow>,
    paths: HashMap<String, (String, Origin)>,
    routes: HashMap<(&'static str, String), Origin>,
    operations: HashMap<String, Origin>,
    schemas: HashMap<String, (RefOr<Schema>, Origin)>,
}

impl Assembly {
    fn new() -> Self {
        Self {
            routers: [Router::new(), Router::new()],
            openapi: openapi::empty(),
            table: Vec::new(),
            paths: HashMap::new(),
            routes: HashMap::new(),
            operations: HashMap::new(),
            schemas: openapi::common_schemas()
                .map(|(name, schema)| (name, (schema, origin!())))
                .collect(),
        }
    }

    fn module(
        &mut self,
        module: &RouteModule,
        authentication: Option<Authentication>,
    ) -> Result<(), RoutesError> {
        let origin = module.origin;
        let guard = match (module.exposure, authentication) {
            (Exposure::Authenticated, None) => return Err(RoutesError::NoAuthentication(origin)),
            (Exposure::Authenticated, Some(authentication)) => Some(authentication.guard),
            (Exposure::Public | Exposure::Management, _) => None,
        };
        let prefix = module
            .prefix()
            .ok_or(RoutesError::NoPrefix(origin, module.exposure))?;

        let mut router = Router::new();
        for handler in (module.routes)().handlers {
            let method_router = handler.method_router();
            for path in self.handler(module, &prefix, handler)? {
                router = router.route(&path, method_router.clone());
            }
        }
        if let Some(guard) = guard {
            router = guard(router);
        }
        let of_exposure = &mut self.routers[usize::from(module.exposure == Exposure::Management)];
        *of_exposure = std::mem::take(of_exposure).merge(router);
        Ok(())
    }

    /// Checks one handler and takes it into the document; returns the paths it is served at.
    fn handler(
        &mut self,
        module: &RouteModule,
        prefix: &str,
        Documented((schemas, paths, _)): Documented,
    ) -> Result<Vec<String>, RoutesError> {
        for (name, schema) in schemas {
            self.schema(name, schema, module.origin)?;
        }
        let mut served_at = Vec::new();
        for (path, mut item) in paths.paths {
            let path = match format!("{prefix}{}", path.trim_end_matches('/')) {
                path if path.is_empty() => "/".to_owned(),
                path => path,
            };
            self.path(&path, module.origin)?;
            for (method, operation) in operations(&mut item) {
                self.operation(module, method, &path, operation)?;
            }
            match self.openapi.paths.paths.get_mut(&path) {
                Some(existing) => existing.merge_operations(item),
                None => drop(self.openapi.paths.paths.insert(path.clone(), item)),
            }
            served_at.push(path);
        }
        Ok(served_at)
    }

    fn path(&mut self, path: &str, origin: Origin) -> Result<(), RoutesError> {
        let (other, first) = self
            .paths
            .entry(without_parameter_names(path))
            .or_insert_with(|| (path.to_owned(), origin));
        if other == path {
            return Ok(());
        }
        Err(RoutesError::ParameterNames {
            path: other.clone(),
            other: path.to_owned(),
            first: *first,
            second: origin,
        })
    }

    fn operation(
        &mut self,
        module: &RouteModule,
        method: &'static str,
        path: &str,
        operation: &mut Operation,
    ) -> Result<(), RoutesError> {
        let origin = module.origin;
        let id = operation.operation_id.clone().unwrap_or_default();
        self.row(RouteRow {
            method,
            path: path.to_owned(),
            exposure: module.exposure,
            everywhere: module.only_in.is_none(),
            operation: id.clone(),
            origin,
            reference: module.reference_name(),
        })?;
        if let Some(first) = self.operations.insert(id.clone(), origin) {
            return Err(RoutesError::DuplicateOperation {
                id,
                first,
                second: origin,
            });
        }
        if operation.tags.as_ref().is_none_or(Vec::is_empty) {
            operation.tags = Some(vec![module.tag().to_owned()]);
        }
        Ok(())
    }

    /// Takes a method of a path into the table, if nobody has it yet and the path is not on the other port.
    fn row(&mut self, row: RouteRow) -> Result<(), RoutesError> {
        let key = (row.method, row.path.clone());
        if let Some(first) = self.routes.insert(key, row.origin) {
            return Err(RoutesError::DuplicateRoute {
                method: row.method,
                path: row.path,
                first,
                second: row.origin,
            });
        }
        let management = |exposure| exposure == Exposure::Management;
        let mut same_path = self.table.iter().filter(|other| other.path == row.path);
        let mixed = same_path.find(|other| management(other.exposure) != management(row.exposure));
        if let Some(other) = mixed {
            return Err(RoutesError::MixedExposure {
                first: (other.exposure, other.origin),
                second: (row.exposure, row.origin),
                path: row.path,
            });
        }
        self.table.push(row);
        Ok(())
    }

    fn schema(
        &mut self,
        name: String,
        schema: RefOr<Schema>,
        origin: Origin,
    ) -> Result<(), RoutesError> {
        match self.schemas.get(&name) {
            None => drop(self.schemas.insert(name, (schema, origin))),
            Some((same, _)) if *same == schema => {}
            Some((_, first)) => {
                return Err(RoutesError::DuplicateSchema {
                    name,
                    first: *first,
                    second: origin,
                });
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Api, RoutesError> {
        if self.openapi.paths.paths.is_empty() {
            return Err(RoutesError::Empty);
        }
        self.table
            .sort_by(|a, b| (&a.path, a.method).cmp(&(&b.path, b.method)));

        let schemas = self.schemas.into_iter();
        let schemas = schemas.map(|(name, (schema, _))| (name, schema));
        let management = |row: &&RouteRow| row.exposure == Exposure::Management;
        let management = self.table.iter().filter(management);
        let management: Vec<_> = management.map(|row| row.path.clone()).collect();
        let openapi = self.openapi;
        let document = move || {
            let is_limited = |path: &str| !management.iter().any(|managed| managed == path);
            openapi::finish(openapi, schemas, is_limited)
        };
        let [public, management] = self.routers;
        Ok(Api {
            public,
            management,
            document: LazyLock::new(Box::new(document)),
            table: self.table,
        })
    }
}

/// The path as the router sees it, which knows that something is a parameter, but not what it is called.
fn without_parameter_names(path: &str) -> String {
    let segments =
        path.split('/').map(
            |segment| match (segment.split_once('{'), segment.rsplit_once('}')) {
                (Some((before, name)), Some((_, after))) if name.starts_with('*') => {
                    format!("{before}{{*}}{after}")
                }
                (Some((before, _)), Some((_, after))) => format!("{before}{{}}{after}"),
                _ => segment.to_owned(),
            },
        );
    segments.collect::<Vec<_>>().join("/")
}

/// The operations of a path with their methods.
pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", item.get.as_mut()),
        ("PUT", item.put.as_mut()),
        ("POST", item.post.as_mut()),
        ("DELETE", item.delete.as_mut()),
        ("OPTIONS", item.options.as_mut()),
        ("HEAD", item.head.as_mut()),
        ("PATCH", item.patch.as_mut()),
        ("TRACE", item.trace.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}
