//! The contract is tried on a cloud in memory: one that keeps it passes every case, and each case is failed by one that does not.

mod api;
mod flaws;
mod machines;
mod place;

use justmanage_platform_contract as contract;

use crate::place::Played;

contract::all!(Played<{ flaws::NONE }>, include_str!("contract.txt"));
