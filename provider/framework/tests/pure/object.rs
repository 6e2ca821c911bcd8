//! Objects behave as maps do, however they came to be; that they share their names is not seen.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tfkit::{Object, Type, Value, wire::msgpack};

/// Names and values, with names that occur twice.
fn attributes() -> impl Strategy<Value = Vec<(String, i64)>> {
    proptest::collection::vec(("[a-d]{1,2}", any::<i64>()), 0..12)
}

fn same(object: &Object<i64>, map: &BTreeMap<String, i64>) {
    let pairs: Vec<(&str, i64)> = object.iter().map(|(name, value)| (name, *value)).collect();
    let expected: Vec<(&str, i64)> = map.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(pairs, expected);
    assert_eq!((object.len(), object.is_empty()), (map.len(), map.is_empty()));
}

proptest! {
    #[test]
    fn an_object_is_a_map(made_of in attributes(), put in attributes(), taken in attributes()) {
        let mut object: Object<i64> = made_of.iter().cloned().collect();
        let mut map: BTreeMap<String, i64> = made_of.into_iter().collect();
        same(&object, &map);
        let before = object.clone();
        for (name, value) in put {
            prop_assert_eq!(object.insert(&name, value), map.insert(name, value));
        }
        same(&object, &map);
        for (name, value) in taken {
            prop_assert_eq!(object.get(&name), map.get(&name));
            prop_assert_eq!(object.contains(&name), map.contains_key(&name));
            if let (Some(place), Some(other)) = (object.get_mut(&name), map.get_mut(&name)) {
                (*place, *other) = (value, value);
            }
            same(&object, &map);
            prop_assert_eq!(object.remove(&name), map.remove(&name));
        }
        same(&object, &map);
        prop_assert_eq!(object.into_iter().collect::<Vec<_>>(), map.into_iter().collect::<Vec<_>>());
        // What shares its names with another object does not change them for that.
        prop_assert_eq!(before.names().count(), before.len());
    }

    #[test]
    fn equal_objects_are_equal_and_ordered_alike_with_shared_names_and_without(made_of in attributes()) {
        let given = Value::object(made_of.iter().map(|(name, value)| (name.as_str(), Value::from(*value))));
        let ty = Type::object(made_of.iter().map(|(name, _)| (name.as_str(), Type::Number)));
        let bytes = msgpack::encode(&given, &ty).expect("of its type");
        let [one, other] = [(); 2].map(|()| msgpack::decode(&bytes, &ty).expect("of its type"));
        prop_assert_eq!(&one, &given);
        prop_assert_eq!(&one, &other);
        prop_assert!(one.same(&other) && one.same(&given));
    }
}

#[test]
fn attributes_in_any_order_are_read_by_their_names() {
    let ty = Type::object([("a", Type::Bool), ("b", Type::String), ("c", Type::Bool)]);
    let mut bytes = vec![0x83];
    for (name, value) in [(b'c', &[0xc3_u8][..]), (b'a', &[0xc2]), (b'b', &[0xa1, b'x'])] {
        bytes.extend([0xa1, name]);
        bytes.extend(value);
    }
    let expected = Value::object([("a", false.into()), ("b", "x".into()), ("c", Value::from(true))]);
    assert_eq!(msgpack::decode(&bytes, &ty).expect("an object"), expected);
    let twice = [&[0x83_u8][..], b"\xa1a\xc2\xa1b\xc0\xa1a\xc2"].concat();
    assert!(msgpack::decode(&twice, &ty).expect_err("a twice, no c").to_string().contains("twice"));
}
