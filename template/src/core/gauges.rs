//! Gauges that mirror what somebody else counts, such as a pool: they are set when `/metrics` is asked, not at each change.

use crate::core::registry::{self, Entry, Origin, RegistryError};
use crate::core::state::AppState;

/// A registered source of gauges; made by [`register_gauge_source!`](crate::register_gauge_source).
pub struct GaugeSource {
    #[doc(hidden)]
    pub name: &'static str,
    #[doc(hidden)]
    pub mirror: fn(&AppState),
    #[doc(hidden)]
    pub origin: Origin,
}

inventory::collect!(GaugeSource);

impl Entry for GaugeSource {
    const KIND: &'static str = "source of gauges";

    fn key(&self) -> String {
        self.name.to_owned()
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Registers a function that sets gauges from what the service's state says now: a name, and the function. It is called for every
/// scrape, so it must neither wait nor take long.
///
/// ```
/// use app::core::state::AppState;
///
/// app::register_metrics! { gauge "drawer_spoons": "Spoons in the drawer."; }
/// app::register_gauge_source!("drawer", |_: &AppState| metrics::gauge!("drawer_spoons").set(12));
/// ```
#[macro_export]
macro_rules! register_gauge_source {
    ($name:literal, $mirror:expr $(,)?) => {
        $crate::core::registry::inventory::submit! {
            $crate::core::gauges::GaugeSource {
                name: $name,
                mirror: $mirror,
                origin: $crate::origin!(),
            }
        }
    };
}

/// Sets all of them.
///
/// # Errors
///
/// If two sources have one name.
pub fn mirror(app: &AppState) -> Result<(), RegistryError> {
    for source in registry::entries::<GaugeSource>()? {
        (source.mirror)(app);
    }
    Ok(())
}

register_gauge_source!("database", |app: &AppState| app.database.set_gauges());
