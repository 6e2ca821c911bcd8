//! Values and diagnostics from and to messages.

use tfkit_proto::tfplugin6 as proto;

use crate::schema::Schema;
use crate::{Diagnostic, Diagnostics, Type, Value, wire};

/// Reads a value of a schema's type. What Terraform leaves out is null. Values that are compared are read with one type: then
/// they share their names, and need not be matched by them.
pub(super) fn value_in(message: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value, Diagnostic> {
    let Some(message) = message else { return Ok(Value::Null) };
    wire::decode_dynamic(&message.msgpack, &message.json, ty).map(|value| value.unwrap_or(Value::Null)).map_err(
        |error| {
            Diagnostic::error(
                "Request not understood",
                format!(
                    "Terraform sent a value that is not of the schema's type: {error}. If the provider was replaced by \
                     another release while Terraform ran, run it again; otherwise this is a bug, please report it."
                ),
            )
        },
    )
}

/// Whether there is null, without reading anything else.
pub(super) fn is_null(message: Option<&proto::DynamicValue>) -> bool {
    message.is_none_or(|message| match (&message.msgpack[..], &message.json[..]) {
        (b"", b"") => true,
        (b"", json) => json.trim_ascii() == b"null",
        (msgpack, _) => msgpack == [0xc0],
    })
}

/// Reads the configuration of a list or an action. Where the user wrote no `config` block, nothing is configured.
pub(super) fn config_in(message: Option<&proto::DynamicValue>, schema: &Schema) -> Result<Value, Diagnostic> {
    let mut config = value_in(message, &schema.object_type())?;
    if config.is_null() {
        let names = schema.block.attributes.iter().map(|attribute| &attribute.name);
        let names = names.chain(schema.block.blocks.iter().map(|block| &block.name));
        config = Value::Object(names.map(|name| (name.clone(), Value::Null)).collect());
        schema.block.tidy_state(&mut config);
    }
    Ok(config)
}

/// Writes a value of the schema's type.
pub(super) fn value_out(value: &Value, schema: &Schema) -> Result<proto::DynamicValue, Diagnostic> {
    let msgpack = wire::msgpack::encode(value, &schema.object_type()).map_err(|error| {
        Diagnostic::error(
            "Answer not of the schema's type",
            format!("The provider's answer is not of its schema's type: {error}. This is a bug in the provider; please report it."),
        )
    })?;
    Ok(proto::DynamicValue { msgpack: msgpack.into(), json: Default::default() })
}

/// Diagnostics for an answer.
pub(super) fn diagnostics_out(diagnostics: Diagnostics) -> Vec<proto::Diagnostic> {
    diagnostics.iter().map(Into::into).collect()
}
