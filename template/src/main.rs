//! The binary: it reads the command line and hands over to the library.

use std::process::ExitCode;

use app::commands::Cli;
use clap::Parser;

/// Faster than the allocators of glibc and, above all, of musl, when many threads allocate.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
