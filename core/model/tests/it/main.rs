//! The nouns: what their constructors take and refuse, what they print, and that all of it survives JSON.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod acl;
mod announced;
mod backups;
mod failures;
mod ids;
mod intervals;
mod names;
mod orders;
mod passwords;
mod records;
mod releases;
mod rotation;
mod shapes;
mod slots;
mod specs;
mod surge;
mod units;
mod upgrades;
mod windows;
mod zones;

use std::fmt::{Debug, Display};
use std::str::FromStr;

use justmanage_model::failure::Invalid;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is wrong with a text, which must be wrong.
fn fault<T: FromStr<Err = Invalid> + Debug>(text: &str) -> Invalid {
    match text.parse::<T>() {
        Ok(value) => panic!("{text:?} was taken for {value:?}"),
        Err(fault) => fault,
    }
}

/// A text that is its value's one spelling: in print, and in JSON.
fn is_spelt<T>(text: &str)
where
    T: FromStr<Err = Invalid> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let value: T = text.parse().unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
    assert_eq!(value.to_string(), text);
    survives_json(&value);
    assert_eq!(serde_json::to_value(&value).unwrap(), serde_json::Value::from(text));
}

/// JSON brings back what went in.
fn survives_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let back: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(&back, value);
}

/// A constructor's refusal holds for JSON too.
fn json_refuses<T: DeserializeOwned + Debug>(text: &str) {
    let read: Result<T, _> = serde_json::from_value(serde_json::Value::from(text));
    assert!(read.is_err(), "{text:?} came in as {:?}", read.unwrap());
}
