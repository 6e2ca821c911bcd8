//! Reaching into values by path, and walking through them.

use super::{Path, PathStep, Trail, Value};

impl Value {
    /// What stands at a path, if the path leads somewhere. Paths lead into dynamic values as into others.
    pub fn get(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |value, step| value.step(step))
    }

    /// One step down.
    fn step(&self, step: &PathStep) -> Option<&Self> {
        match (self, step) {
            (Self::Dynamic(inner), step) => inner.1.step(step),
            (Self::Object(attributes), PathStep::Attribute(name)) => attributes.get(name),
            (Self::Map(elements), PathStep::Key(key)) => elements.get(key),
            (Self::List(elements) | Self::Tuple(elements), PathStep::Index(index)) => {
                elements.get(usize::try_from(*index).ok()?)
            }
            (Self::Set(elements), PathStep::Element(element)) => elements.iter().find(|one| one.same(element)),
            _ => None,
        }
    }

    /// What stands at a path, to be changed. A changed element of a set may become equal to another: call
    /// [`Value::dedupe`] on its elements then.
    pub fn get_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.steps().iter().try_fold(self, |value, step| value.step_mut(step))
    }

    fn step_mut(&mut self, step: &PathStep) -> Option<&mut Self> {
        match (self, step) {
            (Self::Dynamic(inner), step) => inner.1.step_mut(step),
            (Self::Object(attributes), PathStep::Attribute(name)) => attributes.get_mut(name),
            (Self::Map(elements), PathStep::Key(key)) => elements.get_mut(key),
            (Self::List(elements) | Self::Tuple(elements), PathStep::Index(index)) => {
                elements.get_mut(usize::try_from(*index).ok()?)
            }
            (Self::Set(elements), PathStep::Element(element)) => elements.iter_mut().find(|one| one.same(element)),
            _ => None,
        }
    }

    /// Puts a value where a path leads and returns the one that stood there; `None` when the path leads nowhere.
    #[must_use = "the path may lead nowhere"]
    pub fn set(&mut self, path: &Path, value: Self) -> Option<Self> {
        self.get_mut(path).map(|place| std::mem::replace(place, value))
    }

    /// Calls `visit` with this value and every value in it, outer ones first.
    pub fn walk(&self, visit: &mut dyn FnMut(&Path, &Self)) {
        self.walk_trail(&Trail::ROOT, &mut |trail, value| visit(&trail.path(), value));
    }

    /// [`Value::walk`] without making a path for every value.
    pub(crate) fn walk_trail(&self, trail: &Trail<'_>, visit: &mut dyn FnMut(&Trail<'_>, &Self)) {
        visit(trail, self);
        match self {
            Self::List(elements) | Self::Tuple(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    element.walk_trail(&trail.index(index), visit);
                }
            }
            Self::Set(elements) => {
                for element in elements {
                    element.walk_trail(&trail.element(element), visit);
                }
            }
            Self::Map(elements) => {
                for (key, element) in elements {
                    element.walk_trail(&trail.key(key), visit);
                }
            }
            Self::Object(attributes) => {
                for (name, value) in attributes.iter() {
                    value.walk_trail(&trail.attr(name), visit);
                }
            }
            Self::Dynamic(inner) => inner.1.walk_trail(trail, visit),
            Self::Null | Self::Unknown(_) | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
    }
}
