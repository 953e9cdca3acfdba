//! The files that come with the service: those in `env_files/`, and those made from the code.

use std::{fs, path::Path};

use app::core::config::{AppEnv, Config, ConfigError, GeneratedFile, Sources, example, pages};
use rstest::rstest;

use crate::project::project_file;

#[rstest]
#[case(AppEnv::Local)]
#[case(AppEnv::Dev)]
#[case(AppEnv::Uat)]
#[case(AppEnv::Prod)]
fn the_files_of_every_environment_load_once_database_and_proxies_are_given(#[case] env: AppEnv) {
    let config = shipped(env, &[("RATE_LIMIT_TRUSTED_PROXIES", "none")]);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert!(config.warnings().is_empty(), "{:?}", config.warnings());
}

/// No network is right for all: where it is wrong, clients can claim any address.
#[rstest]
#[case(AppEnv::Dev)]
#[case(AppEnv::Uat)]
#[case(AppEnv::Prod)]
fn they_trust_nobodys_word_about_clients_by_themselves(#[case] env: AppEnv) {
    let error = shipped(env, &[]).expect_err("it starts without being told about proxies");
    let error = error.to_string();
    assert!(
        error.contains("RATE_LIMIT_TRUSTED_PROXIES must say which proxies"),
        "{error}"
    );
    assert!(error.contains("1 problem;"), "{error}");
}

/// The shipped files with a database and these settings in the environment.
fn shipped(env: AppEnv, settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env_files = project_file("env_files").display().to_string();
    let given = [
        ("APP_CONFIG_DIR", env_files.as_str()),
        ("DATABASE_URL", "postgres://app@db/app"),
    ];
    let pairs = given.iter().chain(settings);
    let sources = Sources::of_environment(pairs.map(|&(key, value)| (key, value.to_owned())));
    Config::from_sources(&sources.with_env(env))
}

#[track_caller]
fn assert_current(path: &Path, expected: &GeneratedFile) {
    // The shipped texts are written with every feature, and name SQLite.
    if cfg!(not(feature = "sqlite")) {
        return;
    }
    let text = fs::read_to_string(path.join(&expected.name)).unwrap_or_default();
    assert!(
        text == expected.text,
        "{} is not what the code says: run `cargo run -- config example --write`",
        path.join(&expected.name).display()
    );
}

#[test]
fn the_example_of_all_keys_is_current() {
    assert_current(&project_file("env_files"), &example().unwrap());
}

#[test]
fn the_reference_is_current_and_has_no_page_of_a_section_that_is_gone() {
    let directory = project_file("docs/reference/configuration");
    let pages = pages().unwrap();
    for page in &pages {
        assert_current(&directory, page);
    }
    for entry in fs::read_dir(&directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = pages.iter().any(|page| page.name == name);
        assert!(known, "{name} belongs to no section: delete it");
    }
}

#[test]
fn every_line_of_the_example_can_be_used_and_is_the_default() {
    let example = example().unwrap();
    let lines = example
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("# "));
    let is_key = |key: &str| {
        key.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let pairs: Vec<_> = lines
        .filter_map(|line| line.split_once('='))
        .filter(|(key, value)| is_key(key) && !value.is_empty())
        .collect();
    assert!(pairs.len() > 30, "{pairs:?}");
    let of_example = Config::for_tests(pairs);
    let of_defaults = Config::for_tests([("", ""); 0]);
    assert_eq!(format!("{of_example:?}"), format!("{of_defaults:?}"));
}
