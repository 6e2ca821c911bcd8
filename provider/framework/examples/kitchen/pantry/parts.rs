//! What belongs to a dish: one model for each way of nesting.

use tfkit::{Attr, Model};

/// How a dish is served.
#[derive(Model)]
pub(crate) struct Plate {
    /// Its colour.
    #[tf(required)]
    pub(crate) colour: String,
    /// Its shape.
    #[tf(default = "round")]
    pub(crate) shape: String,
    /// Given by the kitchen.
    #[tf(computed, keep)]
    pub(crate) number: Attr<i64>,
}

/// Something that a dish is made of.
#[derive(Model)]
pub(crate) struct Ingredient {
    /// What it is.
    #[tf(required)]
    pub(crate) name: String,
    /// How much.
    #[tf(default = "a bit")]
    pub(crate) amount: String,
}

/// Something that goes with a dish.
#[derive(Model)]
pub(crate) struct Side {
    /// What it is.
    #[tf(required)]
    pub(crate) name: String,
    /// Whether it costs extra.
    #[tf(optional)]
    pub(crate) extra: Option<bool>,
}

/// An order of a table.
#[derive(Model)]
pub(crate) struct Order {
    /// How many.
    #[tf(required)]
    pub(crate) count: i64,
    /// Set by the kitchen.
    #[tf(computed)]
    pub(crate) ticket: Attr<String>,
}
