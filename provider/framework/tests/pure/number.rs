//! Numbers are exact, equal by value, and ordered.

use proptest::prelude::*;
use tfkit::Number;
use tfkit::value::NumberError;

fn number(text: &str) -> Number {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn spellings_of_one_value_are_one_number() {
    let same: [&[&str]; 7] = [
        &["1", "1.0", "1e0", "+1", "01", "10e-1", "0.1e1"],
        &["0", "-0", "0.000", "0e5", ".0", "0."],
        &["1000000000000000000000000000000", "1e30", "1.0E+30", "10e29"],
        &["0.1", ".1", "1e-1", "0.10", "100e-3"],
        &["9223372036854775807", "9223372036854775807.0", "922337203685477580.7e1"],
        &["-9223372036854775808", "-9223372036854775808.00"],
        &["-1.5", "-15e-1"],
    ];
    for spellings in same {
        for spelling in spellings {
            assert_eq!(number(spelling), number(spellings[0]), "{spelling}");
        }
    }
    assert_ne!(number("0.1"), number("0.1000000000000000055511151231257827021181583404541015625"));
    assert_ne!(number("18446744073709551615"), number("18446744073709551616"));
}

#[test]
fn numbers_are_written_out_as_terraform_does() {
    let table = [
        ("1e3", "1000"),
        ("1e30", "1000000000000000000000000000000"),
        ("0.1", "0.1"),
        ("-0.00012e1", "-0.0012"),
        ("123.456", "123.456"),
        ("18446744073709551615", "18446744073709551615"),
        ("-1e-7", "-0.0000001"),
        ("1.5e2000", "1.5e2000"),
        ("1e-2000", "1e-2000"),
    ];
    for (text, shown) in table {
        assert_eq!(number(text).to_string(), shown);
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in
        ["", "-", "+", ".", "e1", "1e", "1e+", "0x10", "1_000", " 1", "1 ", "NaN", "Inf", "-inf", "1.2.3", "--1", "١"]
    {
        assert_eq!(text.parse::<Number>(), Err(NumberError::Syntax), "{text:?}");
    }
    for text in ["1e16385", "1e-99999", "1e99999999999", &"9".repeat(5000), &format!("0.{}1", "0".repeat(20_000))] {
        assert_eq!(text.parse::<Number>(), Err(NumberError::Extreme));
    }
    // Long, but only zeros: nothing extreme about it.
    assert_eq!(number(&format!("{}7", "0".repeat(20_000))), Number::from(7));
}

#[test]
fn floats_of_the_wire_are_exact_and_floats_of_an_api_are_short() {
    assert_eq!(Number::from_exact_f64(0.5), Ok(number("0.5")));
    assert_eq!(Number::from_exact_f64(0.1), Ok(number("0.1000000000000000055511151231257827021181583404541015625")));
    assert_eq!(Number::try_from(0.1), Ok(number("0.1")));
    assert_eq!(Number::from_exact_f64(-0.0), Ok(Number::from(0)));
    assert_eq!(Number::from_exact_f64(2f64.powi(70)), Ok(number("1180591620717411303424")));
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Number::from_exact_f64(float), Err(NumberError::NotFinite));
        assert_eq!(Number::try_from(float), Err(NumberError::NotFinite));
    }
    assert_eq!(number("0.1").to_exact_f64(), None);
    assert_eq!(number("1e400").to_exact_f64(), None);
    assert_eq!(number("0.375").to_exact_f64(), Some(0.375));
    assert_eq!(f64::try_from(&number("1e400")), Err(NumberError::OutOfRange));
    assert_eq!(f64::try_from(&number("0.1")), Ok(0.1));
}

#[test]
fn integers_come_back_or_are_refused() {
    assert_eq!(u64::try_from(&Number::from(u64::MAX)), Ok(u64::MAX));
    assert_eq!(i128::try_from(Number::from(i128::MIN)), Ok(i128::MIN));
    assert_eq!(i64::try_from(Number::from(i64::MIN)), Ok(i64::MIN));
    assert_eq!(u8::try_from(Number::from(256)), Err(NumberError::OutOfRange));
    assert_eq!(u64::try_from(Number::from(-1)), Err(NumberError::OutOfRange));
    assert_eq!(i64::try_from(Number::from(u64::MAX)), Err(NumberError::OutOfRange));
    assert_eq!(u128::try_from(number("1e2000")), Err(NumberError::OutOfRange));
    assert_eq!(i64::try_from(number("1.5")), Err(NumberError::NotWhole));
}

#[test]
fn numbers_are_ordered_by_value() {
    let ascending = [
        "-1e30",
        "-9223372036854775809",
        "-9223372036854775808",
        "-1.5",
        "-1",
        "-0.1",
        "-1e-100",
        "0",
        "1e-100",
        "0.1",
        "0.11",
        "0.2",
        "1",
        "1.5",
        "2",
        "10",
        "999.5",
        "1000",
        "1000.5",
        "9223372036854775807",
        "9223372036854775808",
        "1e30",
        "1.1e30",
    ];
    for (a, first) in ascending.iter().enumerate() {
        for (b, second) in ascending.iter().enumerate() {
            assert_eq!(number(first).cmp(&number(second)), a.cmp(&b), "{first} {second}");
        }
    }
}

proptest! {
    #[test]
    fn display_round_trips(negative: bool, digits in "[0-9]{1,60}", exponent in -200i32..200) {
        let text = format!("{}{digits}e{exponent}", if negative { "-" } else { "" });
        let number: Number = text.parse().unwrap();
        prop_assert_eq!(number.to_string().parse::<Number>(), Ok(number));
    }

    #[test]
    fn exact_floats_round_trip(bits: u64) {
        let float = f64::from_bits(bits);
        prop_assume!(float.is_finite());
        let exact = Number::from_exact_f64(float).unwrap();
        prop_assert_eq!(exact.to_exact_f64(), Some(float));
        let short = Number::try_from(float).unwrap();
        prop_assert_eq!(short.to_f64(), float);
    }

    #[test]
    fn order_agrees_with_integers(a: i128, b: i128) {
        prop_assert_eq!(Number::from(a).cmp(&Number::from(b)), a.cmp(&b));
    }

    #[test]
    fn order_agrees_with_floats(a: f64, b: f64) {
        prop_assume!(a.is_finite() && b.is_finite());
        let order = Number::from_exact_f64(a).unwrap().cmp(&Number::from_exact_f64(b).unwrap());
        prop_assert_eq!(Some(order), a.partial_cmp(&b));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<Number>().map(|number| number.to_string());
    }

    #[test]
    fn no_numeric_text_panics(text in "[-+]?[0-9.]{0,30}([eE][-+]?[0-9]{0,12})?") {
        if let Ok(number) = text.parse::<Number>() {
            prop_assert_eq!(number.to_string().parse::<Number>(), Ok(number));
        }
    }
}
