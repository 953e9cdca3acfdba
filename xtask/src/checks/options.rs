//! `options/*`: projects that are not the template in place are built, linted and tested like it.

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::generated::lock_keeps_its_versions;
use crate::checks::{check, long_check, template};
use crate::context::Context;
use crate::generate::Request;
use crate::repo::Repo;

pub(super) fn checks(repo: &Repo) -> Vec<Check> {
    let mut checks: Vec<Check> = repo
        .parts()
        .into_iter()
        .map(|part| {
            check(
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
            )
        })
        .collect();
    checks.push(long_check(
        "options/features",
        30,
        "the template compiles without each of its Cargo features",
        features,
    ));
    checks.push(long_check(
        "options/release",
        60,
        "a generated project builds for production, and refuses to start half configured",
        release,
    ));
    checks
}

fn is_sound(cx: &Context<'_>, request: &Request) -> Outcome {
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
    for features in ["", "sqlite", "http-client", "swagger-ui"] {
        let arguments = [
            "clippy",
            "--all-targets",
            "--no-default-features",
            "--features",
            features,
            "--",
            "-D",
            "warnings",
        ];
        cx.step(
            &mut cx.cargo(&template, arguments),
            "clippy complains without a feature",
        )?;
    }
    Ok(())
}

fn release(cx: &Context<'_>) -> Outcome {
    let name = "release-svc";
    let project = cx.project(&Request::new(name))?;
    let mut build = cx.cargo(&project, ["build", "--release", "--locked"]);
    let target = build
        .get_envs()
        .find_map(|(key, value)| value.filter(|_| key == "CARGO_TARGET_DIR"))
        .map(std::path::PathBuf::from);
    cx.step(&mut build, "the project does not build for production")?;
    let binary = target
        .unwrap_or_else(|| project.join("target"))
        .join("release")
        .join(name);
    let check = |database: Option<&str>| {
        let mut check = program(&binary, &project);
        check
            .args(["config", "check"])
            .env("APP_ENV", "prod")
            .envs(database.map(|url| ("DATABASE_URL", url)));
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
    Ok(())
}
