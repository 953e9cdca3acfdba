//! `cargo xtask lint`: the quick checks of the template in place, without a log in between.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::TestOptions;
use crate::commands::test;

pub(crate) fn run() -> Result<ExitCode> {
    let filters = [
        "xtask/fmt",
        "bench/reference",
        "template/liquid",
        "template/fmt",
        "template/clippy",
        "template/docs",
    ]
    .map(str::to_owned)
    .to_vec();
    test::run(&TestOptions {
        all: false,
        list: false,
        filters,
    })
}
