//! The texts of `INFO` and `CLUSTER INFO`.

use std::collections::BTreeMap;

use justmanage_model::{Bytes, Engine, Release};

/// Fields of `INFO` or `CLUSTER INFO`: lines of `name:value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads the text; what is no field (headings, blank lines) is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let fields = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), value.trim_end().to_owned())).collect())
    }

    /// One field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Those whose names begin so, in the order of their names: what follows in the name, and the value.
    pub fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// One field that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// What runs. Valkey also says `redis_version:7.2.4`, for clients that know only that; so its own field comes first.
    #[must_use]
    pub fn release(&self) -> Option<Release> {
        let (engine, version) = match self.get("valkey_version") {
            Some(version) => (Engine::Valkey, version),
            None => (Engine::Redis, self.get("redis_version")?),
        };
        Some(Release::new(engine, version.parse().ok()?))
    }

    /// `used_memory`.
    #[must_use]
    pub fn used_memory(&self) -> Option<Bytes> {
        self.number("used_memory").map(Bytes::new)
    }
}

#[cfg(test)]
mod tests {
    use justmanage_model::Version;

    use super::*;

    #[test]
    fn valkey_is_not_taken_for_the_redis_that_it_claims_to_be() {
        let valkey = Fields::parse("# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n");
        assert_eq!(valkey.release(), Some(Release::new(Engine::Valkey, Version::new(8, 0, 1))));
        let redis = Fields::parse("redis_version:7.0.15\r\nused_memory:1024\r\n\r\n# Next\r\nconfig_file:/a:b\r\n");
        assert_eq!(redis.release(), Some(Release::new(Engine::Redis, Version::new(7, 0, 15))));
        assert_eq!(redis.used_memory(), Some(Bytes::new(1024)));
        assert_eq!(redis.get("config_file"), Some("/a:b"));
        assert_eq!(Fields::parse("").release(), None);
        let databases = Fields::parse("db0:keys=1\r\ndb1:keys=2\r\nd:x\r\n");
        assert_eq!(databases.beginning("db").collect::<Vec<_>>(), [("0", "keys=1"), ("1", "keys=2")]);
    }
}
