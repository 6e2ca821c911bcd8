//! What the rules look at: crates, who imports whom, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// For what a crate imports another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It ends up in the product.
    Normal,
    /// Build scripts.
    Build,
    /// Tests, examples, benches.
    Dev,
}

#[derive(Default)]
struct Krate {
    own: bool,
    /// As declared in `Cargo.toml`, optional ones and other targets included.
    declared: BTreeSet<(String, Kind)>,
    /// As resolved, with the features that are on; indices into the graph.
    resolved: BTreeSet<(usize, Kind)>,
}

/// All crates of the workspace and below it. Two versions of one crate are two entries with one name.
#[derive(Default)]
pub(super) struct Graph {
    names: Vec<String>,
    crates: Vec<Krate>,
}

impl Graph {
    /// Reads the graph of the workspace in `root`, for all platforms.
    pub(super) fn of_workspace(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .other_options(["--locked".to_owned()])
            .exec()
            .context("cargo metadata failed (is Cargo.lock up to date?)")?;
        let mut graph = Self::default();
        let mut index = BTreeMap::new();
        for package in &metadata.packages {
            let at = graph.add(&package.name, metadata.workspace_members.contains(&package.id));
            index.insert(package.id.clone(), at);
            graph.crates[at].declared = package.dependencies.iter().map(|d| (d.name.clone(), kind(d.kind))).collect();
        }
        for node in metadata.resolve.context("cargo metadata without a resolve graph")?.nodes {
            for dependency in node.deps {
                let kinds = dependency.dep_kinds.iter().map(|k| (index[&dependency.pkg], kind(k.kind)));
                graph.crates[index[&node.id]].resolved.extend(kinds);
            }
        }
        Ok(graph)
    }

    pub(super) fn add(&mut self, name: &str, own: bool) -> usize {
        self.names.push(name.to_owned());
        self.crates.push(Krate { own, ..Krate::default() });
        self.names.len() - 1
    }

    /// The crates of this workspace: name, and what each declares.
    pub(super) fn own(&self) -> impl Iterator<Item = (&str, &BTreeSet<(String, Kind)>)> {
        let all = self.names.iter().zip(&self.crates);
        all.filter(|(_, krate)| krate.own).map(|(name, krate)| (name.as_str(), &krate.declared))
    }

    /// Is `name` a crate of this workspace?
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.own().any(|(own, _)| own == name)
    }

    /// How many crates there are in all.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names of all crates.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Everything that is linked into `name`, each with the chain of imports that leads there.
    ///
    /// Follows normal dependencies only: what runs at build time or in tests is not part of the crate.
    pub(super) fn linked_into(&self, name: &str) -> Vec<(&str, String)> {
        let Some(start) = self.names.iter().position(|own| own == name) else { return Vec::new() };
        let mut seen = BTreeMap::from([(start, name.to_owned())]);
        let mut queue = vec![start];
        while let Some(at) = queue.pop() {
            for &(next, kind) in &self.crates[at].resolved {
                if kind == Kind::Normal && !seen.contains_key(&next) {
                    seen.insert(next, format!("{} -> {}", seen[&at], self.names[next]));
                    queue.push(next);
                }
            }
        }
        seen.remove(&start);
        seen.into_iter().map(|(at, chain)| (self.names[at].as_str(), chain)).collect()
    }

    /// Declares and resolves one dependency; for tests.
    #[cfg(test)]
    pub(super) fn import(&mut self, from: &str, to: &str, kind: Kind) {
        let at = |name| self.names.iter().position(|known| known == name);
        let (from, target) = (at(from).expect("known"), at(to).expect("known"));
        self.crates[from].declared.insert((to.to_owned(), kind));
        self.crates[from].resolved.insert((target, kind));
    }
}

fn kind(kind: DependencyKind) -> Kind {
    match kind {
        DependencyKind::Build => Kind::Build,
        DependencyKind::Development => Kind::Dev,
        _ => Kind::Normal,
    }
}
