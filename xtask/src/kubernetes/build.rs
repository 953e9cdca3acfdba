//! The API server's program, which nobody offers in a package: compiled from Debian's sources, once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::cargo::program;
use crate::context::Context;
use crate::packages;

/// The last release whose sources are in Debian as a whole; later ones are kubectl's alone.
const VERSION: &str = "1.20.2";
/// Where these sources are, and a Go that is old enough for them.
const SUITE: &str = "bookworm";
const GO: &str = "1.19";

/// Where Go looks for the sources, below the folder in which they are compiled.
const SOURCES: &str = "go/src/k8s.io/kubernetes";

/// The description of all types, by which clients check objects, is the one file that is not among the sources: it is generated first.
const COMPILE: &str = r#"
PATH=$GOROOT/bin:$PATH
go build -o openapi-gen ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
described=$(grep --dereference-recursive --files-with-matches --include='*.go' '+k8s:openapi-gen=' pkg vendor/k8s.io |
    grep --invert-match --extended-regexp '^vendor/k8s.io/(code-generator|kube-openapi|sample-apiserver)/' |
    xargs --max-args=1 dirname | sort --unique | sed 's,^,k8s.io/kubernetes/,' | paste --serial --delimiters=,)
./openapi-gen --go-header-file hack/boilerplate/boilerplate.generatego.txt --input-dirs $described \
    --output-package k8s.io/kubernetes/pkg/generated/openapi --output-file-base zz_generated.openapi --report-filename /dev/null
own=k8s.io/kubernetes/vendor/k8s.io/component-base/version
minor=${version#1.}
go build -o kube-apiserver \
    -ldflags "-s -w -X $own.gitVersion=v$version -X $own.gitMajor=1 -X $own.gitMinor=${minor%.*}" ./cmd/kube-apiserver
"#;

/// kube-apiserver.
pub(super) fn kube_apiserver(cx: &Context<'_>) -> Result<PathBuf> {
    let folder = cx
        .shared
        .cache
        .tools()
        .join(format!("kube-apiserver-{VERSION}"));
    let binary = folder.join("kube-apiserver");
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&folder)?;
    // Sources, Go and what it keeps are some 2 GB, which nobody needs afterwards.
    let scratch = TempDir::with_prefix_in("build-", &folder)?;
    let run = |command: &mut Command| Ok(cx.execute(command)?.success());
    let by_hand = "The API server is compiled from Debian's sources, which takes Debian or Ubuntu with Debian's keyring.";
    let sources = scratch.path().join(SOURCES);
    fs::create_dir_all(&sources)?;
    packages::unpack_source_from(SUITE, "kubernetes", &sources, by_hand, run)?;
    let go = [format!("golang-{GO}-go"), format!("golang-{GO}-src")];
    let go: Vec<&str> = go.iter().map(String::as_str).collect();
    packages::unpack_from(SUITE, &go, scratch.path(), by_hand, run)?;
    let goroot = scratch.path().join(format!("usr/lib/go-{GO}"));

    let mut compile = program("sh", &sources);
    compile
        .args(["-ec", COMPILE])
        .env("version", VERSION)
        .env("GOROOT", goroot)
        .env("GOPATH", scratch.path().join("go"))
        .env("GOCACHE", scratch.path().join("cache"))
        .envs([("GO111MODULE", "off"), ("GOENV", "off"), ("GOFLAGS", "")])
        .env("CGO_ENABLED", "0"); // a C compiler may not be there
    if !run(&mut compile)? {
        bail!(
            "kube-apiserver {VERSION} could not be compiled; see {}",
            cx.log.display()
        );
    }
    fs::rename(sources.join("kube-apiserver"), &binary)?;
    Ok(binary)
}
