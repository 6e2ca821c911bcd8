//! Where the server programs of the tests are, and how a test is run with each of them.

use std::path::{Path, PathBuf};

/// Runs tests once for every release line that there is: `TEST::LINE`.
///
/// A test is a function that takes the directory of a server (see [`find`]).
macro_rules! on_every_server {
    ($($test:ident),* $(,)?) => {
        $crate::servers::on_servers! { [redis_6_2 redis_7_0 redis_7_2 redis_7_4 redis_8_0 redis_8_2 redis_8_6
            valkey_8_0 valkey_8_1 valkey_9_0 valkey_9_1] $($test)* }
    };
}

/// The same for the oldest lines, the usual ones and the newest: where what is tried cannot well differ between.
macro_rules! on_some_servers {
    ($($test:ident),* $(,)?) => {
        $crate::servers::on_servers! { [redis_6_2 redis_7_0 redis_8_6 valkey_8_0 valkey_9_1] $($test)* }
    };
}

/// The same for the lines whose servers were built with TLS.
macro_rules! on_every_server_with_tls {
    ($($test:ident),* $(,)?) => {
        $crate::servers::on_servers! { [redis_7_0 redis_7_2 redis_7_4 redis_8_0 redis_8_6
            valkey_8_0 valkey_8_1 valkey_9_1] $($test)* }
    };
}

/// The same for the lines that users are offered, and whose configuration keys were looked at.
macro_rules! on_every_known_server {
    ($($test:ident),* $(,)?) => {
        $crate::servers::on_servers! { [redis_7_0 redis_7_2 redis_7_4 redis_8_0 redis_8_2
            valkey_8_0 valkey_8_1 valkey_9_0 valkey_9_1] $($test)* }
    };
}

macro_rules! on_servers {
    ($lines:tt $($test:ident)*) => { $( $crate::servers::on_servers! { @test $test $lines } )* };
    (@test $test:ident [$($line:ident)*]) => {
        mod $test {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $line() {
                    super::$test($crate::servers::find(stringify!($line))).await;
                }
            )*
        }
    };
}

pub(crate) use {on_every_known_server, on_every_server, on_every_server_with_tls, on_servers, on_some_servers};

/// Lines that come from what Debian is working on: there may be a later one instead.
const MOVING: [&str; 2] = ["redis_8_6", "valkey_9_1"];

/// The directory of a server of a line such as `redis_7_0`: named `ENGINE-VERSION` with `bin/` inside, under
/// `JUSTMANAGE_TEST_SERVERS`, or where `cargo xtask servers` puts them.
///
/// Fails if there is none: a test that skips what it needs proves nothing.
pub(crate) fn find(line: &str) -> PathBuf {
    let [engine, major, minor] = line.split('_').collect::<Vec<_>>()[..] else { panic!("{line} is no line") };
    let wanted = (major.parse().unwrap(), minor.parse().unwrap());
    let servers = servers(engine);
    let exact = servers.iter().rfind(|(version, _)| (version[0], version[1]) == wanted);
    let later = || servers.last().filter(|(version, _)| MOVING.contains(&line) && (version[0], version[1]) > wanted);
    let found = exact.or_else(later);
    found.map(|(_, path)| path.clone()).unwrap_or_else(|| panic!("no {line}; {HELP}"))
}

const HELP: &str = "run `cargo xtask servers`, or set JUSTMANAGE_TEST_SERVERS";

/// The servers of an engine, by version.
fn servers(engine: &str) -> Vec<(Vec<u32>, PathBuf)> {
    let directory = std::env::var_os("JUSTMANAGE_TEST_SERVERS").map_or_else(cache, PathBuf::from);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}; {HELP}"));
    let version = |path: &Path| -> Option<Vec<u32>> {
        let name = path.file_name()?.to_str()?;
        let numbers: Option<Vec<u32>> =
            name.strip_prefix(engine)?.strip_prefix('-')?.split('.').map(|part| part.parse().ok()).collect();
        numbers.filter(|numbers| numbers.len() == 3 && program(path).is_file())
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter_map(|path| Some((version(&path)?, path))).collect();
    found.sort();
    found
}

fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    base.unwrap_or_else(home).join("justmanage/servers")
}

pub(crate) fn name(server: &Path) -> String {
    server.file_name().unwrap().to_string_lossy().into_owned()
}

/// The server program of a directory.
pub(crate) fn program(server: &Path) -> PathBuf {
    let name = name(server);
    server.join("bin").join(format!("{}-server", name.split('-').next().unwrap()))
}

/// A client program that speaks with every server, whatever it was packed with.
pub(crate) fn client() -> PathBuf {
    find("redis_7_0").join("bin/redis-cli")
}
