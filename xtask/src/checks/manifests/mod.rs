//! `manifests/*`: what `k8s/` has a cluster do.

mod apply;
mod owner;
mod restricted;
mod stored;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use regex::Regex;

use crate::check::{Check, Failure, Outcome};
use crate::checks::delivered::path_with;
use crate::checks::place::{Kind, place_to_run};
use crate::checks::{check, long_check};
use crate::context::Context;
use crate::generate::Request;
use crate::http;
use crate::postgres::Database;
use crate::tools;

const PAGE: &str = "docs/deploying.md";
const TEST: &str = "cargo test --test manifests";
const RENDER: &str = "kubectl kustomize k8s/overlays/prod";
const NEXT_RELEASE: &str =
    "sed -i 's/newTag: .*/newTag: \"0.2.0\"/' k8s/overlays/prod/kustomization.yaml";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "manifests/contract",
            20,
            "what kubectl makes of k8s/ agrees with the code",
            agrees_with_the_code,
        )
        .typing(&[TEST]),
        check(
            "manifests/names",
            5,
            "whatever a project is called, Kubernetes takes the names of its objects, and the next release changes what it should",
            names_are_taken,
        )
        .typing(&[RENDER, NEXT_RELEASE]),
        check(
            "manifests/roles",
            10,
            "the roles of docs/deploying.md can do what they are for: one migrates, the other serves and can't migrate",
            roles_can_do_their_work,
        ),
        long_check(
            "manifests/apply",
            60,
            "an API server takes every overlay as docs/deploying.md says, again, and then the next release (Kubernetes 1.20: six lines are changed for it)",
            apply::a_server_takes_them,
        )
        .typing(apply::TYPED),
    ]
}

fn agrees_with_the_code(cx: &Context<'_>) -> Outcome {
    let template = cx.repo().template();
    let mut test = cx.typed(TEST, &template, &[]);
    cx.share_builds(&mut test, &template);
    test.env("TEST_KUBECTL", tools::kubectl(cx)?);
    cx.step(&mut test, "the manifests do not agree with the code")
}

/// What stands before every name, from the name of a project.
fn prefix(project: &str) -> String {
    let name: String = project.replace('_', "-").chars().take(40).collect();
    format!("{}-", name.trim_end_matches('-'))
}

fn names_are_taken(cx: &Context<'_>) -> Outcome {
    let path = path_with(&[&tools::kubectl(cx)?])?;
    let render = |folder: &Path| -> Result<String> {
        let (status, rendered) = cx.output(cx.typed(RENDER, folder, &[]).env("PATH", &path))?;
        anyhow::ensure!(status.success(), "`{RENDER}` fails");
        Ok(rendered)
    };
    let longest = "a-service".repeat(7);
    let breaks_at_a_dash = format!("{}-rest", "x".repeat(39));
    for project in ["my-service", "odd_name", &longest, &breaks_at_a_dash] {
        let folder = tempfile::TempDir::with_prefix("strata-check-")?;
        cx.generate(&Request::new(project).parts(Vec::new()))?
            .write_to(folder.path())?;
        let what = format!("`{RENDER}` in the project {project}");
        let names = names(&render(folder.path())?)?;
        let prefix = prefix(project);
        let is_good = |name: &&String| name.starts_with(&prefix) && name.len() <= 63;
        if names.is_empty() || !names.iter().all(|name| is_good(&name)) {
            let wrong = "an object's name is none, or not the project's";
            let bad = names.iter().find(|name| !is_good(name));
            return Err(Failure::new(wrong, what).at(bad.cloned().unwrap_or_default()));
        }
        let example = fs::read_to_string(folder.path().join("k8s/base/secrets.example.yaml"))?;
        if !example.contains(&format!("name: {prefix}secrets\n")) {
            let wrong = "the example's Secrets have other names than those that pods mount";
            return Err(Failure::new(wrong, project));
        }

        cx.step(
            &mut cx.typed(NEXT_RELEASE, folder.path(), &[]),
            "the tag can't be set",
        )?;
        let next = render(folder.path())?;
        let job = format!("name: {prefix}migrate-0.2.0\n");
        if next.matches(":0.2.0\n").count() != 3 || !next.contains(&job) {
            let wrong = "the tag does not arrive in three containers and the Job's name";
            return Err(Failure::new(wrong, what).at(NEXT_RELEASE));
        }
    }
    Ok(())
}

/// The names of all objects.
fn names(rendered: &str) -> Result<Vec<String>> {
    let name = Regex::new(r"(?m)^metadata:\n(?:  .*\n)*?  name: (\S+)$")?;
    let found = name.captures_iter(rendered);
    Ok(found.map(|found| found[1].to_owned()).collect())
}

