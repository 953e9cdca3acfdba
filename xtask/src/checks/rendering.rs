//! `rendering/*`: the few files that are rendered.

use std::collections::BTreeSet;

use regex::Regex;

use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::checks::generated::path_in_project;
use crate::context::Context;
use crate::generate::Request;
use crate::modules;
use crate::repo::Repo;
use crate::tree::Tree;
use crate::twins;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "rendering/list",
            1,
            "what is rendered is listed, and what is listed is rendered",
            list_is_right,
        ),
        check(
            "rendering/twins",
            2,
            "a file with a twin is what the twin becomes with every part",
            twins_agree,
        ),
        check(
            "rendering/modules",
            1,
            "a part's modules and the files that go without it are the same",
            modules_agree,
        ),
        check(
            "rendering/gaps",
            2,
            "no Liquid is left in a project, and no placeholder is empty",
            no_gaps,
        ),
        check(
            "rendering/answers",
            2,
            "any description works, and .strata.toml holds the answers",
            answers_arrive,
        ),
    ]
}

/// The rendered files of the repository: their path in it, their path in a project.
fn rendered_sources(repo: &Repo) -> anyhow::Result<Vec<(String, String)>> {
    let rendered = repo.rendered();
    let files = repo.files()?;
    let in_project = |file: &String| {
        path_in_project(file)
            .filter(|path| rendered.contains(path))
            .map(|path| (file.clone(), path))
    };
    // Beside its twin, the file in place is not the source.
    Ok(files
        .iter()
        .filter(|file| !files.contains(&format!("{file}.liquid")))
        .filter_map(in_project)
        .collect())
}

fn list_is_right(cx: &Context<'_>) -> Outcome {
    let repo = cx.repo();
    let what = "`include` in cargo-generate.toml";
    let sources = rendered_sources(repo)?;
    for listed in repo.rendered() {
        let Some((file, _)) = sources.iter().find(|(_, path)| *path == listed) else {
            return Err(
                Failure::new("a file that is to be rendered does not exist", what).at(listed),
            );
        };
        let text = std::fs::read_to_string(repo.root().join(file))?;
        if !text.contains("{{") && !text.contains("{%") {
            return Err(
                Failure::new("a file is rendered that has nothing to render", what).at(file),
            );
        }
    }
    for file in repo
        .files()?
        .iter()
        .filter(|file| file.ends_with(".liquid"))
    {
        if !path_in_project(file).is_some_and(|path| repo.rendered().contains(&path)) {
            return Err(Failure::new("a twin is not rendered", what).at(file));
        }
    }
    Ok(())
}

fn twins_agree(cx: &Context<'_>) -> Outcome {
    let repo = cx.repo();
    for twin in twins::derive(repo)? {
        if !twin.is_current() {
            let path = twin.path.strip_prefix(repo.root())?.display().to_string();
            return Err(Failure::new(
                "a twin is out of date: run `cargo xtask fmt`",
                "the twins that follow from the file beside them",
            )
            .at(path));
        }
    }
    // Under the name and the description that the template has in place, everything has to be as it is in place.
    let manifest = std::fs::read_to_string(repo.template().join("Cargo.toml"))?;
    let request = Request::new(&twins::package(&manifest, "name")?)
        .parts(repo.parts())
        .description(&twins::package(&manifest, "description")?);
    let generated = cx.generate(&request)?;
    let files = repo.files()?;
    let mut in_place = Tree::default();
    for (file, path) in rendered_sources(repo)? {
        if let Some(original) = file
            .strip_suffix(".liquid")
            .filter(|original| files.contains(*original))
        {
            in_place
                .0
                .insert(path, std::fs::read(repo.root().join(original))?);
        }
    }
    let only_twins = Tree(
        generated
            .0
            .into_iter()
            .filter(|(path, _)| in_place.0.contains_key(path))
            .collect(),
    );
    match in_place.differences(&only_twins, |_| false).first() {
        Some(first) => Err(Failure::new(
            "a twin does not become the file beside it",
            "the twins, rendered with every part",
        )
        .at(format!("template/{first}"))),
        None => Ok(()),
    }
}

fn modules_agree(cx: &Context<'_>) -> Outcome {
    let repo = cx.repo();
    let files = repo.files()?;
    let left_out = repo.left_out_without();
    for twin in files.iter().filter(|file| file.ends_with("/mod.rs.liquid")) {
        let Some(list) = path_in_project(twin) else {
            continue;
        };
        let folder = list.trim_end_matches("mod.rs");
        let declared = modules::of_parts(&std::fs::read_to_string(repo.root().join(twin))?);
        for module in &declared {
            let name = format!("{folder}{}", module.name);
            let gone = left_out.get(&module.part).into_iter().flatten();
            if !gone
                .clone()
                .any(|path| *path == format!("{name}.rs") || path.trim_end_matches('/') == name)
            {
                let what = format!(
                    "the `ignore` list of the part `{}` in cargo-generate.toml",
                    module.part
                );
                return Err(
                    Failure::new("a module of a part stays when the part goes", what)
                        .at(format!("{twin}: {}", module.name)),
                );
            }
        }
        for (part, paths) in &left_out {
            let modules = paths
                .iter()
                .filter_map(|path| path.strip_prefix(folder))
                .filter(|rest| !rest.trim_end_matches('/').contains('/'));
            for name in modules.map(|rest| rest.trim_end_matches('/').trim_end_matches(".rs")) {
                if !declared
                    .iter()
                    .any(|module| module.part == *part && module.name == name)
                {
                    return Err(Failure::new(
                        "a list of modules keeps what a part leaves out",
                        twin.clone(),
                    )
                    .at(format!("{folder}{name}")));
                }
            }
        }
    }
    Ok(())
}

