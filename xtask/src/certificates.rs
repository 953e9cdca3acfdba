//! Certificates for an hour, made by OpenSSL's command.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::packages;

const BY_HAND: &str =
    "OpenSSL 3 is needed to make certificates (Debian, Ubuntu: `apt-get install openssl`).";

/// An authority that nobody trusts unless told so, with its files in a folder.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes one. `run` carries out a command and returns whether it ended well.
    pub(crate) fn create(
        folder: &Path,
        mut run: impl FnMut(&mut Command) -> Result<bool>,
    ) -> Result<Self> {
        if packages::find_program("openssl").is_none() {
            packages::install(&["openssl"], BY_HAND, &mut run)?;
        }
        let authority = Self {
            folder: folder.to_path_buf(),
        };
        authority.certify(
            "ca",
            &[
                "basicConstraints=critical,CA:TRUE",
                "keyUsage=critical,keyCertSign",
            ],
            &[],
        )?;
        Ok(authority)
    }

    /// The authority's own certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Makes a certificate for a server of these names, with its key; both in PEM.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> Result<Issued> {
        let names = format!("subjectAltName={}", names.join(","));
        let limits = ["basicConstraints=critical,CA:FALSE", &names];
        self.certify(file, &limits, &["-CA", "ca.pem", "-CAkey", "ca.key"])?;
        Ok(Issued {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        })
    }

    fn certify(&self, file: &str, extensions: &[&str], signer: &[&str]) -> Result<()> {
        let mut command = Command::new("openssl");
        command
            .args(["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-subj", &format!("/CN=strata check {file}")])
            .args([
                "-keyout",
                &format!("{file}.key"),
                "-out",
                &format!("{file}.pem"),
            ])
            .args(signer)
            .current_dir(&self.folder);
        for extension in extensions {
            command.args(["-addext", extension]);
        }
        let output = command.output().context(BY_HAND)?;
        if !output.status.success() {
            bail!("openssl: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

/// A server's certificate and key.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}
