//! Reading attributes that may not be known yet, and blaming each fault on its attribute, or on the element of a list.

use std::str::FromStr;

use justmanage_model::failure::Invalid;
use justmanage_model::{Failure, FieldPath};
use tfkit::{Attr, Diagnostics, Path, PathStep};

use crate::diagnostics;

/// What was found so far.
#[derive(Default)]
pub(super) struct Reader {
    faults: Diagnostics,
    unknown: bool,
}

impl Reader {
    /// The value of one attribute.
    pub(super) fn one<T: FromStr<Err = Invalid>>(&mut self, name: &str, text: &Attr<String>) -> Option<T> {
        self.element(FieldPath::of(name), text)
    }

    /// The values of a list; none where it is null.
    pub(super) fn list<T: FromStr<Err = Invalid>>(&mut self, name: &str, texts: &Attr<Vec<Attr<String>>>) -> Vec<T> {
        self.unknown |= texts.is_unknown();
        let mut values = Vec::new();
        for (index, text) in texts.known().into_iter().flatten().enumerate() {
            let path = FieldPath::of(name).index(index);
            if text.is_null() {
                let failure = Failure::at(path, "Nothing in a list", "This element is null.");
                self.fault(&failure.hint("Leave it out, or say what it is."));
            } else {
                values.extend(self.element(path, text));
            }
        }
        values
    }

    /// A number in a range that `u16` holds; 0 where it is null.
    pub(super) fn count(&mut self, path: FieldPath, number: &Attr<i64>) -> u16 {
        self.unknown |= number.is_unknown();
        let number = number.known().copied().unwrap_or_default();
        u16::try_from(number).unwrap_or_else(|_| {
            self.fault(&Failure::at(path, "Number out of range", format!("{number} is not possible.")));
            0
        })
    }

    /// A switch; `default` where it is null.
    pub(super) fn switch(&mut self, switch: &Attr<bool>, default: bool) -> bool {
        self.unknown |= switch.is_unknown();
        switch.known().copied().unwrap_or(default)
    }

    /// Something that is not known yet.
    pub(super) fn not_known(&mut self, unknown: bool) {
        self.unknown |= unknown;
    }

    /// Something that is wrong.
    pub(super) fn fault(&mut self, failure: &Failure) {
        self.faults.push(diagnostics::error(failure));
    }

    /// What was found: faults; or nothing while something is not known; or everything.
    pub(super) fn end<T>(
        self,
        value: Option<T>,
        check: impl FnOnce(&T) -> Result<(), Failure>,
    ) -> Result<Option<T>, Diagnostics> {
        if self.faults.has_errors() {
            return Err(self.faults);
        }
        let Some(value) = value.filter(|_| !self.unknown) else { return Ok(None) };
        check(&value).map_err(|failure| diagnostics::error(&failure))?;
        Ok(Some(value))
    }

    fn element<T: FromStr<Err = Invalid>>(&mut self, path: FieldPath, text: &Attr<String>) -> Option<T> {
        self.unknown |= text.is_unknown();
        match text.known()?.parse() {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.fault(&Invalid::at(invalid, path));
                None
            }
        }
    }
}

/// The attribute at the beginning of a path, and whether the path is one of its elements.
pub(super) fn place(path: &Path) -> Option<(&str, bool)> {
    match path.steps() {
        [PathStep::Attribute(name)] => Some((name, false)),
        [PathStep::Attribute(name), PathStep::Index(_)] => Some((name, true)),
        _ => None,
    }
}
