//! Moving a resource into another type: `moved` blocks from a type, perhaps of another provider, into one of ours.

use serde_json::Value as Json;

/// A type whose states a resource can take over: [`crate::Resource::MOVES`] lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveFrom {
    /// The provider that the type belongs to: `namespace/name`, for any registry, or the whole address with the registry's
    /// host. Mirrors and OpenTofu name other hosts for the same provider.
    pub provider: &'static str,
    /// The type: `null_resource`.
    pub type_name: &'static str,
}

impl MoveFrom {
    /// Whether a state of this origin is meant.
    pub(crate) fn is(&self, provider: &str, type_name: &str) -> bool {
        let host_before = |rest: &str| rest.is_empty() || rest.ends_with('/');
        self.type_name == type_name && provider.strip_suffix(self.provider).is_some_and(host_before)
    }
}

/// A state on its way into another type. The origin is one of [`crate::Resource::MOVES`].
///
/// `Debug` shows where it comes from and not what is in it, which may be a secret.
#[derive(Clone)]
pub struct MoveSource {
    /// Address of the provider that wrote it: `registry.terraform.io/hashicorp/null`.
    pub provider: String,
    /// Its type.
    pub type_name: String,
    /// The version in which that type stored it. Refuse versions whose attributes you do not know.
    pub version: i64,
    /// The attributes as they were stored. Numbers keep their text.
    pub state: Json,
    /// The identity as it was stored, if there was one and Terraform says it (1.12 and newer).
    pub identity: Option<Json>,
    /// The version in which the identity was stored.
    pub identity_version: i64,
}

impl std::fmt::Debug for MoveSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MoveSource")
            .field("provider", &self.provider)
            .field("type_name", &self.type_name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::MoveFrom;

    #[test]
    fn a_provider_is_known_by_its_name_in_every_registry_or_in_one() {
        let any = MoveFrom { provider: "hashicorp/null", type_name: "null_resource" };
        let one = MoveFrom { provider: "registry.terraform.io/hashicorp/null", ..any };
        for (provider, by_any, by_one) in [
            ("registry.terraform.io/hashicorp/null", true, true),
            ("registry.opentofu.org/hashicorp/null", true, false),
            ("registry.terraform.io/nothashicorp/null", false, false),
            ("registry.terraform.io/hashicorp/nullify", false, false),
        ] {
            assert_eq!(any.is(provider, "null_resource"), by_any, "{provider}");
            assert_eq!(one.is(provider, "null_resource"), by_one, "{provider}");
            assert!(!any.is(provider, "null_data_source"), "{provider}");
        }
    }
}
