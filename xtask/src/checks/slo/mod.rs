//! `slo/*`: what Prometheus and Grafana are told about the service is right, and each alert fires when it should.

mod faults;
mod load;
mod panels;
mod prometheus;
mod scaled;
mod services;
mod stage;
mod watch;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::{check, delivered, long_check};
use crate::context::Context;
use crate::generate::Request;
use crate::tools;

/// Grafana's own models of its dashboards, for Grafana 12.
const GRAFANA_MODELS: &str = "1769699998!10.1.0";

const TAKE_RULES_OVER: &str = "just rules";

/// Stands before the real one, and takes what every sed takes.
const STRICT_SED: &str = r#"#!/bin/sh
case $1 in
    --* | -*i*) echo "sed: not every sed knows $1" >&2; exit 1 ;;
esac
PATH=${PATH#*:}
export POSIXLY_CORRECT=1
exec sed "$@"
"#;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "slo/rules",
            5,
            "Prometheus' own tool accepts its configuration and the rules, and the rules' tests pass",
            rules_pass_their_tests,
        ),
        check(
            "slo/operator",
            5,
            "in a project `just rules` writes the resource of the operator as it is here",
            operator_gets_the_rules,
        )
        .typing(&[TAKE_RULES_OVER]),
        check(
            "slo/dashboard",
            5,
            "Grafana's own models know every field of the dashboard",
            grafana_knows_the_dashboard,
        ),
        long_check(
            "slo/alerts",
            30,
            "each alert fires in a real Prometheus that scrapes services with real faults, none where there is no fault, and every panel of the dashboard shows something",
            faults::alerts_fire,
        ),
    ]
}

fn rules_pass_their_tests(cx: &Context<'_>) -> Outcome {
    let promtool = tools::promtool(cx)?;
    let folder = cx.repo().template().join("observability/prometheus");
    for (arguments, wrong) in [
        (
            ["check", "config", "prometheus.yaml"],
            "Prometheus refuses its configuration",
        ),
        (
            ["check", "rules", "rules.yaml"],
            "Prometheus refuses the rules",
        ),
        (
            ["test", "rules", "rules_test.yaml"],
            "the rules do something else than their tests say",
        ),
    ] {
        cx.step(program(&promtool, &folder).args(arguments), wrong)?;
    }
    Ok(())
}

fn operator_gets_the_rules(cx: &Context<'_>) -> Outcome {
    const RESOURCE: &str = "k8s/components/prometheus-rule/prometheus-rule.yaml";
    let just = delivered::just(cx)?;
    let parent = tempfile::TempDir::with_prefix("strata-check-")?;
    let folder = parent.path().join("my-service");
    cx.generate(&Request::new("my-service"))?
        .write_to(&folder)?;
    let before = std::fs::read_to_string(folder.join(RESOURCE))?;
    let mut recipe = cx.typed(TAKE_RULES_OVER, &folder, &[]);
    let sed = parent.path().join("sed");
    std::fs::write(&sed, STRICT_SED)?;
    std::fs::set_permissions(&sed, Permissions::from_mode(0o755))?;
    recipe.env("PATH", delivered::path_with(&[&sed, &just])?);
    cx.step(&mut recipe, "the recipe fails with a sed that is not GNU's")?;
    if std::fs::read_to_string(folder.join(RESOURCE))? != before {
        let wrong = "the operator's rules are not Prometheus': run `cargo xtask fmt`";
        return Err(Failure::new(wrong, TAKE_RULES_OVER).at(RESOURCE));
    }
    Ok(())
}

fn grafana_knows_the_dashboard(cx: &Context<'_>) -> Outcome {
    let python = tools::python(cx, "grafana-foundation-sdk", GRAFANA_MODELS, "python")?;
    let root = cx.repo().root();
    cx.step(
        program(python, root)
            .arg(root.join("xtask/scripts/dashboard.py"))
            .arg(root.join("template/observability/grafana/dashboards/service.json")),
        "the dashboard has fields that Grafana doesn't know",
    )
}