/// The page's roles and database, under names of their own on the server of the checks.
struct Roles<'d> {
    /// Another database of that server.
    beside: &'d Database,
    migrates: String,
    serves: String,
    database: String,
}

const PASSWORD: &str = "8Zb2kQw91Lr7mT";

impl Roles<'_> {
    /// The page's SQL with these names.
    fn renamed(&self, sql: &str) -> Result<String> {
        let mut sql = sql.replace('…', PASSWORD);
        for (name, own) in [
            ("app_migrate", &self.migrates),
            ("app", &self.serves),
            ("service", &self.database),
        ] {
            let name = Regex::new(&format!(r"\b{name}\b"))?;
            sql = name.replace_all(&sql, own.as_str()).into_owned();
        }
        Ok(sql)
    }

    /// The address of the database as a role reaches it.
    fn url(&self, role: &str) -> Result<String> {
        let (_, rest) = self.beside.url().split_once("://").context("no scheme")?;
        let place = rest.split(['/', '?']).next().unwrap_or_default();
        let host = place.rsplit('@').next().unwrap_or_default();
        Ok(format!(
            "postgres://{role}:{PASSWORD}@{host}/{}",
            self.database
        ))
    }
}

impl Drop for Roles<'_> {
    fn drop(&mut self) {
        // A private server goes anyway; on somebody's own, what is left has a telling name.
        let statements = format!(
            "DROP DATABASE IF EXISTS {}; DROP ROLE IF EXISTS {}; DROP ROLE IF EXISTS {};",
            self.database, self.migrates, self.serves
        );
        let _ = self.beside.run(None, &statements);
    }
}

fn roles_can_do_their_work(cx: &Context<'_>) -> Outcome {
    let page = fs::read_to_string(cx.repo().root().join(PAGE))?;
    let blocks: Vec<&str> = page
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let [as_superuser, in_database] = blocks[..] else {
        return Err(Failure::new("the page's SQL is not found", PAGE));
    };
    let beside = cx.database()?;
    let name = |what: &str| format!("strata_check_{}_{what}", std::process::id());
    let roles = Roles {
        beside: &beside,
        migrates: name("migrates"),
        serves: name("serves"),
        database: name("roles"),
    };
    for (database, sql) in [
        (None, as_superuser),
        (Some(roles.database.as_str()), in_database),
    ] {
        if !beside.run(database, &roles.renamed(sql)?)? {
            return Err(Failure::new("the page's SQL fails", PAGE).at(sql));
        }
    }

    let place = place_to_run(cx, Kind::Sqlite)?;
    let as_role = |role: &str| -> Result<_> {
        // The strictest environment in which example data may be written.
        let binary = place.binary.clone().setting("APP_ENV", "uat");
        let binary = binary.setting("RATE_LIMIT_TRUSTED_PROXIES", "none");
        Ok(binary.setting("DATABASE_URL", roles.url(role)?))
    };
    let (migrates, serves) = (as_role(&roles.migrates)?, as_role(&roles.serves)?);
    cx.step(
        &mut migrates.command(["migrate", "up"]),
        "the role that migrates can't",
    )?;
    for arguments in [
        &["migrate", "status", "--wait=5"][..],
        &["seed", "--rows", "3"],
    ] {
        cx.step(
            &mut serves.command(arguments.iter().copied()),
            "the role that serves can't do its work",
        )?;
    }
    if cx
        .execute(&mut serves.command(["migrate", "down"]))?
        .success()
    {
        let wrong = "the role that serves can change the schema";
        return Err(Failure::new(wrong, PAGE));
    }
    let management = http::free_port()?;
    let serves = serves.setting("SERVER_MANAGEMENT_PORT", management.to_string());
    let port = http::free_port()?;
    let service = crate::service::serve(serves.command(["serve"]), port, management, &cx.log)?;
    let (status, users) = http::get(service.port(), "/api/v1/users?limit=1")?;
    if status != 200 || !users.contains("\"items\":[{") {
        return Err(Failure::new("the service can't read its tables", PAGE).at(users));
    }
    service.stop()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_found_whatever_stands_before_them() {
        let rendered = "kind: A\nmetadata:\n  labels:\n    x: y\n  name: one\n---\nmetadata:\n  name: two\nspec:\n  template:\n    metadata:\n      name: no\n";
        assert_eq!(names(rendered).unwrap(), ["one", "two"]);
    }

    #[test]
    fn a_long_name_is_cut_where_no_dash_is_left() {
        assert_eq!(prefix("odd_name"), "odd-name-");
        assert_eq!(
            prefix(&format!("{}-rest", "x".repeat(39))),
            format!("{}-", "x".repeat(39))
        );
    }
}
