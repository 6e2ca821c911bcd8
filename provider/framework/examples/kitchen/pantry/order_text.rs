//! `provider::kitchen::order_text(...)`: what a waiter calls.

use tfkit::{Function, FunctionError, Model, Path};

/// An order.
#[derive(Model)]
pub(crate) struct Ordered {
    /// What is ordered.
    #[tf(required, validate = not_empty)]
    dish: String,
    /// For which table; null is "to take away".
    #[tf(required)]
    table: Option<i64>,
    /// What is wanted with it.
    #[tf(variadic)]
    extras: Vec<String>,
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("Name a dish.".into()) } else { Ok(()) }
}

/// The function.
pub(crate) struct OrderText;

impl Function for OrderText {
    type Parameters = Ordered;
    type Return = String;
    const NAME: &'static str = "order_text";
    const SUMMARY: &'static str = "An order, as it is called out";
    const DESCRIPTION: &'static str = "The dish, the table and the extras in one line.";

    fn call(&self, order: Ordered) -> Result<String, FunctionError> {
        if order.dish == "poison" {
            panic!("the cook fainted");
        }
        if order.extras.len() > 3 {
            return Err(FunctionError::new("Nobody can remember more than three extras."));
        }
        if order.table.is_some_and(|table| table < 1) {
            return Err(FunctionError::at("table", "Tables are numbered from 1."));
        }
        if let Some(position) = order.extras.iter().position(String::is_empty) {
            return Err(FunctionError::at_path(Path::attribute("extras").index(position), "An extra has no name."));
        }
        let place = order.table.map_or("to take away".to_owned(), |table| format!("for table {table}"));
        let extras: String = order.extras.iter().map(|extra| format!(", with {extra}")).collect();
        Ok(format!("{} {place}{extras}", order.dish))
    }
}
