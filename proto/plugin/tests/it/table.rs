//! Compares our `.proto` files with a table of the official definition, so that a typing error is caught.
//!
//! Types are compared by their last name (`Object`, not `Schema.Object`): inside a message both spellings mean the same.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const OURS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
const OFFICIAL: &str = include_str!("protocol-6.10.txt");

#[test]
fn every_message_field_and_call_is_that_of_protocol_6_10() {
    let official: BTreeMap<String, String> = OFFICIAL.lines().filter(|l| !l.starts_with('#')).map(entry).collect();
    let ours = describe("tfplugin6");
    assert!(official.len() > 180, "the table is short: {} lines", official.len());
    for (name, line) in &official {
        assert_eq!(ours.get(name), Some(line), "{name}");
    }
    for name in ours.keys() {
        assert!(official.contains_key(name), "{name} is not in the protocol");
    }
}

#[test]
fn the_services_of_go_plugin_are_where_its_client_calls_them() {
    let ours = describe("plugin");
    let official = [
        ("ConnInfo", "1 service_id uint32, 2 network string, 3 address string, 4 knock Knock"),
        ("ConnInfo.Knock", "1 knock bool, 2 ack bool, 3 error string"),
        ("Empty", ""),
        ("StdioData", "1 channel Channel, 2 data bytes"),
        ("StdioData.Channel", "0 INVALID, 1 STDOUT, 2 STDERR"),
        ("rpc Shutdown", "Empty -> Empty"),
        ("rpc StartStream", "stream ConnInfo -> stream ConnInfo"),
        ("rpc StreamStdio", "Empty -> stream StdioData"),
    ];
    assert_eq!(ours, official.map(|(name, line)| (name.to_owned(), line.to_owned())).into());
    assert_eq!(tfkit_proto::plugin::grpc_controller_server::SERVICE_NAME, "plugin.GRPCController");
    assert_eq!(tfkit_proto::plugin::grpc_broker_server::SERVICE_NAME, "plugin.GRPCBroker");
    assert_eq!(tfkit_proto::plugin::grpc_stdio_server::SERVICE_NAME, "plugin.GRPCStdio");
    assert_eq!(tfkit_proto::health::health_server::SERVICE_NAME, "grpc.health.v1.Health");
    assert_eq!(tfkit_proto::tfplugin6::provider_server::SERVICE_NAME, "tfplugin6.Provider");
}

fn entry(line: &str) -> (String, String) {
    let (name, rest) = line.split_once(':').expect("a name, a colon");
    let fields: Vec<String> = rest.trim().split(", ").map(|field| short(field).to_owned()).collect();
    (name.to_owned(), if name.starts_with("rpc ") { rest.trim().to_owned() } else { fields.join(", ") })
}

/// `3 x Schema.Object` as `3 x Object`.
fn short(field: &str) -> String {
    match field.rsplit_once(' ') {
        Some((front, of)) if !of.starts_with("map<") => format!("{front} {}", last(of)),
        _ => field.to_owned(),
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn describe(package: &str) -> BTreeMap<String, String> {
    let set = FileDescriptorSet::decode(OURS).expect("a descriptor set");
    let mut lines = BTreeMap::new();
    for file in set.file.iter().filter(|f| f.package() == package) {
        for message in &file.message_type {
            describe_message("", message, &mut lines);
        }
        for of in &file.enum_type {
            describe_enum("", of, &mut lines);
        }
        for method in file.service.iter().flat_map(|s| &s.method) {
            let side = |streams: bool, of: &str| {
                let of = of.trim_start_matches('.').trim_start_matches(&format!("{package}.")).to_owned();
                let of = of.trim_start_matches("google.protobuf.").to_owned();
                if streams { format!("stream {of}") } else { of }
            };
            let input = side(method.client_streaming(), method.input_type());
            let output = side(method.server_streaming(), method.output_type());
            lines.insert(format!("rpc {}", method.name()), format!("{input} -> {output}"));
        }
    }
    lines
}

fn describe_message(outer: &str, message: &DescriptorProto, lines: &mut BTreeMap<String, String>) {
    let name = format!("{outer}{}", message.name());
    let mut fields: Vec<_> = message.field.iter().collect();
    fields.sort_by_key(|f| f.number());
    let fields: Vec<_> =
        fields.iter().map(|f| format!("{} {} {}", f.number(), f.name(), type_of(message, f))).collect();
    lines.insert(name.clone(), fields.join(", "));
    let inner = format!("{name}.");
    for nested in message.nested_type.iter().filter(|m| !m.options.as_ref().is_some_and(|o| o.map_entry())) {
        describe_message(&inner, nested, lines);
    }
    for nested in &message.enum_type {
        describe_enum(&inner, nested, lines);
    }
}

fn describe_enum(outer: &str, of: &EnumDescriptorProto, lines: &mut BTreeMap<String, String>) {
    let values: Vec<_> = of.value.iter().map(|v| format!("{} {}", v.number(), v.name())).collect();
    lines.insert(format!("{outer}{}", of.name()), values.join(", "));
}

fn type_of(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let entry = message.nested_type.iter().find(|m| m.name() == last(field.type_name()));
    if let Some(entry) = entry.filter(|m| m.options.as_ref().is_some_and(|o| o.map_entry())) {
        return format!("map<{},{}>", type_of(entry, &entry.field[0]), type_of(entry, &entry.field[1]));
    }
    let plain = match field.r#type() {
        Type::Message | Type::Enum => last(field.type_name()).to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    match (field.label(), field.proto3_optional()) {
        (Label::Repeated, _) => format!("repeated {plain}"),
        (_, true) => format!("optional {plain}"),
        _ => plain,
    }
}
