//! The services that something will happen to.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::checks::place::{Kind, Place, place_to_run};
use crate::context::Context;
use crate::http;
use crate::service::Service;

/// Rows of each kind that a service has.
const ROWS: u32 = 25;

/// Starts services, each with a database and a port of its own.
pub(super) struct Services<'c> {
    cx: &'c Context<'c>,
    place: Place,
    /// Whoever is started again comes back to the same place.
    ports: RefCell<BTreeMap<String, u16>>,
}

impl<'c> Services<'c> {
    pub(super) fn new(cx: &'c Context<'c>) -> Result<Self> {
        Ok(Self {
            cx,
            place: place_to_run(cx, Kind::Sqlite)?,
            ports: RefCell::default(),
        })
    }

    /// Starts one with these settings.
    pub(super) fn start(&self, name: &str, settings: &[(&str, &str)]) -> Result<Service> {
        self.start_with(name, ROWS, settings)
    }

    /// The same with more rows.
    pub(super) fn start_with(
        &self,
        name: &str,
        rows: u32,
        settings: &[(&str, &str)],
    ) -> Result<Service> {
        let file = self.place.folder.path().join(name);
        let database = format!("sqlite://{}.db?mode=rwc", file.display());
        let mut binary = self
            .place
            .binary
            .clone()
            .setting("DATABASE_URL", database)
            .setting("LOG_LEVEL", "error"); // a flood is a flood in the log, too
        for (key, value) in settings {
            binary = binary.setting(key, *value);
        }
        let known = self.ports.borrow().get(name).copied();
        if let Some(port) = known {
            return binary.serve(port, &self.cx.log);
        }
        for arguments in [
            &["migrate", "up"][..],
            &["seed", "--rows", &rows.to_string()],
        ] {
            let status = self
                .cx
                .execute(&mut binary.command(arguments.iter().copied()))?;
            anyhow::ensure!(status.success(), "{name}: {} fails", arguments[0]);
        }
        let port = http::free_port()?;
        self.ports.borrow_mut().insert(name.to_owned(), port);
        binary.serve(port, &self.cx.log)
    }
}

/// The path of a product that the service has.
pub(super) fn product(service: &Service) -> Result<String> {
    let (_, products) = http::get(service.port(), "/api/v1/products?limit=1")?;
    let products: serde_json::Value = serde_json::from_str(&products)?;
    let id = products["items"][0]["id"].as_str().context("no product")?;
    Ok(format!("/api/v1/products/{id}"))
}
