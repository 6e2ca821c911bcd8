//! `/proc/PID/stat`: the few fields that tell one process from another.

use std::fs;
use std::io;

/// What we read of a process ([proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// Field 3: `R`, `S`, `D`, `T`, `Z` and so on.
    pub(super) state: char,
    /// Field 6: the pid of the leader of its session.
    pub(super) session: u32,
    /// Field 22: clock ticks from boot to its start. An `exec` does not change it.
    pub(super) start_time: u64,
}

impl Stat {
    /// Of a process.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        // The program's name is whatever its user called it, not always UTF-8.
        let text = fs::read(format!("/proc/{pid}/stat"))?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat cannot be understood"));
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(damaged)
    }

    /// The name in field 2 may hold spaces and parentheses; what follows the last `)` holds neither.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            state: field(3)?.chars().next()?,
            session: field(6)?.parse().ok()?,
            start_time: field(22)?.parse().ok()?,
        })
    }

    /// It has ended, and only waits for its parent to notice.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "S 1 4242 4240 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 5 0 987654 1234 56 18446744073709551615";

    #[test]
    fn fields_are_counted_from_the_last_parenthesis() {
        let want = Stat { state: 'S', session: 4240, start_time: 987_654 };
        for name in ["redis-server", "a b", "x) S 1 2 3", "((", ")", "redis-server *:21", "\u{fffd}"] {
            assert_eq!(Stat::parse(&format!("4242 ({name}) {REST}\n")), Some(want), "{name:?}");
        }
    }

    #[test]
    fn what_is_cut_short_is_not_understood() {
        let whole = format!("4242 (name) {REST}");
        let end_of_22 = whole.find(" 1234").expect("field 23");
        for text in ["", "4242", "4242 (name", "4242 (name)", &whole[..end_of_22 - 7]] {
            assert_eq!(Stat::parse(text), None, "{text:?}");
        }
        assert!(Stat::parse(&whole[..end_of_22]).is_some());
    }

    #[test]
    fn we_ourselves_are_alive() {
        let own = Stat::of(std::process::id()).expect("our own");
        assert!(!own.is_over());
        assert!(own.start_time > 0);
    }
}
