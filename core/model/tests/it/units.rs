//! Amounts of memory.

use justmanage_model::Bytes;
use proptest::prelude::*;

use crate::{fault, survives_json};

#[test]
fn amounts_are_exact() {
    for (text, bytes, shown) in [
        ("0", 0, "0"),
        ("1", 1, "1"),
        ("1B", 1, "1"),
        ("1024", 1024, "1KiB"),
        ("256MiB", 256 << 20, "256MiB"),
        ("1GiB", 1 << 30, "1GiB"),
        ("1024MiB", 1 << 30, "1GiB"),
        ("1.5GiB", 3 << 29, "1536MiB"),
        ("0.5KiB", 512, "512"),
        ("512MB", 512_000_000, "500000KiB"),
        ("1kB", 1000, "1000"),
        ("0.001MB", 1000, "1000"),
        ("2.50TB", 2_500_000_000_000, "2441406250KiB"),
        ("16777215TiB", 16_777_215 << 40, "16777215TiB"),
        ("18446744073709551615", u64::MAX, "18446744073709551615"),
    ] {
        let amount: Bytes = text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(amount.get(), bytes, "{text}");
        assert_eq!(amount.to_string(), shown, "{text}");
        survives_json(&amount);
    }
}

#[test]
fn what_is_no_amount_says_why() {
    for (text, said) in [
        ("", "does not begin with a number"),
        ("MiB", "does not begin with a number"),
        ("-1MiB", "does not begin with a number"),
        (
            "256mb",
            "\"mb\" in \"256mb\" is not a unit. Write \"256MiB\" (units of 1024, which is what the server means by \"mb\") or \"256MB\" (units of 1000).",
        ),
        ("256M", "Write \"256MiB\""),
        ("256Mi", "Write \"256MiB\""),
        ("256mib", "Write \"256MiB\""),
        ("1g", "Write \"1GiB\""),
        ("256 MiB", "Write \"256MiB\", without a space."),
        ("256 mb", "Write \"256MiB\""),
        ("1PiB", "Units are B, KiB"),
        ("1ü", "Units are B, KiB"),
        ("1.2.3MiB", "\"1.2.3\" in \"1.2.3MiB\" is not a number."),
        (".5MiB", "is not a number"),
        ("5.MiB", "is not a number"),
        ("0.3KiB", "is not a whole number of bytes"),
        ("1.5", "is not a whole number of bytes"),
        ("0.0000000000000000000000000000001TiB", "is not a whole number of bytes"),
        ("18446744073709551616", "is more than can be counted"),
        ("99999999999TiB", "is more than can be counted"),
    ] {
        let fault = fault::<Bytes>(text).to_string();
        assert!(fault.contains(said), "{text:?}: {fault}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_the_same_amount(bytes in any::<u64>(), shift in 0u32..40) {
        for bytes in [bytes, bytes >> shift << shift] {
            prop_assert_eq!(Bytes::new(bytes).to_string().parse::<Bytes>().unwrap().get(), bytes);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), number in "[0-9]{0,40}(\\.[0-9]{0,40})?") {
        let _ = (text.parse::<Bytes>(), format!("{number}{text}").parse::<Bytes>(), format!("{number}TiB").parse::<Bytes>());
    }
}
