//! Where in an object a value stands: `rules[2].port`, `labels["team"]`.

use std::fmt;

use crate::Value;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq)]
pub enum PathStep {
    /// `.name`
    Attribute(String),
    /// `[2]` of a list or tuple
    Index(i64),
    /// `["key"]` of a map
    Key(String),
    /// The element of a set, identified by its value. Terraform has no address for it: on the wire a path ends before it.
    Element(Box<Value>),
}

/// A path from the root of a resource, data source or provider configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path(Vec<PathStep>);

impl Path {
    /// The path of the whole object.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of an attribute of the root.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self::root().attr(name)
    }

    /// This path, extended by an attribute.
    #[must_use]
    pub fn attr(&self, name: impl Into<String>) -> Self {
        self.with(PathStep::Attribute(name.into()))
    }

    /// This path, extended by a list index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(PathStep::Index(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    /// This path, extended by a map key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(PathStep::Key(key.into()))
    }

    /// This path, extended by a step.
    #[must_use]
    pub fn with(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }
}

impl FromIterator<PathStep> for Path {
    fn from_iter<I: IntoIterator<Item = PathStep>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    /// `rules[2].port`, `labels["team"]`; an element of a set is `[*]`, because naming it would print its value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Attribute(name) if position == 0 => f.write_str(name)?,
                PathStep::Attribute(name) => write!(f, ".{name}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
                PathStep::Element(_) => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// A path under construction: each level of a walk adds one link on its own stack frame, and only a finding pays for
/// making a [`Path`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trail<'a> {
    before: Option<&'a Trail<'a>>,
    step: Link<'a>,
}

/// The last step of a [`Trail`].
#[derive(Clone, Copy, Debug)]
enum Link<'a> {
    Root,
    Attribute(&'a str),
    Index(usize),
    Key(&'a str),
    Element(&'a Value),
}

impl<'a> Trail<'a> {
    /// The start of every walk.
    pub(crate) const ROOT: Trail<'static> = Trail { before: None, step: Link::Root };

    fn then<'b>(&'b self, step: Link<'b>) -> Trail<'b>
    where
        'a: 'b,
    {
        Trail { before: Some(self), step }
    }

    pub(crate) fn attr<'b>(&'b self, name: &'b str) -> Trail<'b>
    where
        'a: 'b,
    {
        self.then(Link::Attribute(name))
    }

    pub(crate) fn index<'b>(&'b self, index: usize) -> Trail<'b>
    where
        'a: 'b,
    {
        self.then(Link::Index(index))
    }

    pub(crate) fn key<'b>(&'b self, key: &'b str) -> Trail<'b>
    where
        'a: 'b,
    {
        self.then(Link::Key(key))
    }

    pub(crate) fn element<'b>(&'b self, element: &'b Value) -> Trail<'b>
    where
        'a: 'b,
    {
        self.then(Link::Element(element))
    }

    /// Whether nothing was walked yet.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.step, Link::Root)
    }

    /// The path that was walked.
    pub(crate) fn path(&self) -> Path {
        let mut steps = Vec::new();
        let mut trail = Some(self);
        while let Some(link) = trail {
            match link.step {
                Link::Root => {}
                Link::Attribute(name) => steps.push(PathStep::Attribute(name.to_owned())),
                Link::Index(index) => steps.push(PathStep::Index(i64::try_from(index).unwrap_or(i64::MAX))),
                Link::Key(key) => steps.push(PathStep::Key(key.to_owned())),
                Link::Element(element) => steps.push(PathStep::Element(Box::new(element.clone()))),
            }
            trail = link.before;
        }
        steps.reverse();
        Path(steps)
    }
}
