//! Which series there are, and which labels they have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::files::project_file;
use crate::rules::groups;

/// What Prometheus, or whoever tells it where the service is, puts at every series.
const OF_THE_TARGET: [&str; 3] = ["namespace", "job", "instance"];

/// What every recording rule keeps.
const OF_THE_JOB: [&str; 2] = ["namespace", "job"];

/// The labels of each series, by its name.
pub(crate) struct Names(BTreeMap<String, BTreeSet<String>>);

impl Names {
    /// The service's metrics, as the checked-in reference lists them (other tests compare it with the running service); what the rules
    /// record; and what Prometheus adds.
    pub(crate) fn all() -> Self {
        let mut names = Self(BTreeMap::new());
        names.add("up", OF_THE_TARGET);
        let of_alerts = ["alertname", "alertstate", "severity", "window"];
        names.add("ALERTS", of_alerts.into_iter().chain(OF_THE_JOB));
        for rule in groups().into_iter().flat_map(|group| group.rules) {
            if let Some(name) = &rule.record {
                names.add(name, OF_THE_JOB);
            }
        }
        for page in fs::read_dir(project_file("docs/reference/metrics")).unwrap() {
            let page = fs::read_to_string(page.unwrap().path()).unwrap();
            for row in page.lines().filter(|line| line.starts_with("| `")) {
                names.add_listed(row);
            }
        }
        names
    }

    pub(crate) fn labels(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.0.get(name)
    }

    /// A row of the reference: name, kind, labels, meaning.
    fn add_listed(&mut self, row: &str) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let &[_, name, kind, labels, ..] = &*cells else {
            panic!("no row of a metric: {row}")
        };
        let name = name.trim_matches('`');
        let labels = labels.split(", ").map(|label| label.trim_matches('`'));
        let labels: Vec<_> = labels.chain(OF_THE_TARGET).collect();
        if kind == "histogram" {
            self.add(&format!("{name}_sum"), labels.iter().copied());
            self.add(&format!("{name}_count"), labels.iter().copied());
            self.add(&format!("{name}_bucket"), labels.into_iter().chain(["le"]));
        } else {
            self.add(name, labels);
        }
    }

    fn add<'l>(&mut self, name: &str, labels: impl IntoIterator<Item = &'l str>) {
        let labels = labels.into_iter().map(str::to_owned).collect();
        self.0.insert(name.to_owned(), labels);
    }
}
