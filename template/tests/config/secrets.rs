//! Secrets: where they come from, which are refused, and that they are never shown.

use std::fs;

use app::core::config::{AppEnv, Config, DatabaseConfig, Explanation, Sources};
use insta::assert_snapshot;
use proptest::prelude::*;
use rstest::rstest;
use secrecy::ExposeSecret;

use crate::files::{Files, load_in};

const URL: (&str, &str) = ("DATABASE_URL", "postgres://app@db/app");

fn password(config: &Config) -> String {
    let password = config.section::<DatabaseConfig>().password.as_ref();
    password
        .map(|password| password.expose_secret().to_owned())
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_secrets_directory_as_the_kubelet_lays_it_out_is_read() {
    use std::os::unix::fs::symlink;

    let files = Files::of(AppEnv::Prod);
    let directory = files.secrets_dir();
    let dated = directory.join("..2026_11_20_07_00_00.123456789");
    fs::create_dir(&dated).unwrap();
    fs::write(dated.join("DATABASE_PASSWORD"), "from-the-kubelet-1\n").unwrap();
    symlink(dated.file_name().unwrap(), directory.join("..data")).unwrap();
    symlink(
        "..data/DATABASE_PASSWORD",
        directory.join("DATABASE_PASSWORD"),
    )
    .unwrap();

    let config = files.load();
    assert_eq!(password(&config), "from-the-kubelet-1");
    assert!(config.warnings().is_empty(), "{:?}", config.warnings());
}

#[rstest]
#[case("a\n", "a")]
#[case("a\r\n", "a")]
#[case("a\n\n", "a\n")]
#[case(" a ", " a ")]
fn one_newline_at_the_end_of_a_secret_file_is_dropped(#[case] text: &str, #[case] expected: &str) {
    let files = Files::new()
        .variable(URL.0, URL.1)
        .secret("DATABASE_PASSWORD", text);
    assert_eq!(password(&files.load()), expected);
}

#[test]
fn a_secret_file_that_is_no_text_is_refused() {
    let files = Files::new();
    fs::write(files.secrets_dir().join("DATABASE_PASSWORD"), [0xff, 0xfe]).unwrap();
    assert_snapshot!(files.error(), @r"
    error: DATABASE_PASSWORD is no UTF-8 text
      --> secrets/DATABASE_PASSWORD

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[rstest]
#[case("")]
#[case("  ")]
#[case("changeme")]
#[case("Change-Me!")]
#[case("CHANGE_ME_PLEASE")]
#[case("password")]
#[case("<password>")]
#[case("${DATABASE_PASSWORD}")]
#[case("xxxxxxxx")]
#[case("***")]
fn outside_local_placeholders_and_empty_secrets_are_refused(#[case] secret: &str) {
    for env in [AppEnv::Dev, AppEnv::Uat, AppEnv::Prod] {
        let error = load_in(env, [URL, ("DATABASE_PASSWORD", secret)]).unwrap_err();
        let message = error.problems()[0].message();
        assert!(
            message.ends_with(&format!("which APP_ENV={env} refuses")),
            "{message}"
        );
    }
}

#[rstest]
#[case("hunter2")]
#[case("short")]
#[case("abababababababab")]
fn only_prod_refuses_weak_secrets(#[case] secret: &str) {
    let load = |env| load_in(env, [URL, ("DATABASE_PASSWORD", secret)]);
    load(AppEnv::Dev).unwrap();
    load(AppEnv::Uat).unwrap();
    let error = load(AppEnv::Prod).unwrap_err().to_string();
    assert!(
        error.contains("DATABASE_PASSWORD could be guessed, which APP_ENV=prod refuses"),
        "{error}"
    );
    assert!(!error.contains(secret), "{error}");
}

#[rstest]
#[case("postgres://app:changeme@db/app", true)]
#[case("postgres://app:hunter2@db/app", true)]
#[case("postgres://app:@db/app", true)]
#[case("postgres://app:uRk7-bw2_Qy9xA@db/app", false)]
#[case("postgres://app@db/app", false)]
fn of_a_url_the_password_is_judged(#[case] url: &str, #[case] refused: bool) {
    let config = load_in(AppEnv::Prod, [("DATABASE_URL", url)]);
    assert_eq!(config.is_err(), refused);
}

#[test]
fn the_advice_depends_on_where_the_secret_was_found() {
    let prod = || Files::of(AppEnv::Prod);
    assert_snapshot!(prod().secret("DATABASE_PASSWORD", "changeme\n").error(), @r"
    error: DATABASE_PASSWORD is a placeholder, which APP_ENV=prod refuses
      --> secrets/DATABASE_PASSWORD
       = put the real one there, or set DATABASE_PASSWORD

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(prod().env_file(".env.prod", "DATABASE_PASSWORD=changeme").error(), @r"
    error: DATABASE_PASSWORD is a placeholder, which APP_ENV=prod refuses
      --> env_files/.env.prod:1
       = take it out of the file; put the real one into secrets/DATABASE_PASSWORD, or set DATABASE_PASSWORD

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(prod().variable("DATABASE_PASSWORD", "hunter2").error(), @r"
    error: DATABASE_PASSWORD could be guessed, which APP_ENV=prod refuses
      --> environment
       = one that can't has 12 characters or more, and not the same few again and again
       = set the real one, or put it into secrets/DATABASE_PASSWORD and unset this one

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn local_takes_any_secret() {
    let config = Config::for_tests([URL, ("DATABASE_PASSWORD", "changeme")]);
    assert_eq!(password(&config), "changeme");
}

/// A text that a generator would not make by chance: quotes, signs with a meaning somewhere, other scripts.
fn any_secret() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{1,40}", "[ -~]{1,40}", "[\"'#$%{}\\[\\]=\\\\ ]{1,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_secret_survives_an_env_file_a_secret_file_and_the_environment(secret in any_secret()) {
        let files = || Files::new().variable(URL.0, URL.1);
        let quoted = files().env_file(".env", &format!("DATABASE_PASSWORD=\"{secret}\"\n"));
        prop_assert_eq!(&password(&quoted.load()), &secret);
        let file = files().secret("DATABASE_PASSWORD", &format!("{secret}\n"));
        prop_assert_eq!(&password(&file.load()), &secret);
        let variable = files().variable("DATABASE_PASSWORD", &secret);
        prop_assert_eq!(&password(&variable.load()), &secret);
    }

    #[test]
    fn no_secret_is_ever_shown(secret in "[a-zA-Z0-9#:/@\"' ]{3,30}", env in 0..4usize) {
        // A word that occurs nowhere else, so that finding it is no accident.
        let secret = format!("Zq{secret}qZ");
        let pairs = [
            ("APP_ENV", AppEnv::ALL[env].name()),
            ("APP_CONFIG_DIR", ""),
            ("DATABASE_URL", secret.as_str()),
            ("DATABASE_PASSWORD", secret.as_str()),
            ("DATABASE_PASSWROD", secret.as_str()),
            ("SERVER_PORT", "x"),
        ];
        let sources = Sources::of_environment(pairs);
        let explained = Explanation::of(&sources).unwrap().to_string();
        prop_assert!(!explained.contains(&secret), "{}", explained);
        let error = Config::from_sources(&sources).unwrap_err();
        prop_assert!(!error.to_string().contains(&secret), "{}", error);
        prop_assert!(!format!("{error:?}").contains(&secret), "{:?}", error);

        let config = Config::for_tests([URL, ("DATABASE_PASSWORD", secret.as_str())]);
        prop_assert!(!format!("{config:?}").contains(&secret), "{:?}", config);
    }
}
