//! The embedded tables of configuration keys; their format stands at the top of `data/config-keys-*.txt`.

use std::sync::LazyLock;

use justmanage_model::{Engine, Line};

use super::Values;

/// One key as one engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// The first of the offered lines that has it.
    pub since: Line,
    /// The last line that has it; `None`: it is still there.
    pub until: Option<Line>,
    /// How a new value gets into force.
    pub change: Change,
    /// Which values it takes.
    pub values: Values,
    /// The key whose other spelling it is.
    pub alias_of: Option<&'static str>,
}

/// How a new value gets into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At once, by `CONFIG SET`.
    Live,
    /// At the next start of the server.
    Restart,
}

impl ConfigKey {
    /// Whether a line has it.
    #[must_use]
    pub fn is_in(&self, line: Line) -> bool {
        self.since <= line && self.until.is_none_or(|until| line <= until)
    }
}

/// All keys of one engine.
pub(super) struct Table {
    /// Above this line, a key that is missing here may exist.
    pub(super) complete_through: Line,
    pub(super) keys: Vec<ConfigKey>,
}

static REDIS: LazyLock<Table> = LazyLock::new(|| embedded(include_str!("../../data/config-keys-redis.txt")));
static VALKEY: LazyLock<Table> = LazyLock::new(|| embedded(include_str!("../../data/config-keys-valkey.txt")));

pub(super) fn table(engine: Engine) -> &'static Table {
    match engine {
        Engine::Redis => &REDIS,
        Engine::Valkey => &VALKEY,
    }
}

fn embedded(text: &'static str) -> Table {
    parse(text).expect("the embedded tables parse: the test `tables_are_well_formed` reads every line of both")
}

fn parse(text: &'static str) -> Result<Table, String> {
    let mut complete_through = None;
    let mut keys = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let wrong = || format!("not a line of the table: {line:?}");
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["engine", _] => {}
            ["complete-through", through] => complete_through = Some(through.parse().map_err(|_| wrong())?),
            [name, since, until, change, values, alias] => keys.push(ConfigKey {
                name,
                since: since.parse().map_err(|_| wrong())?,
                until: absent(until).map(str::parse).transpose().map_err(|_| wrong())?,
                change: match change {
                    "live" => Change::Live,
                    "restart" => Change::Restart,
                    _ => return Err(wrong()),
                },
                values: Values::parse(values).ok_or_else(wrong)?,
                alias_of: absent(alias),
            }),
            _ => return Err(wrong()),
        }
    }
    Ok(Table { complete_through: complete_through.ok_or("no complete-through")?, keys })
}

fn absent(text: &'static str) -> Option<&'static str> {
    (text != "-").then_some(text)
}
