//! From the source of a release to a folder whose programs run as they stand: on this machine's own libraries, with TLS.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use super::tarballs::Tarball;
use crate::shell;

/// What else a build needs, and the packages of Debian that have it.
const NEEDED: [&str; 3] = ["make", "cc", "tar"];
/// With TLS, and without what most machines lack the headers of; the server itself does not tell systemd that it is ready then, which
/// agents do not ask for.
const VARIABLES: [&str; 2] = ["BUILD_TLS=yes", "USE_SYSTEMD=no"];

/// Puts the programs of a release into `place/bin`: a minute or two of all processors.
pub(super) fn server(apt: &Apt, tarball: &Tarball, place: &Path) -> Result<()> {
    built(apt, tarball, place).with_context(|| {
        let Tarball { engine, version, .. } = tarball;
        format!("cannot build {engine} {version} of Debian's source")
    })
}

fn built(apt: &Apt, tarball: &Tarball, place: &Path) -> Result<()> {
    let lacking: Vec<_> = NEEDED.into_iter().filter(|program| shell::on_path(program).is_none()).collect();
    if !lacking.is_empty() {
        bail!(
            "this machine lacks {}; `apt-get install build-essential libssl-dev` has all that it takes",
            lacking.join(", ")
        );
    }
    let Tarball { engine, version, path, sha256 } = tarball;
    eprintln!("building {engine} {version} of its source, which takes a minute or more");
    let root = place.join("source");
    fs::create_dir_all(&root)?;
    let file = place.join("tarball");
    apt.download_file(path, sha256, &file)?;
    shell::output(shell::plain("tar").arg("-xf").arg(&file).arg("--strip-components=1").arg("-C").arg(&root))?;
    shell::output(&mut make(&root)).context("`libssl-dev` is needed, and else what `build-essential` brings")?;
    let bin = place.join("bin");
    fs::create_dir_all(&bin)?;
    for name in programs(engine) {
        let made = root.join("src").join(&name);
        fs::copy(&made, bin.join(&name)).with_context(|| format!("the build made no {name}"))?;
    }
    // Only a client that was built with TLS knows the option, and the server was built with it.
    shell::output(shell::plain(bin.join(format!("{engine}-cli"))).args(["--tls", "--version"]))
        .context("it has no TLS")?;
    fs::write(place.join("packages.txt"), format!("{path} {sha256}\n"))?;
    fs::remove_file(&file)?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

fn make(root: &Path) -> Command {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut make = shell::plain("make");
    make.arg("-C").arg(root).arg(format!("-j{jobs}")).args(VARIABLES);
    // Who builds this may itself run below a make, or have flags for other programs.
    ["MAKEFLAGS", "MAKELEVEL", "CFLAGS", "LDFLAGS", "OPT"].iter().fold(make, |mut make, name| {
        make.env_remove(name);
        make
    })
}

/// Those that packages of Debian have, too.
fn programs(engine: &str) -> impl Iterator<Item = String> {
    ["server", "cli", "benchmark", "check-aof", "check-rdb"].into_iter().map(move |part| format!("{engine}-{part}"))
}

/// Builds a release somewhere else than in the cache, and looks whether it starts: so that this way is known to work before it is needed.
pub(super) fn tried(apt: &Apt, tarball: &Tarball, folder: &Path) -> Result<()> {
    let place = folder.join(format!("{}-{}", tarball.engine, tarball.version));
    server(apt, tarball, &place)?;
    let program = place.join("bin").join(format!("{}-server", tarball.engine));
    let version = super::version_of(&program, None)?;
    if version != tarball.version {
        bail!("the source of {} {} made a server that calls itself {version}", tarball.engine, tarball.version);
    }
    Ok(())
}
