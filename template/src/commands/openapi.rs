use super::{
    output,
    reference::{Copies, CopiesArgs, reference_dir},
};
use crate::core::config::Sources;
use crate::core::http::{Api, Reference};

/// Prints the `OpenAPI` document, or writes or checks its copies in docs/reference/openapi.
pub(super) fn run(arguments: &CopiesArgs) -> anyhow::Result<()> {
    let api = Api::registered(Sources::of_process().env()?)?;
    let copies = Reference::of(&api).openapi;
    let copies = copies
        .into_iter()
        .map(|(module, text)| (format!("{module}.json"), text));
    Copies::new("openapi")
        .directory(reference_dir().join("openapi"), copies)
        .run(arguments, || {
            output::print_line(&format!("{:#}", api.document().json()));
        })
}
