//! The services, what each is set up for, and what its clients do to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::load::Load;
use super::prometheus::Job;
use super::services::{Services, product};
use crate::service::Service;

/// What every service is asked all along, by one client.
pub(super) const ORDINARY: &[&str] = &["/api/v1/users?limit=1", "/api/v1/users/stream?limit=1"];

/// A pause that leaves the limiter content.
pub(super) const NOW_AND_THEN: Duration = Duration::from_millis(400);

/// A stream of them takes long enough to be broken off.
const MANY_ROWS: u32 = 60_000;

/// Few enough for Prometheus to have one, too.
const CONNECTIONS: usize = 50;
const HELD: usize = 45;

/// Nobody listens on port 1.
const NOBODY: &str = "http://127.0.0.1:1";

/// The services, by what will happen to them.
pub(super) struct Stage {
    healthy: Service,
    without_database: Service,
    locked: Service,
    flooded: Service,
    crowded: Service,
    without_others: Service,
    busy: Service,
}

impl Stage {
    /// Starts them all: one with the database that will go away, one with the database whose table will be locked, the others with
    /// files of their own.
    pub(super) fn set(services: &Services<'_>, to_go: &str, to_lock: &str) -> Result<Self> {
        Ok(Self {
            healthy: services.start("healthy", &[])?,
            without_database: services.start_with(
                "without-database",
                MANY_ROWS,
                &[("DATABASE_URL", to_go)],
            )?,
            locked: services.start(
                "with-locked-table",
                &[
                    ("DATABASE_URL", to_lock),
                    ("DATABASE_POOL_MAX_SIZE", "2"),
                    ("DATABASE_POOL_TIMEOUT_SECS", "1"),
                    ("SERVER_MAX_IN_FLIGHT", "6"),
                ],
            )?,
            flooded: services.start(
                "flooded",
                &[
                    ("RATE_LIMIT_ENABLED", "true"),
                    ("RATE_LIMIT_TRUSTED_PROXIES", "none"),
                    ("RATE_LIMIT_PER_SECOND", "5"),
                    ("RATE_LIMIT_BURST", "5"),
                ],
            )?,
            crowded: services.start(
                "crowded",
                &[("SERVER_MAX_CONNECTIONS", &CONNECTIONS.to_string())],
            )?,
            without_others: services.start(
                "without-others",
                &[
                    ("UPSTREAM_BASE_URL", NOBODY),
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY),
                ],
            )?,
            busy: services.start("busy", &[("SERVER_WORKER_THREADS", "1")])?,
        })
    }

    /// As Prometheus knows them.
    pub(super) fn jobs(&self) -> Vec<Job> {
        vec![
            ("healthy", vec![self.healthy.port()]),
            ("without-database", vec![self.without_database.port()]),
            ("with-locked-table", vec![self.locked.port()]),
            ("flooded", vec![self.flooded.port()]),
            ("crowded", vec![self.crowded.port()]),
            ("without-others", vec![self.without_others.port()]),
            ("busy", vec![self.busy.port()]),
        ]
    }

    /// The clients that are a fault themselves, or whose requests show one.
    pub(super) fn loads(&self) -> Result<Vec<Load>> {
        let often = NOW_AND_THEN / 4;
        let quote = format!("{}/quote", product(&self.without_others)?);
        // Of those who want the same at the same time one loads it for all.
        let same = product(&self.healthy)?;
        let stream = "/api/v1/users/stream";
        Ok(vec![
            Load::begin(self.healthy.port(), 4, Duration::ZERO, &[&same]),
            Load::begin(self.without_database.port(), 2, Duration::ZERO, &[stream]),
            Load::begin(self.without_others.port(), 2, often, &[&quote]),
            Load::begin(self.flooded.port(), 4, often, ORDINARY),
            Load::begin(self.locked.port(), 12, often / 2, &ORDINARY[..1]),
        ])
    }

    /// More than a thread can do.
    pub(super) fn flood(&self) -> Load {
        Load::crowds(self.busy.port(), 4, "/problems")
    }

    /// Connections that have had an answer, and are kept.
    pub(super) fn hold_connections(&self) -> Result<Vec<TcpStream>> {
        let hold = |_| {
            let mut stream = TcpStream::connect(("127.0.0.1", self.crowded.port()))?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            let mut begin = [0];
            stream.read_exact(&mut begin).context("no answer")?;
            Ok(stream)
        };
        (0..HELD).map(hold).collect()
    }
}
