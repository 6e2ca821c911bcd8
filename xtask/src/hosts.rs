//! `cargo xtask hosts`: the trees that hosts of tests stand on, in the cache, as `acceptance-tests/hosts/tree.sh` makes them.

use anyhow::Result;

use crate::recipe::Recipe;

/// Makes what is missing, a quarter of a minute for each. The first is what most hosts run.
pub(crate) fn run() -> Result<()> {
    let recipe = Recipe { task: "hosts", file: "tree.sh" };
    ["bookworm", "trixie"].into_iter().try_for_each(|suite| recipe.carry_out(suite))
}
