//! How far the server's certificate is checked, on a server that has one.

use app::core::{
    config::{Config, DatabaseConfig},
    database::{Database, NotReady},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::{
    support::{database::TestDatabase, private_server::PrivateServer},
    toys::number,
};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

/// An authority, and the certificate of a server called `localhost` with its key.
struct Certificates {
    authority: String,
    server: String,
    key: String,
}

impl Certificates {
    fn new() -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let server = server.signed_by(&key, &Issuer::new(authority, authority_key));
        Self {
            authority: certificate.pem(),
            server: server.unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A server with TLS; none if there is none for the tests.
async fn server_with(certificates: &Certificates) -> Option<PrivateServer> {
    TestDatabase::postgres().await?; // tests without a server take no time for one
    let files = [
        ("ssl_cert_file", certificates.server.as_str()),
        ("ssl_key_file", certificates.key.as_str()),
    ];
    PrivateServer::start_new_with(files, ["ssl=on"])
}

#[tokio::test]
async fn the_certificate_of_the_server_is_checked_as_far_as_the_mode_says() {
    let certificates = Certificates::new();
    let Some(server) = server_with(&certificates).await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, &certificates.authority).unwrap();
    let others = dir.path().join("others.pem");
    std::fs::write(&others, Certificates::new().authority).unwrap();

    // host, mode, authority; whether the connection has TLS, or is refused
    for (host, mode, file, tls) in [
        ("127.0.0.1", "disable", None, Some(0)),
        ("127.0.0.1", "prefer", None, Some(1)),
        ("127.0.0.1", "require", None, Some(1)),
        ("localhost", "verify-ca", None, None),
        ("localhost", "verify-ca", Some(&others), None),
        ("127.0.0.1", "verify-ca", Some(&authority), Some(1)),
        ("localhost", "verify-full", Some(&authority), Some(1)),
        ("localhost", "verify-full", None, None),
        ("127.0.0.1", "verify-full", Some(&authority), None),
    ] {
        let url = format!("postgres://postgres@{host}:{}/postgres", server.port());
        let mut settings = vec![("DATABASE_URL", url.as_str()), ("DATABASE_SSL_MODE", mode)];
        if let Some(file) = file {
            settings.push(("DATABASE_SSL_ROOT_CERT", file.to_str().unwrap()));
        }
        let config = Config::for_tests(settings);
        let database = Database::new(config.section::<DatabaseConfig>(), "tests").unwrap();
        let ready = database.wait_until_ready(LONG).await;
        let Some(tls) = tls else {
            assert!(
                matches!(ready, Err(NotReady::Refused(_))),
                "{host}, {mode}, {file:?}: {ready:?}"
            );
            continue;
        };
        assert!(ready.is_ok(), "{host}, {mode}, {file:?}: {ready:?}");
        let has_tls = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
        let found = number(&database, has_tls).await;
        assert_eq!(found, Ok(tls), "{host}, {mode}, {file:?}");
    }
}

#[tokio::test]
async fn the_authority_can_be_exchanged_without_a_restart() {
    let certificates = Certificates::new();
    let Some(server) = server_with(&certificates).await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, Certificates::new().authority).unwrap();
    let url = format!("postgres://postgres@localhost:{}/postgres", server.port());
    let config = Config::for_tests([
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_SSL_MODE", "verify-full"),
        ("DATABASE_SSL_ROOT_CERT", authority.to_str().unwrap()),
    ]);
    let database = Database::new(config.section::<DatabaseConfig>(), "tests").unwrap();
    let ready = database.wait_until_ready(LONG).await;
    assert!(matches!(ready, Err(NotReady::Refused(_))), "{ready:?}");

    std::fs::write(&authority, &certificates.authority).unwrap();
    let ready = database.wait_until_ready(LONG).await;
    assert!(ready.is_ok(), "{ready:?}");
}
