//! The client for requests to other services, over TLS: authorities of one's own, and HTTP/2 where the server offers it.

#![cfg(feature = "http-client")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use app::core::config::Config;
use app::core::http_client::{HttpClient, HttpClientError};
use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A server whose certificate an authority of the test's own has signed. It answers with the version of HTTP that it was asked in.
struct TlsServer {
    address: SocketAddr,
    ca_cert: PathBuf,
    _dir: TempDir,
}

async fn tls_server(offers: &[&[u8]]) -> TlsServer {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ca_cert = dir.path().join("ca.pem");
    std::fs::write(&ca_cert, authority.pem()).unwrap();

    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    let mut config = config
        .with_single_cert(vec![own.der().clone()], key)
        .unwrap();
    config.alpn_protocols = offers.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router =
        Router::new().fallback(async |request: Request| format!("{:?}", request.version()));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // Whoever doesn't trust the certificate hangs up.
            if let Ok(connection) = acceptor.accept(connection).await {
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder
                        .serve_connection(TokioIo::new(connection), service)
                        .await;
                });
            }
        }
    });
    TlsServer {
        address,
        ca_cert,
        _dir: dir,
    }
}

impl TlsServer {
    /// What it answers to a client with these settings that trusts its authority.
    async fn answers(&self, http2: &str) -> String {
        let settings = [
            ("HTTP_CLIENT_CA_CERT", self.ca_cert.to_str().unwrap()),
            ("HTTP_CLIENT_HTTP2", http2),
        ];
        let client = HttpClient::new(Config::for_tests(settings).section()).unwrap();
        let answer = client
            .get(format!("https://{}/", self.address))
            .send()
            .await;
        let body = answer.unwrap().bytes().await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let both = tls_server(&[b"h2", b"http/1.1"]).await;
    assert_eq!(both.answers("true").await, "HTTP/2.0");
    assert_eq!(both.answers("false").await, "HTTP/1.1");
    let old = tls_server(&[b"http/1.1"]).await;
    assert_eq!(old.answers("true").await, "HTTP/1.1");
    let mute = tls_server(&[]).await;
    assert_eq!(mute.answers("true").await, "HTTP/1.1");
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_trusted() {
    let server = tls_server(&[b"h2"]).await;
    let client = HttpClient::new(Config::for_tests([("", ""); 0]).section()).unwrap();
    let request = client.get(format!("https://{}/", server.address));
    let error = request.max_retries(0).send().await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::Unavailable(_)),
        "{error:?}"
    );
    assert!(error.to_string().contains("certificate"), "{error}");
}
