//! The OpenAPI document, put together from its checked-in copies: one file for each module.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// What a service says about itself, without title and version.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) paths: Map<String, Value>,
    schemas: Map<String, Value>,
    responses: Map<String, Value>,
}

impl Document {
    /// The copies in a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let files: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        Self::of(files.iter().map(String::as_str))
    }

    /// One document of several files.
    pub(crate) fn of<'f>(files: impl IntoIterator<Item = &'f str>) -> Self {
        let mut document = Self::default();
        for file in files {
            let file: Value = serde_json::from_str(file).unwrap();
            document.add(&file);
        }
        document
    }

    fn add(&mut self, file: &Value) {
        for (path, item) in members(&file["paths"]) {
            // One path can have its methods in several modules.
            let known = self.paths.entry(path).or_insert_with(|| Map::new().into());
            if let Some(known) = known.as_object_mut() {
                known.extend(
                    members(item).map(|(method, operation)| (method.clone(), operation.clone())),
                );
            }
        }
        let copied = |from: &Value| -> Map<String, Value> {
            members(from)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        self.schemas.extend(copied(&file["schemas"]));
        self.responses.extend(copied(&file["responses"]));
    }

    /// What a reference leads to; anything else is what it is.
    pub(crate) fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        let mut value = value;
        while let Some(reference) = reference(value) {
            let place = reference.strip_prefix("#/components/");
            let found = place
                .and_then(|place| place.split_once('/'))
                .and_then(|(kind, name)| match kind {
                    "schemas" => self.schemas.get(name),
                    "responses" => self.responses.get(name),
                    _ => None,
                });
            value = found
                .unwrap_or_else(|| panic!("{reference} leads nowhere in the OpenAPI document"));
        }
        value
    }
}

/// Where a value only refers to.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    value["$ref"].as_str()
}

/// The members of an object; none of anything else.
pub(crate) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
