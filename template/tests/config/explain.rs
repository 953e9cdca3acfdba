//! `config explain`.

use app::core::config::AppEnv;

use crate::files::Files;

fn row<'t>(table: &'t str, key: &str) -> Vec<&'t str> {
    let row = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(key));
    let cells = row
        .unwrap_or_else(|| panic!("no row {key} in\n{table}"))
        .split("   ");
    cells
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}

#[test]
fn every_key_is_listed_with_its_value_its_source_and_what_it_shadows() {
    let files = Files::of(AppEnv::Prod)
        .env_file(
            ".env",
            "# one\n# two\nSERVER_PORT=8080\nDATABASE_POOL_MAX_SIZE=12\n",
        )
        .env_file(
            ".env.prod",
            "DATABASE_POOL_MAX_SIZE=20\nDATABASE_PASSWORD=hunter2\n",
        )
        .secret("DATABASE_PASSWORD", "uRk7-bw2_Qy9xA")
        .variable("SERVER_PORT", "8081");
    let table = files.explain();
    let directory = files.secrets_dir().parent().unwrap().display().to_string();
    let at = |place: &str| format!("{directory}/{place}");

    assert_eq!(
        row(&table, "SERVER_PORT"),
        [
            "SERVER_PORT",
            "8081",
            "environment",
            &format!("{} (8080), default (8080)", at("env_files/.env:3"))
        ]
    );
    assert_eq!(
        row(&table, "DATABASE_POOL_MAX_SIZE"),
        [
            "DATABASE_POOL_MAX_SIZE",
            "20",
            &at("env_files/.env.prod:1"),
            &format!("{} (12), default (10)", at("env_files/.env:4"))
        ]
    );
    assert_eq!(
        row(&table, "DATABASE_PASSWORD"),
        [
            "DATABASE_PASSWORD",
            "[redacted]",
            &at("secrets/DATABASE_PASSWORD"),
            &format!("{} ([redacted])", at("env_files/.env.prod:2"))
        ]
    );
    assert_eq!(
        row(&table, "DATABASE_HOST"),
        ["DATABASE_HOST", "-", "-", "-"]
    );
    assert_eq!(
        row(&table, "APP_ENV"),
        ["APP_ENV", "prod", "environment", "-"]
    );
    assert!(
        !table.contains("hunter2") && !table.contains("uRk7"),
        "{table}"
    );
}

#[test]
fn a_configuration_that_is_refused_can_be_explained() {
    let files = Files::new().env_file(".env", "SERVER_PORT=http\nUNKNOWN\n");
    assert!(files.try_load().is_err());
    assert_eq!(row(&files.explain(), "SERVER_PORT")[1], "http");
}

#[test]
fn the_columns_are_aligned() {
    let table = Files::new().explain();
    let column = table.lines().next().unwrap().find("VALUE").unwrap();
    for line in table.lines() {
        assert!(
            line[column - 1..].starts_with(' ') && !line[column..].starts_with(' '),
            "{line}"
        );
    }
}

#[test]
fn the_password_of_a_url_is_left_out_even_if_the_key_is_no_secret() {
    let table = Files::new()
        .variable("CORS_ALLOWED_ORIGINS", "https://me:hunter2@a.example")
        .explain();
    assert_eq!(
        row(&table, "CORS_ALLOWED_ORIGINS")[1],
        "https://me:…@a.example"
    );
}
