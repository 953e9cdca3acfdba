//! What all handlers share: configuration, database, outbound client, clock, and the components that files bring along.
//!
//! A handler takes `app: AppState` as its first argument. Tests build one with parts of their own, see [`AppStateBuilder`](crate::core::state::AppStateBuilder).

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_orm::DbErr;

use crate::core::clock::Clock;
use crate::core::coalescing::Coalescing;
use crate::core::config::{Config, DatabaseConfig};
use crate::core::database::Database;
#[cfg(feature = "http-client")]
use crate::core::http_client::{HttpClient, HttpClientError};
use crate::core::registry::{self, Entry, Origin, RegistryError};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The service's shared state. Cheap to clone: it is one pointer.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    shared: Shared,
    components: Components,
}

type Components = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

/// What every service has; an [`AppState`] dereferences to it, and components are made from it.
#[derive(Debug)]
pub struct Shared {
    /// The settings.
    pub config: Config,
    /// The connection pool.
    pub database: Database,
    /// The pooled client for requests to other services.
    #[cfg(feature = "http-client")]
    pub http_client: HttpClient,
    /// Makes coalescers, and knows what they did.
    pub coalescing: Coalescing,
    /// Tells the time.
    pub clock: Clock,
}

impl AppState {
    /// Starts to put a state together; what is not given is made from `config`.
    pub fn builder(config: Config) -> AppStateBuilder {
        AppStateBuilder {
            config,
            database: None,
            #[cfg(feature = "http-client")]
            http_client: None,
            clock: Clock::system(),
            replaced: HashMap::new(),
        }
    }

    /// The shared component of this type.
    ///
    /// # Panics
    ///
    /// If no file registers it, which is a mistake in the program: add `register_component!` beside the type.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "a component that no file registers is a mistake in the program"
    )]
    pub fn component<T: Send + Sync + 'static>(&self) -> &T {
        let component = self.0.components.get(&TypeId::of::<T>());
        match component.and_then(|component| component.downcast_ref()) {
            Some(component) => component,
            None => panic!(
                "no file registers the component {}: add register_component! beside it",
                type_name::<T>()
            ),
        }
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0.shared
    }
}

impl FromRequestParts<AppState> for AppState {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(state.clone())
    }
}

/// Puts an [`AppState`] together. Tests replace what they want to control.
#[must_use]
pub struct AppStateBuilder {
    config: Config,
    database: Option<Database>,
    #[cfg(feature = "http-client")]
    http_client: Option<HttpClient>,
    clock: Clock,
    replaced: Components,
}

impl AppStateBuilder {
    /// Uses this connection pool.
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// Uses this client for outbound requests.
    #[cfg(feature = "http-client")]
    pub fn http_client(mut self, http_client: HttpClient) -> Self {
        self.http_client = Some(http_client);
        self
    }

    /// Uses this clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Uses this component instead of making the registered one.
    pub fn component<T: Send + Sync + 'static>(mut self, component: T) -> Self {
        self.replaced.insert(TypeId::of::<T>(), Box::new(component));
        self
    }

    /// Makes what was not given, and every registered component.
    ///
    /// # Errors
    ///
    /// If a part refuses its settings; nothing is connected to yet.
    pub fn build(self) -> Result<AppState, StateError> {
        let database = match self.database {
            Some(database) => database,
            None => Database::new(
                self.config.section::<DatabaseConfig>(),
                env!("CARGO_PKG_NAME"),
            )
            .map_err(StateError::Database)?,
        };
        #[cfg(feature = "http-client")]
        let http_client = match self.http_client {
            Some(http_client) => http_client,
            None => HttpClient::new(self.config.section())?,
        };
        let command_timeout = self.config.section::<DatabaseConfig>().command_timeout_secs;
        // A second for the way.
        let grace = Duration::from_secs(command_timeout + 1);
        let coalescing = Coalescing::new(self.config.section(), grace);
        let shared = Shared {
            config: self.config,
            database,
            #[cfg(feature = "http-client")]
            http_client,
            coalescing,
            clock: self.clock,
        };

        let mut replaced = self.replaced;
        let mut components = HashMap::new();
        for component in registry::entries::<Component>()? {
            let type_id = (component.type_id)();
            let made = match replaced.remove(&type_id) {
                Some(other) => other,
                None => (component.make)(&shared).map_err(|source| StateError::Component {
                    name: (component.name)(),
                    file: component.origin.file,
                    source,
                })?,
            };
            components.insert(type_id, made);
        }
        // What no file registers is there as well, for tests that bring their own.
        components.extend(replaced);
        Ok(AppState(Arc::new(Inner { shared, components })))
    }
}

