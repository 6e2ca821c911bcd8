//! Schemas, paths and diagnostics in the protocol's messages.

use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Schema};
use tfkit::{Diagnostic, Path, PathStep, Type};
use tfkit_proto::tfplugin6 as proto;

#[test]
fn w6_a_schema_says_all_that_it_knows() {
    let rule = [Attribute::number("port").default(80)];
    let schema = Schema::new([
        Attribute::string("id").computed().describe("The *id*."),
        Attribute::string("secret_wo").required().sensitive().write_only().deprecated("use a role"),
        Attribute::plain("tags", Type::map(Type::String)).optional(),
        Attribute::nested("rules", Nesting::Map, rule.clone()).optional(),
    ])
    .at_version(3)
    .block(NestedBlock { min_items: 1, max_items: 4, ..NestedBlock::new("disk", Nesting::Set, Block::new(rule)) });
    let message = proto::Schema::from(&schema);
    assert_eq!(message.version, 3);
    let block = message.block.unwrap();
    let [id, secret, tags, rules] = &block.attributes[..] else { panic!("four attributes") };

    assert_eq!((id.name.as_str(), &id.r#type[..], id.description.as_str()), ("id", &b"\"string\""[..], "The *id*."));
    assert_eq!(id.description_kind(), proto::StringKind::Markdown);
    assert_eq!(
        (id.required, id.optional, id.computed, id.sensitive, id.write_only),
        (false, false, true, false, false)
    );
    assert_eq!(
        (secret.required, secret.optional, secret.computed, secret.sensitive, secret.write_only),
        (true, false, false, true, true)
    );
    assert_eq!((secret.deprecated, secret.deprecation_message.as_str()), (true, "use a role"));
    assert!(!id.deprecated && id.nested_type.is_none());
    assert_eq!(&tags.r#type[..], br#"["map","string"]"#);

    assert!(rules.r#type.is_empty());
    let object = rules.nested_type.as_ref().unwrap();
    assert_eq!(object.nesting(), proto::schema::object::NestingMode::Map);
    let port = &object.attributes[0];
    assert_eq!((port.name.as_str(), port.optional, port.computed), ("port", true, true));

    let disk = &block.block_types[0];
    assert_eq!((disk.type_name.as_str(), disk.min_items, disk.max_items), ("disk", 1, 4));
    assert_eq!(disk.nesting(), proto::schema::nested_block::NestingMode::Set);
    assert_eq!(disk.block.as_ref().unwrap().attributes[0].name, "port");
}

#[test]
fn paths_end_at_a_set() {
    use proto::attribute_path::step::Selector;
    let selectors = |path: &Path| -> Vec<Selector> {
        proto::AttributePath::from(path).steps.into_iter().filter_map(|step| step.selector).collect()
    };
    let path = Path::attribute("rules").index(2).attr("labels").key("k");
    let expected = [
        Selector::AttributeName("rules".into()),
        Selector::ElementKeyInt(2),
        Selector::AttributeName("labels".into()),
        Selector::ElementKeyString("k".into()),
    ];
    assert_eq!(selectors(&path), expected);
    let in_set = Path::attribute("users").with(PathStep::Element(Box::new("u".into()))).attr("name");
    assert_eq!(selectors(&in_set), [Selector::AttributeName("users".into())]);
}

#[test]
fn diagnostics_have_a_path_unless_they_are_about_the_whole() {
    let error = proto::Diagnostic::from(&Diagnostic::error("Summary", "Detail.").at(Path::attribute("a")));
    assert_eq!(error.severity(), proto::diagnostic::Severity::Error);
    assert_eq!((error.summary.as_str(), error.detail.as_str()), ("Summary", "Detail."));
    assert_eq!(error.attribute.unwrap().steps.len(), 1);
    let warning = proto::Diagnostic::from(&Diagnostic::warning("Summary", ""));
    assert_eq!(warning.severity(), proto::diagnostic::Severity::Warning);
    assert_eq!(warning.attribute, None);
}
