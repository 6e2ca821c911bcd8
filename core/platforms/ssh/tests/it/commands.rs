//! Commands and tunnels.

use std::time::Duration;

use justmanage_ssh::{Credentials, Hosts, SshError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::sshd::{Keys, Sshd};

const LIMIT: Duration = Duration::from_secs(60);

fn hosts(keys: &Keys) -> Hosts {
    Hosts::new(Credentials::default().with_key(&keys.text("user"), None).expect("a key"))
}

#[tokio::test]
async fn a_command_has_input_output_and_a_status() {
    let keys = Keys::make();
    let (sshd, hosts) = (Sshd::start(&keys), hosts(&keys));
    let host = sshd.pinned();
    let run = async |command: &str, input: &[u8]| hosts.run(&host, command, input, LIMIT).await.expect(command);
    let done = run("cat; echo said >&2; exit 7", b"given").await;
    assert_eq!((done.status, done.stdout.as_slice(), done.stderr.as_slice()), (Some(7), &b"given"[..], &b"said\n"[..]));
    assert_eq!(done.last_words(), "said");
    let ended = run("kill -KILL $$", b"").await;
    assert_eq!((ended.status, ended.succeeded()), (None, false));
    assert_eq!(ended.last_words(), "a signal ended it");
    // More than any window or pipe holds, to a command that answers while it reads, and to one that reads nothing.
    let much = vec![b'x'; 6 << 20];
    assert_eq!(run("wc -c", &much).await.stdout, format!("{}\n", much.len()).as_bytes());
    assert_eq!(run("cat | head -c 3000000 | wc -c", &much).await.stdout, b"3000000\n");
    assert!(run("true", &much).await.succeeded());
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "one connection for all");
}

#[tokio::test]
async fn what_does_not_end_is_given_up_and_a_broken_connection_is_said_and_made_anew() {
    let keys = Keys::make();
    let (sshd, hosts) = (Sshd::start(&keys), hosts(&keys));
    let host = sshd.pinned();
    let late = hosts.run(&host, "cat > /dev/null; sleep 600", b"", Duration::from_secs(1)).await.expect_err("a limit");
    assert!(matches!(late, SshError::Late { seconds: 1, .. }), "{late}");
    // The shell's parent is the sshd of this connection.
    let broken = hosts.run(&host, "kill -KILL $PPID; sleep 600", b"", LIMIT).await.expect_err("no connection");
    assert!(matches!(broken, SshError::Broken { .. }), "{broken}");
    assert!(hosts.run(&host, "true", b"", LIMIT).await.expect("a new connection").succeeded());
}

#[tokio::test]
async fn connections_go_through_a_host_and_through_hosts_before_it() {
    let keys = Keys::make();
    let (gate, inner, hosts) = (Sshd::start(&keys), Sshd::start(&keys), hosts(&keys));
    let mut host = inner.pinned();
    host.jump = Some(Box::new(gate.pinned()));
    assert!(hosts.run(&host, "true", b"", LIMIT).await.expect("a way in").succeeded());
    assert!(gate.log().contains("Accepted publickey"), "it leads through the jump host: {}", gate.log());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let mut said = [0; 4];
        stream.read_exact(&mut said).await.expect("four bytes");
        stream.write_all(&said).await.expect("an answer");
    });
    let mut tunnel = hosts.tunnel(&host, ("127.0.0.1", port)).await.expect("a tunnel");
    tunnel.write_all(b"ping").await.expect("sent");
    let mut answer = [0; 4];
    tunnel.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"ping");
    serve.await.expect("served");
    let Err(error) = hosts.tunnel(&host, ("127.0.0.1", port)).await else { panic!("nobody listens any more") };
    assert!(matches!(&error, SshError::Unreachable { host, .. } if host.contains("through")), "{error}");
}
