//! The provider as a whole: its schemas are ones that Terraform accepts.

#[test]
fn every_schema_is_one_that_terraform_accepts() {
    if let Err(problem) = crate::provider().into_service() {
        panic!("{problem}");
    }
}
