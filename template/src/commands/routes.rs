use super::{
    output,
    reference::{Copies, CopiesArgs, reference_dir},
};
use crate::core::config::Sources;
use crate::core::http::{Api, Reference, route_table};

/// Prints the table of routes, or writes or checks its copies in docs/reference/routes.
pub(super) fn run(arguments: &CopiesArgs) -> anyhow::Result<()> {
    let api = Api::registered(Sources::of_process().env()?)?;
    let copies = Reference::of(&api).routes;
    let copies = copies
        .into_iter()
        .map(|(module, table)| (format!("{module}.txt"), table));
    Copies::new("routes")
        .directory(reference_dir().join("routes"), copies)
        .run(arguments, || output::print(&route_table(api.table())))
}
