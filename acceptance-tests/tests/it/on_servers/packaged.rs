//! Programs from the distribution of the servers: a package that the provider installs, and one that is in the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance_tests::hosts::{Host, Hosts};
use acceptance_tests::{Workspace, servers};

use super::{CLUSTER, left, run, shaped, text, up};

/// Where a host's packages come from.
const REPOSITORY: &str = "/srv/packages";
/// What its server is linked with, in a package of its own, as a distribution has it.
const LIBRARIES: &str = "/usr/lib/redis-libraries";

/// A repository of Debian packages: the usual Redis as the distribution has it, in these revisions, and what it needs.
fn repository(folder: &Path, revisions: &[&str]) -> PathBuf {
    let (server, made) = (servers::usual("redis"), folder.join("packages"));
    fs::create_dir_all(&made).expect("a directory");
    let package = |name: &str, revision: &str, needs: &str, fill: &dyn Fn(&Path)| {
        let tree = folder.join(format!("{name}_{}", revision.replace(':', "_")));
        fs::create_dir_all(tree.join("DEBIAN")).expect("a directory");
        let control = format!(
            "Package: {name}\nVersion: {revision}\nArchitecture: all\nMaintainer: Nobody <nobody@localhost>\n{needs}\
             Description: for a test\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).expect("a file");
        fill(&tree);
        run(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(&made));
    };
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        run(Command::new("cp").arg("-rL").arg(from).arg(to));
    };
    package("redis-libraries", "1.0", "", &|tree| copy(&server.bin.join("../lib"), &tree.join(&LIBRARIES[1..])));
    for revision in revisions {
        package("redis-tools", revision, "Depends: redis-libraries\n", &|tree| {
            let program = tree.join("usr/bin/redis-check-rdb");
            copy(&server.bin.join("redis-server"), &program);
            run(Command::new("patchelf").args(["--set-rpath", LIBRARIES]).arg(&program));
        });
    }
    let mut index = String::new();
    for entry in fs::read_dir(&made).expect("a directory") {
        let file = entry.expect("an entry").path();
        let said = |command: &mut Command| {
            let output = command.arg(&file).output().expect("it runs");
            String::from_utf8(output.stdout).expect("text")
        };
        let digest = said(&mut Command::new("sha256sum"));
        let digest = digest.split(' ').next().expect("a digest").to_owned();
        let (name, size) = (file.file_name().expect("a name"), file.metadata().expect("a file").len());
        index.push_str(&said(Command::new("dpkg-deb").arg("--field")));
        index.push_str(&format!("Filename: ./{}\nSize: {size}\nSHA256: {digest}\n\n", name.to_str().expect("text")));
    }
    fs::write(made.join("Packages"), index).expect("an index");
    made
}

/// Makes it what a host's packages come from.
fn publish(hosts: &Hosts, host: &Host, repository: &Path) {
    let [key, known] = [hosts.key(), hosts.known_hosts()].map(|path| path.display().to_string());
    let sources = format!("deb [trusted=yes] file:{REPOSITORY} ./");
    let there = format!(
        "rm -rf {REPOSITORY} && mkdir -p {REPOSITORY} && tar -C {REPOSITORY} -xf - && rm -f /etc/apt/sources.list.d/* && \
         echo \"{sources}\" > /etc/apt/sources.list && apt-get --quiet update"
    );
    let sent = format!(
        "tar -C {} -cf - . | ssh -F none -i {key} -o UserKnownHostsFile={known} root@{} '{there}'",
        repository.display(),
        host.address(),
    );
    run(hosts.command("sh").arg("-c").arg(sent));
}

/// The package that a host has, with what it is held at.
fn installed(host: &Host) -> String {
    host.root("dpkg-query --show --showformat='${Version} ' redis-tools 2>/dev/null; apt-mark showhold").ok()
}

/// Where the server's program is that runs on a host.
fn program(host: &Host) -> String {
    host.root("readlink /proc/$(pgrep redis-server)/exe").ok()
}

fn with_artifacts(workspace: &Workspace, entry: &str) {
    let example = fs::read_to_string(workspace.config().join("main.tf")).expect("the example");
    workspace.write("main.tf", &example.replace("  ssh = {\n", &format!("  artifacts = [{entry}]\n  ssh = {{\n")));
}

