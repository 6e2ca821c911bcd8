//! What machines of clouds cost: a small price list with its date, for estimates and for nothing else.
//!
//! The one invariant: **no price is a guess.** A type or a region that is not in the list has no price, and what is made of prices is none
//! then either. The list is embedded ([`data/`](https://github.com/justmanage/terraform-provider-justmanage/tree/main/core/prices/data)); a
//! newer one, or one with prices of your own, is read in its place.

mod list;
mod usd;

pub use list::{HOURS, MachineType, PriceList, PriceListError};
pub use usd::MicroUsd;
