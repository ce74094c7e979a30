//! What went wrong: which rule broke, and where. The rule is the identity of a failure; the rest is its circumstances.

use std::fmt;

use conclave::raft::{NodeId, Term};
use serde::{Deserialize, Serialize};

use crate::Rule;

/// A rule that broke, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    pub rule: Rule,
    /// The nodes between which it broke: first the one whose step showed it.
    pub nodes: Vec<NodeId>,
    /// The term in which it broke.
    pub term: Term,
    /// What was seen, for a reader.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(rule: Rule, node: NodeId, term: Term, detail: String) -> Self {
        Self { rule, nodes: vec![node], term, detail }
    }

    pub(crate) fn with(mut self, other: NodeId) -> Self {
        self.nodes.push(other);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (statement, source) = (self.rule.statement(), self.rule.source());
        write!(f, "{}: {}; but {statement} ({source})", self.rule, self.detail)
    }
}
