//! Reading queries: which series an expression is about, and which of their labels.

use std::collections::BTreeSet;

use promql_parser::label::Labels;
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

use crate::names::Names;

/// What is wrong with an expression: its grammar, a series that nobody has, or a label that a series lacks.
pub(crate) fn findings(expression: &str, names: &Names) -> Vec<String> {
    let mut reader = Reader {
        names,
        findings: Vec::new(),
    };
    match parser::parse(expression) {
        Ok(parsed) => drop(reader.read(&parsed)),
        Err(error) => reader.findings.push(error),
    }
    reader.findings
}

struct Reader<'n> {
    names: &'n Names,
    findings: Vec<String>,
}

impl Reader<'_> {
    /// The names of the series below.
    fn read(&mut self, expression: &Expr) -> BTreeSet<String> {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(range) => self.select(&range.vs),
            Expr::Aggregate(aggregate) => {
                let below = self.read(&aggregate.expr);
                self.expect_labels(&below, aggregate.modifier.as_ref());
                below
            }
            Expr::Binary(binary) => {
                let mut below = self.read(&binary.lhs);
                below.extend(self.read(&binary.rhs));
                let modifier = binary.modifier.as_ref();
                self.expect_labels(&below, modifier.and_then(|it| it.matching.as_ref()));
                below
            }
            Expr::Call(call) => {
                let arguments = call.args.args.iter();
                arguments.flat_map(|argument| self.read(argument)).collect()
            }
            Expr::Unary(unary) => self.read(&unary.expr),
            Expr::Paren(paren) => self.read(&paren.expr),
            Expr::Subquery(subquery) => self.read(&subquery.expr),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => BTreeSet::new(),
        }
    }

    fn select(&mut self, selector: &VectorSelector) -> BTreeSet<String> {
        let name = selector.name.clone().unwrap_or_default();
        match self.names.labels(&name) {
            None => self.findings.push(format!("there is no series {name:?}")),
            Some(labels) => {
                let matchers = selector.matchers.matchers.iter();
                let unknown = matchers.filter(|matcher| !labels.contains(&matcher.name));
                let lacks = unknown.map(|matcher| format!("{name} has no label {}", matcher.name));
                self.findings.extend(lacks);
            }
        }
        BTreeSet::from([name])
    }

    /// What is kept, or compared, must be there.
    fn expect_labels(&mut self, below: &BTreeSet<String>, modifier: Option<&LabelModifier>) {
        let Some(LabelModifier::Include(Labels { labels })) = modifier else {
            return;
        };
        for name in below {
            let Some(known) = self.names.labels(name) else {
                continue;
            };
            let unknown = labels.iter().filter(|label| !known.contains(*label));
            let lacks = unknown.map(|label| format!("{name} has no label {label}"));
            self.findings.extend(lacks);
        }
    }
}

#[test]
fn a_series_or_a_label_that_does_not_exist_is_found() {
    let names = Names::all();
    for (expression, expected) in [
        ("rate(log_lines_total{level=\"error\"}[5m])", &[][..]),
        ("app_raedy", &["there is no series \"app_raedy\""]),
        ("up{colour=\"red\"}", &["up has no label colour"]),
        ("sum by (pod) (up)", &["up has no label pod"]),
        (
            "up / on (level) app_ready",
            &["app_ready has no label level", "up has no label level"],
        ),
        (
            "log_lines_total_bucket",
            &["there is no series \"log_lines_total_bucket\""],
        ),
    ] {
        assert_eq!(findings(expression, &names), expected, "{expression}");
    }
    assert_eq!(findings("sum(", &names).len(), 1);
}
