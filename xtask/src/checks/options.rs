//! `options/*`: projects that are not the template in place are built, linted and tested like it.

use std::collections::BTreeSet;
use std::iter;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome, Tier};
use crate::checks::generated::lock_keeps_its_versions;
use crate::checks::{check, long_check, template};
use crate::context::Context;
use crate::generate::Request;
use crate::repo::Repo;

const BUILD_FOR_PRODUCTION: &str = "cargo build --release";
const CHECK_FOR_PRODUCTION: &str =
    "RATE_LIMIT_TRUSTED_PROXIES=none APP_ENV=prod ./target/release/{{project-name}} config check";

pub(super) fn checks(repo: &Repo) -> Vec<Check> {
    let mut checks: Vec<Check> = repo
        .parts()
        .into_iter()
        .map(|part| {
            let is_default = repo.default_parts().contains(&part);
            let mut made = check(
                &format!("options/parts-without-{part}"),
                45,
                "the project without this part is sound: formatting, lints, docs, tests",
                move |cx| {
                    let parts = cx
                        .repo()
                        .parts()
                        .into_iter()
                        .filter(|other| *other != part)
                        .collect();
                    is_sound(cx, &Request::new(&format!("without-{part}")).parts(parts))
                },
            );
            // Without a part that nobody gets unasked a project is the default one, which other checks build.
            if !is_default {
                made.tier = Tier::Long;
            }
            made
        })
        .collect();
    checks.push(long_check(
        "options/features",
        30,
        "the template compiles with any of its Cargo features left out, and its tests pass without SQLite",
        features,
    ));
    checks.push(
        long_check(
            "options/release",
            60,
            "a generated project builds for production, and refuses to start half configured",
            release,
        )
        .typing(&[BUILD_FOR_PRODUCTION, CHECK_FOR_PRODUCTION]),
    );
    checks
}

pub(super) fn is_sound(cx: &Context<'_>, request: &Request) -> Outcome {
    let project = cx.project(request)?;
    let with = format!(
        "a project generated with `-d {}`",
        request.definitions().join(" -d ")
    );
    let outcome = template::formatting(cx, &project).and_then(|()| {
        lock_keeps_its_versions(cx, &project, |cx| {
            template::lints(cx, &project)?;
            template::documentation(cx, &project)?;
            template::tests_on_sqlite(cx, &project)?;
            template::tests_on_postgres(cx, &project)
        })
    });
    outcome.map_err(|failure| {
        let what = format!("{} ({with})", failure.what);
        Failure { what, ..failure }
    })
}

fn features(cx: &Context<'_>) -> Outcome {
    let template = cx.repo().template();
    let manifest: toml::Table = std::fs::read_to_string(template.join("Cargo.toml"))?.parse()?;
    let all: Vec<&str> = manifest["features"]["default"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect();
    // none, each alone, and all but one
    let alone = all.iter().map(|feature| vec![*feature]);
    let without = all.iter().map(|gone| {
        let others = all.iter().filter(|feature| *feature != gone);
        others.copied().collect()
    });
    let sets: BTreeSet<Vec<&str>> = iter::once(Vec::new()).chain(alone).chain(without).collect();
    for features in sets {
        let arguments = [
            "clippy",
            "--all-targets",
            "--no-default-features",
            "--features",
            &features.join(","),
            "--",
            "-D",
            "warnings",
        ];
        cx.step(
            &mut cx.cargo(&template, arguments),
            "clippy complains without a feature",
        )?;
    }
    // For whoever runs on PostgreSQL only, and leaves SQLite out.
    let others: Vec<&str> = all.into_iter().filter(|other| *other != "sqlite").collect();
    let mut test = cx.cargo(
        &template,
        [
            "test",
            "--no-fail-fast",
            "--no-default-features",
            "--features",
            &others.join(","),
        ],
    );
    test.env("TEST_DATABASE_URL", cx.postgres()?.url());
    cx.step(&mut test, "tests fail without SQLite")
}

fn release(cx: &Context<'_>) -> Outcome {
    let name = "release-svc";
    let project = cx.project(&Request::new(name))?;
    let mut build = cx.typed(BUILD_FOR_PRODUCTION, &project, &[]);
    cx.share_builds(&mut build, &project);
    build
        .arg("--locked")
        .env("CARGO_TARGET_DIR", project.join("target"));
    cx.step(&mut build, "the project does not build for production")?;
    let check = |database: Option<&str>| {
        let mut check = cx.typed(
            CHECK_FOR_PRODUCTION,
            &project,
            &[("{{project-name}}", name)],
        );
        check.envs(database.map(|url| ("DATABASE_URL", url)));
        check
    };
    let url = "postgres://service:4f9Qz7tLw2Xc@db.example.com:5432/service";
    cx.step(
        &mut check(Some(url)),
        "a complete configuration for production is refused",
    )?;
    if cx.execute(&mut check(None))?.success() {
        return Err(Failure::new(
            "a configuration without a database is accepted",
            "`APP_ENV=prod … config check` in a fresh project",
        ));
    }
    let mut as_it_comes = program(project.join("target/release").join(name), &project);
    as_it_comes
        .args(["config", "check"])
        .envs([("APP_ENV", "prod"), ("DATABASE_URL", url)]);
    let status = cx.execute(&mut as_it_comes)?;
    let log = std::fs::read_to_string(&cx.log)?;
    if status.success() || !log.contains("RATE_LIMIT_TRUSTED_PROXIES must say") {
        let what = "a configuration that leaves open whose word about clients is taken is accepted";
        return Err(Failure::new(what, "env_files/ of a fresh project"));
    }
    Ok(())
}
