use super::*;

const SHA: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn line(path: &str, sha256: &str, package: &str, said: &str) -> String {
    format!("program\t{path}\t{sha256}\tyes\t{package}\t{said}\n")
}

fn output(stdout: &str) -> Output {
    Output { status: Some(0), stdout: stdout.into(), stderr: Vec::new() }
}

#[test]
fn what_a_server_prints_of_its_programs_is_read() {
    let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0";
    let text = line("/usr/bin/redis-server", SHA, "5:7.0.15-1~deb12u10", redis)
        + "Welcome!\n"
        + &line("/usr/bin/redis-server", SHA, "5:7.0.15-1~deb12u10", redis)
        + &line("/opt/redis-server", SHA, "5:7.0.14-1", "Redis server v=7.2.4 sha=0")
        + &line("/opt/valkey-server", SHA, "", "Valkey server v=8.0.1 sha=0").replace("\tyes\t", "\tno\t")
        + &line("/opt/other", SHA, "", "KeyDB server v=6.3.4 sha=0");
    let found: Vec<String> = programs(&output(&text))
        .iter()
        .map(|program| format!("{} {} {}", program.path.display(), program.release, program.tls))
        .collect();
    assert_eq!(
        found,
        [
            "/usr/bin/redis-server redis 7.0.15 (5:7.0.15-1~deb12u10) true",
            "/opt/redis-server redis 7.2.4 true",
            "/opt/valkey-server valkey 8.0.1 false",
        ]
    );
}

#[test]
fn only_what_every_server_has_counts() {
    let program = |path: &str, version: &str| {
        programs(&output(&line(path, SHA, "", &format!("Redis server v={version} sha=0")))).remove(0)
    };
    let (old, new) = (program("/usr/bin/redis-server", "7.0.15"), program("/opt/redis-server", "7.2.4"));
    let there = |programs: &[&[ServerProgram]]| -> Vec<(String, Vec<ServerProgram>)> {
        (1..).zip(programs).map(|(number, programs)| (format!("db{number}"), programs.to_vec())).collect()
    };
    let both = [old.clone(), new.clone()];
    assert_eq!(common(there(&[&both, &both])), both);
    assert_eq!(common(there(&[&both, std::slice::from_ref(&old)])), std::slice::from_ref(&old));
    let other = ServerProgram { sha256: SHA.replace('0', "1"), ..old.clone() };
    assert_eq!(common(there(&[&[old], &[other]])), [], "the same path is not the same program");
    assert_eq!(common(Vec::new()), []);
}

#[test]
fn a_program_of_ours_is_told_from_others() {
    let artefact = |path: &str| Artefact::new(path, SHA).expect("an artefact");
    let ours = artefact(&format!("{KEPT}/{SHA}/redis-server"));
    assert_eq!(kept(&ours).map(|kept| (kept.file_name, kept.sha256)), Some(("redis-server", SHA)));
    for other in
        ["/usr/bin/redis-server", "/var/lib/justmanage/artifacts/x/redis-server", "/var/lib/justmanage/artifacts"]
    {
        assert!(kept(&artefact(other)).is_none(), "{other}");
    }
}
