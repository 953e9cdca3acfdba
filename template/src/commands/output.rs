//! What commands say. Whoever reads it may have gone away, as `head` does: that is no error of ours.

use std::io::{self, Write as _};

use crate::core::{
    config::{Config, ConfigError},
    telemetry::error_texts,
};

/// Prints a command's result.
pub(super) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Prints a line of a command's result.
pub(super) fn print_line(text: &str) {
    print(&format!("{text}\n"));
}

/// Says what went wrong, and below it the causes.
pub(super) fn error(error: &anyhow::Error) {
    if let Some(problems) = error.downcast_ref::<ConfigError>() {
        say(&problems.to_string());
        return;
    }
    say(&format!(
        "error: {}",
        error_texts(error.as_ref()).join("\n   = ")
    ));
}

/// Says what is odd about the configuration. Commands that log do so there.
pub(super) fn warnings(config: &Config) {
    for warning in config.warnings() {
        say(&format!("{}\n", warning.titled("warning")));
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
