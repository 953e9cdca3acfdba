//! The command line, and the commands that need no database.

use std::fs;

use rstest::rstest;

use crate::{program::Program, support::files::project_file};

const SECRET: &str = "uRk7-bw2_Qy9xA";

#[cfg(feature = "sqlite")] // of which `local` has a database without being told
#[test]
fn a_configuration_that_is_refused_is_told_on_stderr_and_nothing_is_started() {
    let program = Program::new()
        .with("SERVER_PORT", "http")
        .with("DOCS_ENABLED", "perhaps");
    let outcome = program.run(&[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        fs::read_dir(program.dir()).unwrap().count(),
        0,
        "it left a file behind"
    );
    insta::assert_snapshot!(outcome.stderr, @r"
    error: DOCS_ENABLED must be true or false
      --> environment
       |
       | DOCS_ENABLED=perhaps
       |              ^^^^^^^ Whether /docs and /openapi.json are served; default true

    error: SERVER_PORT must be a whole number from 0 to 65535
      --> environment
       |
       | SERVER_PORT=http
       |             ^^^^ Port the server listens on; default 8080

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    let program = Program::new().with("DATABASE_PASSWORD", OsString::from_vec(vec![0xff]));
    let error = program.error(&["config", "check"]);
    assert!(
        error.starts_with("error: DATABASE_PASSWORD is no UTF-8 text\n"),
        "{error}"
    );
}

#[test]
fn a_command_that_does_not_exist_ends_with_code_2() {
    assert_eq!(Program::new().run(&["sevre"]).code, Some(2));
    assert_eq!(Program::new().run(&["migrate", "down", "0"]).code, Some(2));
    let wait = format!("--wait={}", u64::MAX);
    assert_eq!(
        Program::new().run(&["migrate", "status", &wait]).code,
        Some(2)
    );
}

#[rstest]
#[case(&["config", "explain"])]
#[case(&["config", "check"])]
#[case(&["config", "check", "--env", "prod"])]
#[case(&["serve"])]
fn no_command_shows_a_secret(#[case] arguments: &[&str]) {
    let program = Program::new()
        .with(
            "DATABASE_URL",
            format!("postgres://app:{SECRET}@127.0.0.1:1/app"),
        )
        .with("DATABASE_PASSWROD", SECRET)
        .with("DATABASE_CONNECT_WAIT_SECS", "0");
    let outcome = program.run(arguments);
    assert!(!outcome.to_string().contains(SECRET), "{outcome}");
}

#[cfg(feature = "sqlite")] // of which `local` has a database without being told
#[test]
fn explain_reads_the_files_of_the_working_directory() {
    let program = Program::new();
    fs::create_dir(program.dir().join("env_files")).unwrap();
    fs::write(
        program.dir().join("env_files/.env"),
        "# ports\nSERVER_PORT=8081\n",
    )
    .unwrap();
    let table = program.output(&["config", "explain"]);
    let row = table
        .lines()
        .find(|line| line.starts_with("SERVER_PORT "))
        .unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>(),
        [
            "SERVER_PORT",
            "8081",
            "env_files/.env:2",
            "default",
            "(8080)"
        ]
    );
}

#[test]
fn explain_shows_its_table_even_if_the_configuration_is_refused() {
    let outcome = Program::new()
        .with("SERVER_PORT", "http")
        .run(&["config", "explain"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stdout.contains("SERVER_PORT"), "{outcome}");
    assert!(outcome.stderr.contains("SERVER_PORT must be"), "{outcome}");
}

#[cfg(feature = "sqlite")] // of which `local` has a database without being told
#[test]
fn check_validates_for_another_environment_without_starting_anything() {
    let program = Program::new();
    assert_eq!(
        program.output(&["config", "check"]),
        "the settings for APP_ENV=local are in order\n"
    );
    insta::assert_snapshot!(program.error(&["config", "check", "--env", "prod"]), @r"
    error: DATABASE_URL is not set: nothing says where the database is
       = set DATABASE_URL (postgres://user:password@host:5432/name), or DATABASE_HOST, DATABASE_USER, DATABASE_PASSWORD and DATABASE_NAME

    error: RATE_LIMIT_TRUSTED_PROXIES must say which proxies are before the service: without them all clients of a proxy are one, and share its limit
       = set it to their networks, such as 10.0.0.0/8 for an ingress in the cluster, or to `none` if there is no proxy
       = RATE_LIMIT_ENABLED=false leaves limiting to others

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_eq!(
        program
            .run(&["config", "check", "--env", "production"])
            .code,
        Some(2)
    );
    assert_eq!(
        fs::read_dir(program.dir()).unwrap().count(),
        0,
        "it left a file behind"
    );
}

#[rstest]
#[case(&["config", "example"])]
#[case(&["routes"])]
#[case(&["openapi"])]
fn the_checked_in_copies_are_what_the_code_says(#[case] command: &[&str]) {
    // The shipped settings are written with every feature, and name SQLite.
    if cfg!(not(feature = "sqlite")) && command.starts_with(&["config"]) {
        return;
    }
    let env_files = project_file("env_files").display().to_string();
    let program = Program::new().with("APP_CONFIG_DIR", env_files);
    program.output(&[command, &["--check"]].concat());
}

#[rstest]
#[case(&["config", "example"])]
#[case(&["routes"])]
#[case(&["openapi"])]
fn copies_can_be_written_anew(#[case] command: &[&str]) {
    let program = Program::new();
    fs::create_dir(program.dir().join("env_files")).unwrap();
    let check = &[command, &["--check"]].concat();
    let write = &[command, &["--write"]].concat();
    let error = program.error(check);
    assert!(
        error.contains(&format!("{} --write", command.join(" "))),
        "{error}"
    );
    program.output(write);
    program.output(check);

    let directory = fs::read_dir(program.dir().join("docs/reference"))
        .unwrap()
        .next();
    let stray = directory.unwrap().unwrap().path().join("stray.txt");
    fs::write(&stray, "").unwrap();
    let error = program.error(check);
    assert!(error.contains("stray.txt"), "{error}");
    program.output(write);
    assert!(!stray.exists());
}

#[test]
fn the_openapi_document_is_printed_as_json() {
    let document = Program::new().output(&["openapi"]);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn routes_are_printed_as_a_table() {
    let table = Program::new().output(&["routes"]);
    let heading = table.lines().next().unwrap();
    let columns: Vec<_> = heading.split_whitespace().collect();
    assert_eq!(columns, ["METHOD", "PATH", "EXPOSURE", "OPERATION", "FILE"]);
}
