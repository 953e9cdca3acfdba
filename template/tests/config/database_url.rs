//! Where the database is: `DATABASE_URL` and its parts.

use std::{fs, path::Path};

use app::core::config::{
    AppEnv, Config, DatabaseAddress, DatabaseConfig, PasswordFile, PostgresAddress, SslMode,
};
use insta::assert_snapshot;
use proptest::prelude::*;
use rstest::rstest;
use secrecy::ExposeSecret;

use crate::files::{Files, load_in, refused};

/// The server that these keys (without `DATABASE_`) lead to.
#[track_caller]
fn address<const N: usize>(keys: [(&str, &str); N]) -> PostgresAddress {
    let keys = keys.map(|(key, value)| (format!("DATABASE_{key}"), value.to_owned()));
    address_in(&Config::for_tests(keys))
}

#[track_caller]
fn address_in(config: &Config) -> PostgresAddress {
    match config.section::<DatabaseConfig>().address() {
        Ok(DatabaseAddress::Postgres(address)) => *address,
        other => panic!("{other:?}"),
    }
}

fn password(address: &PostgresAddress) -> Option<&str> {
    address.password.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn migrations_at_start_do_not_go_through_a_pooler() {
    let url = ("DATABASE_URL", "postgres://app@db/app");
    let pooler = ("DATABASE_POOLER", "transaction");
    assert_snapshot!(refused([url, pooler]), @r"
    error: DATABASE_AUTO_MIGRATE is on, but DATABASE_POOLER says that the way leads through a pooler, which migrations can't go
       = turn it off, and run `migrate up` with a DATABASE_URL that leads to the server itself

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([url, ("DATABASE_POOLER", "session")]), @r"
    error: DATABASE_POOLER must be one of none, transaction
      --> environment
       |
       | DATABASE_POOLER=session
       |                 ^^^^^^^ What stands between the service and PostgreSQL; default none

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    let settings = [url, pooler, ("DATABASE_AUTO_MIGRATE", "false")];
    Config::for_tests_in(AppEnv::Local, settings).unwrap();
}

#[test]
fn the_url_of_the_database_and_its_parts_exclude_each_other() {
    let url = ("DATABASE_URL", "postgres://app:hunter2@db/app");
    assert_snapshot!(refused([url, ("DATABASE_HOST", "db"), ("DATABASE_NAME", "app")]), @r"
    error: DATABASE_HOST is set beside DATABASE_URL, which already says it
      --> environment
       |
       | DATABASE_HOST=db
       |               ^^ Host name or address of the PostgreSQL server, or the directory of its socket
       = set either DATABASE_URL or the parts; only DATABASE_PASSWORD completes a URL

    error: DATABASE_NAME is set beside DATABASE_URL, which already says it
      --> environment
       |
       | DATABASE_NAME=app
       |               ^^^ Name of the database
       = set either DATABASE_URL or the parts; only DATABASE_PASSWORD completes a URL

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([url, ("DATABASE_PASSWORD", "hunter3")]), @r"
    error: DATABASE_PASSWORD is set, and DATABASE_URL holds a password, too
      --> environment
       = keep one of them

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[cfg(feature = "sqlite")]
#[test]
fn parts_of_the_database_must_be_complete() {
    assert_snapshot!(refused([("DATABASE_HOST", "db"), ("DATABASE_USER", "app")]), @r"
    error: DATABASE_NAME must be set beside DATABASE_HOST, DATABASE_USER
       = set DATABASE_URL (postgres://user:password@host:5432/name), or DATABASE_HOST, DATABASE_USER, DATABASE_PASSWORD and DATABASE_NAME

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([("DATABASE_PASSWORD", "hunter2")]), @r"
    error: DATABASE_PASSWORD is set, but nothing says for which database
      --> environment
       = the default, a SQLite file, has no password
       = set DATABASE_URL (postgres://user:password@host:5432/name), or DATABASE_HOST, DATABASE_USER, DATABASE_PASSWORD and DATABASE_NAME

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([("DATABASE_URL", "sqlite://app.db"), ("DATABASE_PASSWORD", "hunter2")]), @r"
    error: DATABASE_PASSWORD is set, but a SQLite file has none
      --> environment
       = take it away, or let DATABASE_URL lead to a PostgreSQL server

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_url_of_another_database_is_refused_without_showing_it() {
    assert_snapshot!(refused([("DATABASE_URL", "mysql://root:hunter2@db/app")]), @r"
    error: DATABASE_URL must begin with postgres:// or sqlite://
      --> environment
       = the value is not shown: it may hold a password

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn a_url_is_read_in_full() {
    let address = address([(
        "URL",
        "postgresql://me%20%26%20you:a%3Ab%2Fc%40d%25%C3%BC@db.example:6543/my%20app?options[search_path]=a%2Cb",
    )]);
    assert_eq!(address.user, "me & you");
    assert_eq!(password(&address), Some("a:b/c@d%\u{fc}"));
    assert_eq!((address.host.as_str(), address.port), ("db.example", 6543));
    assert_eq!(address.name, "my app");
    assert_eq!(
        address.options,
        [("search_path".to_owned(), "a,b".to_owned())]
    );
}

#[test]
fn what_a_url_does_not_say_is_the_default_and_nothing_else() {
    let address = address([("URL", "postgres://app@db/app")]);
    assert_eq!(address.port, 5432);
    assert_eq!(password(&address), None);
    assert_eq!(address.ssl_mode, SslMode::Prefer);
    assert_eq!(address.ssl_root_cert, None);
    assert_eq!(address.ssl_identity, None);
    assert!(address.options.is_empty());
}

#[rstest]
#[case("postgres://app@[::1]:1/app", "::1", 1)]
#[case("postgres://app@[::1]/app", "::1", 5432)]
#[case("postgres://app@%2Frun%2Fpostgresql/app", "/run/postgresql", 5432)]
#[case("postgres://app@/app?host=/run/postgresql", "/run/postgresql", 5432)]
fn a_host_can_be_an_address_or_a_socket(#[case] url: &str, #[case] host: &str, #[case] port: u16) {
    let address = address([("URL", url)]);
    assert_eq!((address.host.as_str(), address.port), (host, port));
}

#[rstest]
#[case("::1")]
#[case("[::1]")]
fn parts_make_an_address_as_they_are(#[case] host: &str) {
    let address = address([
        ("HOST", host),
        ("USER", "me & you"),
        ("PASSWORD", "a:b/c@d%"),
        ("NAME", "my app"),
    ]);
    assert_eq!((address.host.as_str(), address.port), ("::1", 5432));
    assert_eq!(
        (address.user.as_str(), address.name.as_str()),
        ("me & you", "my app")
    );
    assert_eq!(password(&address), Some("a:b/c@d%"));
}

#[test]
fn the_password_completes_a_url() {
    let address = address([("URL", "postgres://app@db/app"), ("PASSWORD", "a:b/c@d%")]);
    assert_eq!(password(&address), Some("a:b/c@d%"));
}

#[rstest]
#[case("sslmode")]
#[case("ssl-mode")]
#[case("ssl%6Dode")]
fn a_tls_mode_in_the_url_wins_however_it_is_spelt(#[case] name: &str) {
    let url = format!("postgres://app@db/app?{name}=require");
    assert_eq!(address([("URL", url.as_str())]).ssl_mode, SslMode::Require);
    let stricter = address([("URL", url.as_str()), ("SSL_MODE", "disable")]);
    assert_eq!(stricter.ssl_mode, SslMode::Require);
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

#[rstest]
#[case("sslrootcert")]
#[case("ssl-root-cert")]
#[case("ssl-ca")]
fn an_authority_in_the_url_wins_however_it_is_spelt(#[case] name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let [of_url, of_key] = ["url.pem", "key.pem"].map(|file| dir.path().join(file));
    for file in [&of_url, &of_key] {
        fs::write(file, CERTIFICATE).unwrap();
    }
    let key = ("SSL_ROOT_CERT", of_key.to_str().unwrap());
    let url = format!("postgres://app@db/app?{name}={}", of_url.display());
    let stated = address([("URL", url.as_str()), key]);
    assert_eq!(stated.ssl_root_cert, Some(of_url));
    let unstated = address([("URL", "postgres://app@db/app"), key]);
    assert_eq!(unstated.ssl_root_cert.as_deref(), Some(Path::new(key.1)));
}

#[rstest]
#[case::unknown("?sslpassword=hunter2", "has the parameter `sslpassword`: known are")]
#[case::odd_name("?hunter%202=1", "has a parameter that it must not have: ")]
#[case::password(
    "?user=u&password=hunter2",
    "has the parameter `user`: it belongs into the URL itself"
)]
#[case::port("?port=1", "has the parameter `port`: it belongs into the URL itself")]
#[case::options(
    "?options=-c%20a%3Dhunter2",
    "has the parameter `options`: one setting each"
)]
#[case::twice("?sslmode=require&ssl-mode=disable", "states `ssl-mode` twice")]
#[case::mode(
    "?sslmode=hunter2",
    "has an `sslmode` that is none of disable, prefer, "
)]
#[case::half("?sslcert=/hunter2", "must state `sslcert` and `sslkey` together")]
#[case::file("?sslrootcert=/hunter2", "states a `sslrootcert` that can't be read: ")]
#[case::fragment("#hunter2", "can't be read: ")]
#[case::line("?sslmode=re\nquire", "can't be read: ")]
fn what_a_url_must_not_hold_is_said_without_its_value(#[case] end: &str, #[case] reason: &str) {
    let url = format!("postgres://app@db/app{end}");
    let error = refused([("DATABASE_URL", url.as_str())]);
    assert!(
        error.starts_with(&format!("error: DATABASE_URL {reason}")),
        "{error}"
    );
    assert!(!error.contains("hunter"), "{error}");
}

#[rstest]
#[case("postgres://", "names no user")]
#[case("postgres:///app", "names no user")]
#[case("postgres://db/app", "names no user")]
#[case("postgres://:hunter2@db/app", "names no user")]
#[case("postgres://app:hunter2@/app", "names no host")]
#[case("postgres://app:hunter2@db", "names no database")]
#[case("postgres://app:hunter2@db/", "names no database")]
#[case(
    "postgres://app:hunter2@db:port/app",
    "has a port that is no number from 1 to 65535"
)]
#[case(
    "postgres://app:hunter2@db:99999/app",
    "has a port that is no number from 1 to 65535"
)]
#[case(
    "postgres://app:hunter2@db:0/app",
    "has a port that is no number from 1 to 65535"
)]
#[case(
    "postgres://app:hunter2@db:+1/app",
    "has a port that is no number from 1 to 65535"
)]
#[case(
    "postgres://app:hunter2@[::1/app",
    "has an address whose `[` is not closed"
)]
#[case(
    "postgres://app:hunter2@[::1]1/app",
    "has an address whose `[` is not closed"
)]
#[case(
    "postgres://app:hun/ter2@db/app",
    "can't be read: in a user or a password"
)]
#[case(
    "postgres://app:hun?ter2=x@db/app",
    "can't be read: in a user or a password"
)]
#[case(
    "postgres://app:hun#ter2@db/app",
    "can't be read: in a user or a password"
)]
#[case("postgres://app:hunter2%@db/app", "holds a `%` that encodes nothing")]
#[case("postgres://app:hunter2%+1@db/app", "holds a `%` that encodes nothing")]
#[case(
    "postgres://app:hunter2%\u{20ac}@db/app",
    "holds a `%` that encodes nothing"
)]
#[case(
    "postgres://app:hunter2%FF@db/app",
    "is no UTF-8 text once it is decoded"
)]
fn a_url_that_can_not_be_used_is_refused_without_telling_its_password(
    #[case] url: &str,
    #[case] reason: &str,
) {
    let error = refused([("DATABASE_URL", url)]);
    assert!(
        error.starts_with(&format!("error: DATABASE_URL {reason}")),
        "{error}"
    );
    assert!(!error.contains("hun") && !error.contains("ter2"), "{error}");
}

