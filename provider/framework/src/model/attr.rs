//! `Attr<T>`: a value that may be null, or not known yet.

use super::{Field, ModelError};
use crate::schema::Kind;
use crate::{Path, Refinement, Value};

/// What Terraform can say about an attribute: there is none, it will be decided later, or this is it.
///
/// ```
/// use tfkit::Attr;
///
/// let size: Attr<i64> = 5.into();
/// assert_eq!(size.known(), Some(&5));
/// let none: Attr<i64> = None.into();
/// assert_eq!(none.unwrap_or(7), 7);
/// assert!(Attr::<i64>::unknown().is_unknown());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Attr<T> {
    /// No value. An empty string or list is not null.
    #[default]
    Null,
    /// "(known after apply)", with what is promised about it.
    Unknown(Refinement),
    /// This value.
    Known(T),
}

impl<T> Attr<T> {
    /// Unknown, with no promise about the value.
    pub fn unknown() -> Self {
        Self::Unknown(Refinement::default())
    }

    /// The value, if there is one and it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value to change, if there is one and it is known.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if there is one and it is known. Null and unknown become `None` alike: fine in `create`, `update` and
    /// `read`, where nothing of the user's is unknown; while planning ask [`Attr::is_unknown`] too.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the value will be decided later.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether there is a value and it is known.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// The same about a reference.
    pub fn as_ref(&self) -> Attr<&T> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown(refinement) => Attr::Unknown(refinement.clone()),
            Self::Known(value) => Attr::Known(value),
        }
    }

    /// The same about another value; promises about an unknown one are dropped, since they were about this type.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown(_) => Attr::unknown(),
            Self::Known(value) => Attr::Known(change(value)),
        }
    }

    /// The known value, else this one.
    pub fn unwrap_or(self, other: T) -> T {
        self.into_known().unwrap_or(other)
    }

    /// The known value, else the type's default.
    pub fn unwrap_or_default(self) -> T
    where
        T: Default,
    {
        self.into_known().unwrap_or_default()
    }

    /// The value of what may be null but is never unknown here.
    ///
    /// # Errors
    /// The value is unknown; `path` says which.
    pub fn settled(&self, path: &Path) -> Result<Option<&T>, ModelError> {
        match self {
            Self::Null => Ok(None),
            Self::Known(value) => Ok(Some(value)),
            Self::Unknown(_) => {
                Err(ModelError::mismatch(path, "a known value", &Value::Unknown(Refinement::default())))
            }
        }
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl From<&str> for Attr<String> {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

impl<T: Field> Field for Attr<T> {
    type View = T::View;
    type Bare = T::Bare;
    const NULLABLE: bool = true;
    const UNKNOWABLE: bool = true;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Unknown(refinement) => Ok(Self::Unknown(refinement.clone())),
            known => T::decode(known, path).map(Self::Known),
        }
    }

    fn encode(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Unknown(refinement) => Value::Unknown(refinement.clone()),
            Self::Known(value) => value.encode(),
        }
    }
}

impl<T: Field> Field for Option<T> {
    type View = T::View;
    type Bare = T::Bare;
    const NULLABLE: bool = true;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        match value {
            Value::Null => Ok(None),
            present => T::decode(present, path).map(Some),
        }
    }

    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::encode)
    }
}
