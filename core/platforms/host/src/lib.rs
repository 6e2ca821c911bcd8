//! What a node is on a machine of its own: services of systemd, a user, settings of the kernel; and the parts of the shell scripts that
//! put them there, whoever carries those out: an SSH connection (`servers`), or the first boot of a cloud's machine (`cloud`).
//!
//! The one invariant: **a machine is the same whichever way it became one.** There is one text of each unit and of each part, here.
//! `tests/stubs` has programs that play systemd and users, for tests of scripts below a directory.

/// Where things are, how a script ends, and the lock that keeps two of them apart. Before all other parts. Paths have `$ROOT` in front.
pub const COMMON: &str = include_str!("scripts/common.sh");
/// Programs that arrive whole, with the digest that was asked for, or not at all.
pub const PROGRAM: &str = include_str!("scripts/program.sh");
/// The agent as a service: its units, which program it is, and whether it answers.
pub const SERVICE: &str = include_str!("scripts/service.sh");
/// The user that a node runs as, and the settings of the kernel.
pub const SETUP: &str = include_str!("scripts/setup.sh");

/// Where machines keep server programs, each in a directory that is called by its SHA-256.
pub const KEPT: &str = "/var/lib/justmanage/artifacts";

/// The units, each with the variable that [`SERVICE`] looks for it in.
pub const UNITS: [(&str, &str); 4] = [
    ("AGENT_SERVICE", include_str!("units/justmanage-agent.service")),
    ("SERVER_SOCKET", include_str!("units/justmanage-server.socket")),
    ("SERVER_SERVICE", include_str!("units/justmanage-server@.service")),
    ("SLICE", include_str!("units/justmanage.slice")),
];

/// What such a machine has besides where nobody logs in, each with the variable that a first boot looks for it in: who does there what only
/// root may (docs/decisions/0034-machines-without-a-shell.md), and that the agent knows of it.
pub const ROOT_UNITS: [(&str, &str); 3] = [
    ("ROOT_SOCKET", include_str!("units/justmanage-root.socket")),
    ("ROOT_SERVICE", include_str!("units/justmanage-root@.service")),
    ("AGENT_ROOT", include_str!("units/justmanage-agent-root.conf")),
];

/// A text as one word of a shell. In single quotes nothing means anything but the quote that ends them.
///
/// No variable of a shell can hold a NUL; none of ours has one, and it is left out.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

/// A script, or a unit, without the lines that are for readers alone: where every byte counts. None of the parts has a text in it of
/// which a line begins with `#`; [`UNITS`] have no such setting.
#[must_use]
pub fn without_comments(text: &str) -> String {
    let is_said = |line: &&str| !line.trim_start().starts_with('#') && !line.trim().is_empty();
    text.lines().filter(is_said).map(|line| format!("{}\n", line.trim_start())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_word_and_nothing_more() {
        for (text, quoted) in [("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)\0`y`", "'$(x)`y`'")] {
            assert_eq!(quote(text), quoted);
        }
    }

    #[test]
    fn what_is_left_without_comments_has_all_that_counts() {
        assert_eq!(without_comments("# why\nif x; then\n    y # z\n\nfi\n"), "if x; then\ny # z\nfi\n");
        for (_, unit) in UNITS.into_iter().chain(ROOT_UNITS) {
            let settings =
                |text: &str| text.lines().filter(|line| line.contains('=') && !line.starts_with('#')).count();
            assert_eq!(settings(&without_comments(unit)), settings(unit));
        }
    }
}
