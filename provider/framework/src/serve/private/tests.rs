//! What is kept comes back, and what others wrote is refused.

use super::{PrivateData, decode, encode};

#[test]
fn what_is_kept_comes_back() {
    for entries in
        [vec![], vec![("a", &b"1"[..])], vec![("", &b""[..]), ("binary", &[0, 255, 10][..]), ("\u{1F980}", b"x")]]
    {
        let private: PrivateData = entries.into_iter().map(|(key, bytes)| (key.to_owned(), bytes.to_vec())).collect();
        assert_eq!(decode(&encode(&private)), Ok(private));
    }
}

#[test]
fn nothing_kept_is_no_bytes() {
    assert!(encode(&PrivateData::new()).is_empty());
}

#[test]
fn members_of_later_releases_are_no_obstacle() {
    assert_eq!(decode(br#"{"timeouts": {"create": "5m"}}"#), Ok(PrivateData::new()));
    assert_eq!(
        decode(br#"{"timeouts": 1, "private": {"a": "MQ"}}"#).map(|private| private["a"].clone()),
        Ok(b"1".to_vec())
    );
}

#[test]
fn what_others_wrote_is_refused_without_repeating_it() {
    for bytes in ["nonsense", "[]", r#"{"private": 1}"#, r#"{"private": {"a": 1}}"#, r#"{"private": {"a": "%"}}"#] {
        let refused = decode(bytes.as_bytes()).expect_err(bytes);
        assert_eq!(refused.summary, "Private data not readable", "{bytes}");
        assert!(!refused.detail.contains(bytes));
    }
}
