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
        self.list_at(&FieldPath::of(name), texts)
    }

    /// The same of a list that stands deeper.
    pub(super) fn list_at<T: FromStr<Err = Invalid>>(
        &mut self,
        path: &FieldPath,
        texts: &Attr<Vec<Attr<String>>>,
    ) -> Vec<T> {
        self.not_known(texts.is_unknown());
        let mut values = Vec::new();
        for (index, text) in texts.known().into_iter().flatten().enumerate() {
            let path = path.clone().index(index);
            if self.is_there(&path, text) {
                values.extend(self.element(path, text));
            }
        }
        values
    }

    /// Whether an element of a list, or of a map, is there at all.
    pub(super) fn is_there<T>(&mut self, path: &FieldPath, element: &Attr<T>) -> bool {
        if element.is_null() {
            let failure = Failure::at(path.clone(), "Nothing in a list", "This element is null.");
            self.fault(&failure.hint("Leave it out, or say what it is."));
        }
        !element.is_null()
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

    /// Something that is wrong. Terraform underlines an attribute, or an element of it, and nothing deeper; there the text says where.
    pub(super) fn fault(&mut self, failure: &Failure) {
        let mut fault = diagnostics::error(failure);
        if failure.about.steps().len() > 2 {
            fault.detail = format!("{}: {}", failure.about, fault.detail);
        }
        self.faults.push(fault);
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

    /// The value of an attribute that stands deeper.
    pub(super) fn element<T: FromStr<Err = Invalid>>(&mut self, path: FieldPath, text: &Attr<String>) -> Option<T> {
        self.read(path, text, |text| text.parse())
    }

    /// The same, read by somebody who knows how; nothing where it is null, not known yet, or wrong.
    pub(super) fn read<V, T>(
        &mut self,
        path: FieldPath,
        value: &Attr<V>,
        read: impl FnOnce(&V) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.not_known(value.is_unknown());
        match read(value.known()?) {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.fault(&invalid.at(path));
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
