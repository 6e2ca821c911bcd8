//! Between whom nothing passes, as rules of the bridge. Those who are cut off see no change at their own ends.

use std::collections::BTreeSet;

/// Who sends and receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// The test, which is on the bridge itself.
    Test,
    /// A host, by its number.
    Host(usize),
}

/// The rules for [nft](https://wiki.nftables.org/wiki-nftables/index.php/Bridge_filtering), which replace those of before at once.
pub(super) fn rules(cuts: &BTreeSet<(End, End)>) -> String {
    let (mut between, mut arriving, mut leaving) = (String::new(), String::new(), String::new());
    for cut in cuts {
        match *cut {
            (End::Host(one), End::Host(other)) => {
                for (from, to) in [(one, other), (other, one)] {
                    between += &format!("iifname \"host{from}\" oifname \"host{to}\" drop\n");
                }
            }
            (End::Host(host), End::Test) | (End::Test, End::Host(host)) => {
                arriving += &format!("iifname \"host{host}\" drop\n");
                leaving += &format!("oifname \"host{host}\" drop\n");
            }
            (End::Test, End::Test) => {}
        }
    }
    let chain = |name: &str, hook: &str, rules: &str| {
        format!("chain {name} {{\ntype filter hook {hook} priority 0;\n{rules}}}\n")
    };
    let chains = [("between", "forward", between), ("arriving", "input", arriving), ("leaving", "output", leaving)];
    let chains: String = chains.iter().map(|(name, hook, rules)| chain(name, hook, rules)).collect();
    format!("add table bridge cuts\ndelete table bridge cuts\ntable bridge cuts {{\n{chains}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drops(cuts: &[(End, End)]) -> Vec<String> {
        let rules = rules(&cuts.iter().copied().collect());
        rules.lines().filter(|line| line.ends_with("drop")).map(str::to_owned).collect()
    }

    #[test]
    fn both_directions_are_cut_and_nothing_else() {
        assert_eq!(drops(&[]), Vec::<String>::new());
        assert_eq!(
            drops(&[(End::Host(0), End::Host(2))]),
            ["iifname \"host0\" oifname \"host2\" drop", "iifname \"host2\" oifname \"host0\" drop"]
        );
        assert_eq!(drops(&[(End::Test, End::Host(1))]), ["iifname \"host1\" drop", "oifname \"host1\" drop"]);
    }
}
