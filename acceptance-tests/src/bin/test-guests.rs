//! A cloud of the tests by hand, until its input ends: `test-guests [NUMBER]`, with so many instances in it.
//!
//! It prints its folder, a line `ID ADDRESS` for each guest, the variables that lead to its EC2, its subnets, and how to get onto its bridge;
//! the last line is `up`.
#![allow(clippy::print_stdout, reason = "its answers are for whoever started it")]

use std::io::Read;

use acceptance_tests::guests::Guests;
use acceptance_tests::{DEADLINE, wait_until};

fn main() {
    let count = std::env::args().nth(1).map_or(0, |count| count.parse::<usize>().expect("a number of instances"));
    let guests = Guests::up();
    for number in 0..count {
        guests.run(number, "#!/bin/sh\n");
    }
    wait_until("guests are on", DEADLINE, || guests.all().iter().filter(|guest| guest.is_on).count() == count);
    println!("{}", guests.folder().display());
    for guest in guests.all() {
        println!("{} {}", guest.id, guest.address);
    }
    for (name, value) in guests.environment() {
        println!("export {name}={value}");
    }
    println!("subnets {}", guests.subnets().join(" "));
    println!("nsenter --target {} --net", guests.holder());
    println!("up");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