fn no_gaps(cx: &Context<'_>) -> Outcome {
    let repo = cx.repo();
    // An unknown variable renders as nothing, silently, so it is looked for before.
    let mut known: BTreeSet<String> = repo.placeholders().into_iter().collect();
    known.insert("project-name".to_owned());
    let used = Regex::new(
        r"\{\{-?\s*([\w-]+)|\{%-?\s*(?:if|unless|elsif|case)\s+([\w-]+)|\{%-?\s*for\s+([\w-]+)\s+in\s+([\w-]+)",
    )?;
    for (file, _) in rendered_sources(repo)? {
        let text = std::fs::read_to_string(repo.root().join(&file))?;
        let mut local = BTreeSet::from(["forloop".to_owned()]);
        for found in used.captures_iter(&text) {
            local.extend(found.get(3).map(|name| name.as_str().to_owned()));
            for name in [1, 2, 4].into_iter().filter_map(|group| found.get(group)) {
                if !known.contains(name.as_str()) && !local.contains(name.as_str()) {
                    return Err(
                        Failure::new("a variable that nobody sets", "the rendered files")
                            .at(format!("{file}: {}", name.as_str())),
                    );
                }
            }
        }
    }

    let rendered = repo.rendered();
    let name = "sentinel-name";
    for parts in [repo.parts(), Vec::new()] {
        let what = format!("a project generated with `-d parts={}`", parts.join(","));
        let project = cx.generate(
            &Request::new(name)
                .parts(parts)
                .description("Sentinel description"),
        )?;
        for (path, content) in &project.0 {
            let text = String::from_utf8_lossy(content);
            // Elsewhere two braces may be Rust's or a recipe's own; those files are copied as they are.
            let suspicious: &[&str] = if rendered.contains(path) {
                &["{{", "}}", "{%", "%}", "Liquid error", "= \"\"", "name: \n"]
            } else {
                &[
                    "{%",
                    "{{project-name",
                    "{{ project-name",
                    "{{crate_name",
                    "{{ crate_name",
                    "{{description",
                    "{{ description",
                ]
            };
            if let Some((line, text)) = text
                .lines()
                .enumerate()
                .find(|(_, line)| suspicious.iter().any(|mark| line.contains(mark)))
            {
                return Err(Failure::new("a gap or a rest of Liquid in a project", what)
                    .at(format!("{path}:{}: {}", line + 1, text.trim())));
            }
        }
        for (path, sentinel) in [
            ("Cargo.toml", name),
            ("Cargo.toml", "Sentinel description"),
            ("Cargo.lock", name),
            ("README.md", name),
            (".strata.toml", name),
        ] {
            let arrived = project
                .0
                .get(path)
                .is_some_and(|content| String::from_utf8_lossy(content).contains(sentinel));
            if !arrived {
                return Err(Failure::new("an answer does not arrive", what)
                    .at(format!("{path} lacks {sentinel:?}")));
            }
        }
    }
    Ok(())
}

fn answers_arrive(cx: &Context<'_>) -> Outcome {
    let repo = cx.repo();
    for description in [
        "Keeps \"quotes\"",
        r"a back\slash and {{ braces }} & <signs>",
        "Ünïcödé, 数",
        "it's {% odd %}",
    ] {
        let what = format!("a project with the description {description:?}");
        let project = cx.generate(
            &Request::new("answer-svc")
                .parts(repo.parts())
                .description(description),
        )?;
        let text = |path: &str| {
            String::from_utf8_lossy(project.0.get(path).map_or(&[][..], Vec::as_slice)).into_owned()
        };
        let in_manifest = twins::package(&text("Cargo.toml"), "description")?;
        let record: toml::Table = text(".strata.toml").parse()?;
        let in_record = record
            .get("answers")
            .and_then(|answers| answers.get("description"))
            .and_then(toml::Value::as_str);
        if in_manifest != description || in_record != Some(description) {
            return Err(Failure::new("the description is garbled", what).at(format!(
                "Cargo.toml: {in_manifest:?}, .strata.toml: {in_record:?}"
            )));
        }
        let own_version = env!("CARGO_PKG_VERSION");
        let version = record
            .get("template")
            .and_then(|template| template.get("version"))
            .and_then(toml::Value::as_str);
        let name = record
            .get("answers")
            .and_then(|answers| answers.get("name"))
            .and_then(toml::Value::as_str);
        let parts = record
            .get("answers")
            .and_then(|answers| answers.get("parts"))
            .and_then(toml::Value::as_array);
        let parts: Vec<&str> = parts
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        let ci = record
            .get("answers")
            .and_then(|answers| answers.get("ci"))
            .and_then(toml::Value::as_str);
        let is_right = version == Some(own_version)
            && name == Some("answer-svc")
            && parts == repo.parts()
            && ci == Some(&repo.default_pipeline());
        if !is_right {
            let said = format!(
                ".strata.toml: version {version:?} (xtask/Cargo.toml: {own_version}), name {name:?}, parts {parts:?}, ci {ci:?}"
            );
            return Err(Failure::new("the answers are not recorded", what).at(said));
        }
    }
    Ok(())
}