/// Why the shared state can't be built.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The connection pool refuses its settings.
    #[error("the connection pool can't be set up")]
    Database(#[source] DbErr),
    /// The outbound client refuses its settings.
    #[cfg(feature = "http-client")]
    #[error("the client for outbound requests can't be set up")]
    HttpClient(#[from] HttpClientError),
    /// A component could not be made.
    #[error("the component {name} can't be set up ({file})")]
    Component {
        /// Its type, with the path of its module.
        name: &'static str,
        /// Who registered it.
        file: &'static str,
        /// What its constructor says.
        source: BoxError,
    },
    /// Two files register the same component.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// A registered component; made by [`register_component!`](crate::register_component).
pub struct Component {
    name: fn() -> &'static str,
    type_id: fn() -> TypeId,
    make: fn(&Shared) -> Result<Box<dyn Any + Send + Sync>, BoxError>,
    origin: Origin,
}

impl Component {
    #[doc(hidden)]
    #[must_use]
    pub const fn new<T: Send + Sync + 'static>(
        make: fn(&Shared) -> Result<Box<dyn Any + Send + Sync>, BoxError>,
        origin: Origin,
    ) -> Self {
        Self {
            name: type_name::<T>,
            type_id: TypeId::of::<T>,
            make,
            origin,
        }
    }
}

inventory::collect!(Component);

impl Entry for Component {
    const KIND: &'static str = "component";

    /// The type with the path of its module, however `register_component!` spells it: two types may have one short name, and one type
    /// may be called by several.
    fn key(&self) -> String {
        (self.name)().to_owned()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Registers a component that all handlers share: its type, and a function from [`Shared`] to `Result<it, impl Error>`.
///
/// It is made once at start, and found again with [`AppState::component`].
///
/// ```
/// use app::core::state::{AppState, Shared};
///
/// struct Greeting(&'static str);
///
/// app::register_component!(Greeting: |_: &Shared| Ok::<_, std::io::Error>(Greeting("good day")));
///
/// async fn greet(app: AppState) -> &'static str {
///     app.component::<Greeting>().0
/// }
/// ```
#[macro_export]
macro_rules! register_component {
    ($component:ty: $make:expr $(,)?) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::state::Component::new::<$component>(
                |shared| {
                    let component: $component = $make(shared)?;
                    Ok(::std::boxed::Box::new(component))
                },
                $crate::origin!(),
            )
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stamp;

    type Seal = Stamp;

    mod other {
        pub(super) struct Stamp;
    }

    const fn in_file<T: Send + Sync + 'static>(file: &'static str) -> Component {
        let module = "app";
        Component::new::<T>(|_| Ok(Box::new(Stamp)), Origin { module, file })
    }

    static STAMP: Component = in_file::<Stamp>("src/a.rs");
    static SEAL: Component = in_file::<Seal>("src/b.rs");
    static OTHER_STAMP: Component = in_file::<other::Stamp>("src/c.rs");

    #[test]
    fn a_type_registered_twice_names_both_files_however_it_is_spelled() {
        let error = registry::sorted(vec![&STAMP, &SEAL]).err().unwrap();
        let key = "app::core::state::tests::Stamp";
        assert_eq!(
            error.to_string(),
            format!("component `{key}` is registered twice: in src/a.rs and in src/b.rs")
        );
    }

    #[test]
    fn two_types_of_one_short_name_are_two_components() {
        assert_eq!(
            registry::sorted(vec![&STAMP, &OTHER_STAMP]).unwrap().len(),
            2
        );
    }
}
