//! ACL rules, password hashes, fingerprints.

use std::collections::BTreeMap;

use justmanage_model::user::{CLIENT_RULES, Given, fingerprint, fingerprint_of};
use justmanage_model::{AclRules, Engine, PasswordHash, Release, User, UserName, Version};
use proptest::prelude::*;

use crate::{fault, is_spelt, json_refuses};

#[test]
fn rules_are_brought_into_one_spelling() {
    for text in [
        "~* &* +@all",
        "~orders:* %R~shared:* %RW~both:* &events:* +@read -keys +config|get",
        "allkeys allchannels allcommands",
        "resetkeys resetchannels nocommands sanitize-payload skip-sanitize-payload",
        "+@read (~other:* +get) (%W~log:* +rpush)",
        "~with(parentheses) +json.get",
        "+@vectorset -@dangerous",
        "~* +client|no-evict",
    ] {
        is_spelt::<AclRules>(text);
    }
    for (text, spelt) in [
        ("  ~a:*\t +GET\n-@Dangerous ", "~a:* +get -@dangerous"),
        ("AllKeys +@ALL", "allkeys +@all"),
        ("~CaseStays:* &Events", "~CaseStays:* &Events"),
        ("%wr~x %r~y", "%RW~x %R~y"),
        ("(  ~a   +Get )", "(~a +get)"),
    ] {
        assert_eq!(text.parse::<AclRules>().unwrap().to_string(), spelt, "{text:?}");
    }
    let rules: AclRules = "~a (~b +get) +set".parse().unwrap();
    assert_eq!(rules.rules().collect::<Vec<_>>(), ["~a", "(~b +get)", "+set"]);
}

#[test]
fn rules_say_nothing_of_who_may_log_in() {
    let secret = "sesame";
    for text in [
        format!("~* >{secret}"),
        format!("<{secret} ~*"),
        format!("#{secret}"),
        format!("!{secret}"),
        "nopass".to_owned(),
        "~* NoPass".to_owned(),
        "resetpass".to_owned(),
        "reset".to_owned(),
        "on ~*".to_owned(),
        "OFF".to_owned(),
        format!("(~* >{secret})"),
        "(nopass)".to_owned(),
        "(on +get)".to_owned(),
    ] {
        let said = fault::<AclRules>(&text);
        assert_eq!(said.summary, "ACL rule not allowed here", "{text:?}: {said}");
        assert!(!said.to_string().contains(secret), "a password is not repeated: {said}");
        json_refuses::<AclRules>(&text);
    }
}

#[test]
fn what_is_no_rule_is_named() {
    for (text, said) in [
        ("", "There is no rule"),
        ("  ", "There is no rule"),
        ("~* get", "\"get\" is not an ACL rule."),
        ("read", "\"read\" is not an ACL rule."),
        ("@read", "\"@read\" is not an ACL rule."),
        ("~", "\"~\" is not an ACL rule."),
        ("+", "\"+\" does not name a command."),
        ("+get|", "does not name a command"),
        ("+a|b|c", "does not name a command"),
        ("+get;set", "does not name a command"),
        ("+@raed", "\"+@raed\" does not name a category of commands. Categories are admin, all,"),
        ("%R", "\"%R\" has no \"~\" and key pattern."),
        ("%X~a", "\"%X~a\" does not say read or write"),
        ("%R~", "does not say read or write"),
        ("(~a +get", "\"(~a +get\" is a selector without its \")\"."),
        ("()", "is a selector without rules"),
        ("(~a)+get", "\"(~a)\" is followed by something without a space."),
        ("(sanitize-payload)", "\"sanitize-payload\" cannot stand inside a selector."),
        ("(clearselectors)", "\"clearselectors\" is not an ACL rule."),
        ("~\u{e4}", "contains \"\u{e4}\""),
        ("~a\u{0}b", "contains the control character \\u{0}"),
        (&format!("~{}", "a".repeat(5000)), "The rules have 5001 bytes."),
    ] {
        let fault = fault::<AclRules>(text);
        assert!(fault.to_string().contains(said), "{text:?}: {fault}");
    }
}

proptest! {
    #[test]
    fn what_is_taken_is_safe_in_a_file_and_stays_as_it_is(
        text in prop_oneof![any::<String>(), "[-~&%+@#<>!()a-z| \t\n*:RW]{0,40}"],
    ) {
        if let Ok(rules) = text.parse::<AclRules>() {
            let spelt = rules.to_string();
            prop_assert!(spelt.bytes().all(|b| (b' '..=b'~').contains(&b)));
            prop_assert_eq!(&spelt.parse::<AclRules>().unwrap(), &rules);
            prop_assert_eq!(rules.rules().collect::<Vec<_>>().join(" "), spelt.clone());
            // In the middle of a pattern a parenthesis is a character like any other.
            for word in spelt.split(' ').map(|word| word.trim_start_matches('(').trim_end_matches(')')) {
                prop_assert!(!word.starts_with(['>', '<', '#', '!']), "{}", spelt);
                prop_assert!(!["on", "off", "nopass", "reset", "resetpass"].contains(&word.to_lowercase().as_str()));
            }
        }
    }
}

