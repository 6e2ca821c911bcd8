//! Encoded bytes, written down by hand from the numbers of the official definition.

use bytes::Bytes;
use prost::Message;
use tfkit_proto::tfplugin6::{DynamicValue, apply_resource_change, attribute_path, plan_resource_change, schema};

#[test]
fn an_apply_request_has_its_fields_where_terraform_reads_them() {
    let request = apply_resource_change::Request {
        type_name: "t".into(),
        config: Some(DynamicValue { msgpack: Bytes::from_static(b"\xc0"), json: Bytes::new() }),
        planned_private: Bytes::from_static(b"p"),
        ..Default::default()
    };
    assert_eq!(request.encode_to_vec(), b"\x0a\x01t\x22\x03\x0a\x01\xc0\x2a\x01p");
}

#[test]
fn a_path_step_to_list_element_0_is_not_lost() {
    let step = attribute_path::Step { selector: Some(attribute_path::step::Selector::ElementKeyInt(0)) };
    assert_eq!(step.encode_to_vec(), b"\x18\x00");
}

#[test]
fn a_nested_type_has_number_10_and_write_only_has_11() {
    let attribute =
        schema::Attribute { nested_type: Some(schema::Object::default()), write_only: true, ..Default::default() };
    assert_eq!(attribute.encode_to_vec(), b"\x52\x00\x58\x01");
}

#[test]
fn unknown_fields_of_a_newer_terraform_are_skipped() {
    // Field 15 of some later minor, then planned_private (3).
    let answer = plan_resource_change::Response::decode(&b"\x78\x01\x1a\x01p"[..]).unwrap();
    assert_eq!(answer.planned_private, &b"p"[..]);
}