#[test]
fn a_weak_password_is_found_wherever_it_stands() {
    for url in [
        "postgres://app@db/app?user=u&password=changeme",
        "postgres://app:changeme@db/app",
    ] {
        load_in(AppEnv::Prod, [("DATABASE_URL", url)]).unwrap_err();
    }
}

#[cfg(feature = "sqlite")]
#[rstest]
#[case("sqlite::memory:", "names a database in memory")]
#[case("sqlite://app.db?mode=memory", "names a database in memory")]
#[case(
    "sqlite://app.db?mode=hunter2",
    "must be like sqlite://file.db?mode=rwc"
)]
#[case("sqlite://app.db?hunter2=1", "must be like sqlite://file.db?mode=rwc")]
fn a_sqlite_url_that_no_pool_can_use_is_refused(#[case] url: &str, #[case] reason: &str) {
    let error = refused([("DATABASE_URL", url)]);
    assert!(
        error.starts_with(&format!("error: DATABASE_URL {reason}")),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_file_of_certificates_must_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let keys: &[&str] = if cfg!(feature = "http-client") {
        &["DATABASE_SSL_ROOT_CERT", "HTTP_CLIENT_CA_CERT"]
    } else {
        &["DATABASE_SSL_ROOT_CERT"]
    };
    for key in keys {
        let error = refused([(key, "/nowhere/ca.pem")]);
        assert!(
            error.starts_with(&format!("error: {key} names a file that can't be read: ")),
            "{error}"
        );
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
        fs::write(&file, "no certificate").unwrap();
        let error = refused([(key, file.to_str().unwrap())]);
        assert!(
            error.starts_with(&format!(
                "error: {key} names a file that holds no certificate (PEM)"
            )),
            "{error}"
        );
        fs::write(&file, CERTIFICATE).unwrap();
        let pairs = [
            ("DATABASE_URL", "postgres://app@db/app"),
            (key, file.to_str().unwrap()),
        ];
        let _ = Config::for_tests(pairs);
    }
}

#[test]
fn variables_of_libpq_that_can_not_be_overruled_are_told() {
    let files = Files::of(AppEnv::Prod)
        .variable("PGOPTIONS", "-c search_path=hunter2")
        .variable("PGSSLCERT", "/hunter2")
        .variable("PGPASSWORD", "hunter2");
    assert_snapshot!(files.warnings(), @r"
    warning: PGOPTIONS has a say in every connection to PostgreSQL
      --> environment
       = unset it; `options[…]` in DATABASE_URL says the same

    warning: PGSSLCERT has a say in every connection to PostgreSQL
      --> environment
       = unset it; `sslcert` in DATABASE_URL says the same
    ");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_password_survives_a_url_and_the_key_beside_it(secret in "\\PC{1,20}") {
        let encoded: Vec<String> = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let encoded = encoded.concat();
        let of_url = address([("URL", format!("postgres://app:{encoded}@db/app").as_str())]);
        prop_assert_eq!(password(&of_url), Some(secret.as_str()));
        let beside = address([("URL", "postgres://app@db/app"), ("PASSWORD", secret.as_str())]);
        prop_assert_eq!(password(&beside), Some(secret.as_str()));
    }
}

/// What a password's file holds now, or what is wrong with it.
fn read(file: &PasswordFile) -> Result<String, String> {
    let password = file.read()?;
    Ok(password.expose_secret().to_owned())
}

#[test]
fn a_password_is_read_again_from_its_file() {
    let files = Files::new()
        .variable("DATABASE_URL", "postgres://app@db/app")
        .secret("DATABASE_PASSWORD", "first\n");
    let address = address_in(&files.load());
    assert_eq!(password(&address), Some("first"));
    let file = address.password_file.unwrap();
    assert_eq!(file.key(), "DATABASE_PASSWORD");

    let path = files.secrets_dir().join("DATABASE_PASSWORD");
    fs::write(&path, "second\n").unwrap();
    assert_eq!(read(&file).as_deref(), Ok("second"));
    fs::write(&path, "\n").unwrap();
    assert_eq!(read(&file).unwrap_err(), "is empty");
    fs::write(&path, [0xff]).unwrap();
    assert_eq!(read(&file).unwrap_err(), "is no UTF-8 text");
    fs::remove_file(&path).unwrap();
    assert!(read(&file).unwrap_err().starts_with("can't be read: "));
}

#[rstest]
#[case("postgres://app:hunter2%40two@elsewhere/app", Ok("hunter2@two"))]
#[case(
    "postgres://other:hunter2two@db/app",
    Err("names another user, which takes a restart")
)]
#[case("postgres://app@db/app", Err("names no password any more"))]
#[case("postgres://app:@db/app", Err("is empty"))]
#[case("sqlite://app.db", Err("must begin with postgres://"))]
#[case("", Err("must begin with postgres://"))]
fn of_a_url_the_password_is_read_again(#[case] now: &str, #[case] expected: Result<&str, &str>) {
    let files = Files::new().secret("DATABASE_URL", "postgres://app:hunter2@db/app");
    let file = address_in(&files.load()).password_file.unwrap();
    assert_eq!(file.key(), "DATABASE_URL");

    fs::write(files.secrets_dir().join("DATABASE_URL"), now).unwrap();
    assert_eq!(read(&file).as_deref().map_err(String::as_str), expected);
}

#[test]
fn a_password_from_elsewhere_is_for_good() {
    let url = "postgres://app:hunter2@db/app";
    let in_url = Files::new().variable("DATABASE_URL", url);
    let alone = Files::new()
        .variable("DATABASE_URL", "postgres://app@db/app")
        .variable("DATABASE_PASSWORD", "hunter2")
        .secret("DATABASE_PASSWORD", "shadowed");
    let env_file = Files::new().env_file(".env", &format!("DATABASE_URL={url}\n"));
    for files in [in_url, alone, env_file] {
        let address = address_in(&files.load());
        assert_eq!(password(&address), Some("hunter2"));
        assert!(address.password_file.is_none());
    }
}