#[test]
fn password_hashes_hide() {
    let hash: PasswordHash = "0a".repeat(32).parse().unwrap();
    assert_eq!(format!("{hash:?}"), "PasswordHash(***)");
    is_spelt::<PasswordHash>(&"0a".repeat(32));
    let said = fault::<PasswordHash>("sesame").to_string();
    assert!(said.contains("has 6 characters") && !said.contains("sesame"), "{said}");
}

#[test]
fn what_the_configuration_says_besides_is_kept_and_old_users_have_none() {
    let old = r#"{"acl":"~*","passwords":[]}"#;
    let mut user: User = serde_json::from_str(old).unwrap();
    assert_eq!(user.given, Given::default());
    assert_eq!(serde_json::to_string(&user).unwrap(), old, "nothing is written of nothing");
    user.given = Given { version: Some(3), grace: "90m".parse().ok(), hashed: true };
    let text = serde_json::to_string(&user).unwrap();
    assert!(text.ends_with(r#""given":{"version":3,"grace":"1h30m","hashed":true}}"#), "{text}");
    assert_eq!(serde_json::from_str::<User>(&text).unwrap(), user);
}

#[test]
fn fingerprints_differ_when_users_do() {
    let user = |acl: &str, passwords: &[u8]| User {
        acl: acl.parse().unwrap(),
        passwords: passwords.iter().map(|byte| PasswordHash::from_digest([*byte; 32]).into()).collect(),
        given: Default::default(),
    };
    let users = |list: &[(&str, User)]| -> BTreeMap<UserName, User> {
        list.iter().map(|(name, user)| (name.parse().unwrap(), user.clone())).collect()
    };
    let base = fingerprint(&users(&[("a", user("~*", &[1, 2]))]));
    assert_eq!(base, fingerprint(&users(&[("a", user("~*", &[2, 1]))])), "the order of passwords means nothing");
    assert!(!base.contains(&"01".repeat(32)), "no hash shows");
    let others = [
        users(&[]),
        users(&[("b", user("~*", &[1, 2]))]),
        users(&[("a", user("~x", &[1, 2]))]),
        users(&[("a", user("~*", &[1]))]),
        users(&[("a", user("~*", &[1, 2])), ("b", user("~*", &[]))]),
    ];
    let prints: Vec<String> = others.iter().map(fingerprint).collect();
    for (number, print) in prints.iter().enumerate() {
        assert_ne!(print, &base, "{number}");
        assert_eq!(prints.iter().filter(|other| *other == print).count(), 1, "{number}");
    }
    // Known values of 64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): of nothing, and of "a".
    assert!(fingerprint_of("").starts_with("cbf29ce484222325"));
    assert!(fingerprint_of("a").starts_with("af63dc4c8601ec8c"));
}

#[test]
fn whether_a_client_finds_its_way_is_known() {
    for rules in [
        "~* +@all",
        "~* +@all -@dangerous",
        "allcommands",
        "~app:* +@read +@write +cluster|slots",
        "+cluster|nodes",
        "+cluster",
        "-@all +@slow",
        "-@all (~* +get) (+cluster|shards)",
        "+@all -cluster|slots",
    ] {
        assert!(rules.parse::<AclRules>().unwrap().finds_cluster(), "{rules}");
    }
    for rules in [
        "~app:* +@read +@write",
        "+@all -cluster",
        "+@all -@slow",
        "+@all nocommands",
        "+cluster|info",
        "+cluster|slots -@all",
        "~slots +@connection",
        "~* +get (~cluster|slots +set)",
        "+@all -cluster|slots -cluster|shards -cluster|nodes",
    ] {
        assert!(!rules.parse::<AclRules>().unwrap().finds_cluster(), "{rules}");
        let more = format!("{rules} {CLIENT_RULES}").parse::<AclRules>().unwrap();
        assert!(more.finds_cluster(), "{more}");
    }
}

#[test]
fn before_redis_7_what_clients_need_is_added() {
    let added = |rules: &str, version| {
        let release = Release::new(Engine::Redis, version);
        rules.parse::<AclRules>().unwrap().added(&release).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(added("~* +@all -@dangerous", Version::new(6, 2, 14)), "+cluster|slots +cluster|nodes");
    assert_eq!(added("~* +@all -cluster", Version::new(6, 2, 14)), "", "somebody meant that");
    assert_eq!(added("~* +get", Version::new(7, 0, 15)), "");
}
