//! The backup can tell whether it speaks to the right server: its image has PostgreSQL's programs and knows no authorities, public ones
//! neither.

use crate::kubectl::{Copy, Rendering, kubectl, renderings};

/// What `connection.sh` takes if nothing else is said.
const USUAL_MODE: &str = "verify-full";

/// Containers that are to check the database's certificate, and can't.
fn blind(rendering: &Rendering) -> Vec<String> {
    let mut found = Vec::new();
    let pods = rendering.pods().into_iter();
    for pod in pods.filter(|pod| pod.owner.starts_with("CronJob")) {
        for container in pod.containers() {
            let place = format!("{}: {}: {}", rendering.name, pod.owner, container.name);
            let settings = rendering.environment(&place, container);
            let setting = |key| settings.get(key).map(String::as_str);
            let asks_the_database = setting("DATABASE_HOST").is_some();
            let mode = setting("DATABASE_SSL_MODE").unwrap_or(USUAL_MODE);
            if !asks_the_database || mode != USUAL_MODE {
                continue;
            }
            let is_mounted = |file: &str| {
                let mut mounts = container.volume_mounts.iter().flatten();
                mounts.any(|mount| file.starts_with(&format!("{}/", mount.mount_path)))
            };
            match setting("DATABASE_SSL_ROOT_CERT") {
                Some(file) if is_mounted(file) => {}
                Some(file) => found.push(format!("{place}: {file} is on no volume")),
                None => found.push(format!(
                    "{place}: DATABASE_SSL_MODE is {mode}, and no authority is known: the overlay's components need ../../components/database-ca"
                )),
            }
        }
    }
    found
}

#[test]
fn a_backup_knows_who_vouches_for_the_server() {
    for rendering in renderings() {
        assert_eq!(blind(rendering), [""; 0]);
    }
}

#[test]
fn a_backup_that_knows_nobody_is_found() {
    if kubectl().is_none() {
        return;
    }
    let rendering = Copy::new("prod").with(&["backup"]).render();
    let found = blind(&rendering);
    assert!(
        found.len() == 1 && found[0].ends_with("../../components/database-ca"),
        "{found:?}"
    );
}