#[test]
fn a_package_of_the_distribution_is_installed_exactly_held_and_given_back() {
    let (hosts, workspace) = up(&["a", "b"]);
    let version = servers::usual("redis").version;
    let (old, new) = (format!("5:{version}-1~test1"), format!("5:{version}-1~test2"));
    let first = repository(&workspace.root().join("first"), &[&old]);
    publish(&hosts, &hosts[0], &first);
    with_artifacts(&workspace, "{ distribution = true }");
    shaped(&workspace, 1, 1);
    let refused = workspace.plan().fails();
    let error = refused.error("version", "Server program not found");
    let (one, other) = (hosts[0].address(), hosts[1].address());
    for words in [
        format!("{one}: its package index has redis-tools {old}."),
        format!("{other}: its package index has no redis-tools."),
    ] {
        assert!(error.detail.contains(&words), "{refused}");
    }

    publish(&hosts, &hosts[1], &first);
    shaped(&workspace, 1, 0);
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!((state["converged"].as_bool(), text(&state["version_actual"])), (Some(true), version.clone()));
    let (taken, free) = match installed(&hosts[0]).is_empty() {
        false => (&hosts[0], &hosts[1]),
        true => (&hosts[1], &hosts[0]),
    };
    assert_eq!((installed(taken), installed(free)), (format!("{old} redis-tools"), String::new()));
    let runs = program(taken);
    assert!(runs.starts_with("/var/lib/justmanage/artifacts/") && runs.ends_with("/redis-server"), "{runs}");

    // The index goes on, and an upgrade of all packages changes nothing.
    let second = repository(&workspace.root().join("second"), &[&new]);
    hosts.all().iter().for_each(|host| publish(&hosts, host, &second));
    taken.root("apt-get --yes --quiet upgrade").ok();
    assert_eq!(installed(taken), format!("{old} redis-tools"));
    workspace.assert_no_changes();
    // A server that comes later has only the newer revision to choose: it gets what the program needs by that, and the program itself.
    shaped(&workspace, 1, 1);
    workspace.apply().ok();
    assert_eq!(installed(free), format!("{new} redis-tools"));
    assert_eq!((program(free), program(taken)), (runs.clone(), runs));
    workspace.destroy().ok();
    for host in hosts.all() {
        assert_eq!(left(host), "", "{}", host.name());
        assert_eq!(installed(host), "");
        assert_eq!(host.root(&format!("ls -d {LIBRARIES} 2>/dev/null; true")).ok(), "", "what came along went along");
    }
}

/// The template is not built here, which takes an account with a cloud: it is read as HCL, and it runs the script with what that asks for.
#[test]
fn the_template_runs_the_script_with_what_it_asks_for() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/image");
    let folder = tempfile::tempdir().expect("a directory");
    let read = folder.path().join("image.tf");
    fs::copy(example.join("image.pkr.hcl"), &read).expect("the template");
    run(Command::new("terraform").args(["fmt", "-check", "-diff"]).arg(&read).env_remove("TF_CLI_CONFIG_FILE"));
    let (template, script) = (fs::read_to_string(&read), fs::read_to_string(example.join("install.sh")));
    let (template, script) = (template.expect("text"), script.expect("the script"));
    assert!(template.contains("script          = \"install.sh\""), "{template}");
    for setting in ["ENGINE", "VERSION", "CLEAN"] {
        assert!(
            template.contains(&format!("\"{setting}=")) && script.contains(&format!("${{{setting}:-")),
            "{setting}"
        );
    }
}

#[test]
fn a_machine_of_the_image_has_everything() {
    let (hosts, workspace) = up(&["a"]);
    let (host, version) = (&hosts[0], servers::usual("redis").version);
    let (old, new) = (format!("5:{version}-1~test1"), format!("5:{version}-1~test2"));
    publish(&hosts, host, &repository(&workspace.root().join("image"), &[&old, &new]));
    // What else the script wants is on every host already.
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/image/install.sh"))
        .expect("the script");
    let script = script.replace("'", "'\\''");
    let install = |settings: &str| host.root(&format!("env {settings} sh -c '{script}'"));
    for (wanted, revision) in [(old.as_str(), &old), ("", &new), (version.as_str(), &new), ("7", &new)] {
        let said = install(&format!("ENGINE=redis VERSION={wanted}"));
        assert!(said.ok().contains(&format!("v={version}")), "{wanted}");
        assert_eq!(installed(host), format!("{revision} redis-tools"), "VERSION={wanted}");
    }
    assert!(!install("ENGINE=redis VERSION=9.9").succeeded() && !install("ENGINE=memcached").succeeded());
    assert!(host.root("cat /etc/sysctl.d/60-database.conf").ok().contains("vm.overcommit_memory = 1"));
    // Nothing can be fetched from here on.
    host.root(&format!("mv {REPOSITORY} /srv/away && rm -rf /var/lib/apt/lists/*")).ok();
    shaped(&workspace, 1, 0);
    workspace.apply().ok();
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), version);
    assert_eq!(program(host), "/usr/bin/redis-check-rdb");
    workspace.destroy().ok();
    assert_eq!(installed(host), format!("{new} redis-tools"), "what its owner has installed stays");

    // As an image it is nobody yet.
    host.root(&format!("mv /srv/away {REPOSITORY}")).ok();
    install("ENGINE=redis CLEAN=yes").ok();
    assert_eq!(host.root("ls /etc/ssh/*_key /var/lib/apt/lists/* 2>/dev/null; cat /etc/machine-id").ok(), "");
}
