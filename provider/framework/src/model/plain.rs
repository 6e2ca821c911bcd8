//! Strings, booleans, numbers and dynamic values as fields.

use super::{Field, ModelError};
use crate::schema::Kind;
use crate::{Attr, Number, Path, Type, Value};

impl Field for String {
    type View = Attr<String>;
    type Bare = Self;

    fn kind() -> Kind {
        Kind::Plain(Type::String)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        match value {
            Value::String(text) => Ok(text.to_string()),
            other => Err(ModelError::mismatch(path, "a string", other)),
        }
    }

    fn encode(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Field for bool {
    type View = Attr<bool>;
    type Bare = Self;

    fn kind() -> Kind {
        Kind::Plain(Type::Bool)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        match value {
            Value::Bool(flag) => Ok(*flag),
            other => Err(ModelError::mismatch(path, "a bool", other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Field for Number {
    type View = Attr<Number>;
    type Bare = Self;

    fn kind() -> Kind {
        Kind::Plain(Type::Number)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        match value {
            Value::Number(number) => Ok(number.clone()),
            other => Err(ModelError::mismatch(path, "a number", other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Number(self.clone())
    }
}

/// The dynamic pseudo-type: null, unknown, or [`Value::Dynamic`].
impl Field for Value {
    type View = Value;
    type Bare = Self;
    const NULLABLE: bool = true;
    const UNKNOWABLE: bool = true;

    fn kind() -> Kind {
        Kind::Plain(Type::Dynamic)
    }

    fn decode(value: &Value, _: &Path) -> Result<Self, ModelError> {
        Ok(value.clone())
    }

    fn encode(&self) -> Value {
        self.clone()
    }
}

macro_rules! whole_numbers {
    ($($int:ty),* $(,)?) => {$(
        impl Field for $int {
            type View = Attr<$int>;
            type Bare = Self;

            fn kind() -> Kind {
                Kind::Plain(Type::Number)
            }

            fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
                let number = Number::decode(value, path)?;
                <$int>::try_from(&number).map_err(|_| {
                    ModelError::range(path, format!("a whole number from {} to {}", <$int>::MIN, <$int>::MAX))
                })
            }

            fn encode(&self) -> Value {
                Value::Number(Number::from(*self))
            }
        }
    )*};
}

whole_numbers!(i8, i16, i32, i64, u8, u16, u32, u64);
