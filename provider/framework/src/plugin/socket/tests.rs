//! Sockets in real directories.

use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixStream};

use super::*;

#[test]
fn the_socket_is_in_private_directories_and_gone_afterwards() {
    let base = tempfile::tempdir().unwrap();
    let socket = open(Some(base.path())).unwrap();
    for directory in [&socket.parent, &socket.directory] {
        assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o7777, 0o700, "{directory:?}");
    }
    UnixStream::connect(socket.path()).unwrap();
    drop(socket);
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}

#[test]
fn a_dead_neighbour_is_swept_and_a_living_one_is_not() {
    let base = tempfile::tempdir().unwrap();
    let living = open(Some(base.path())).unwrap();
    let dead = living.parent.join("00000000deadbeef");
    fs::create_dir(&dead).unwrap();
    drop(UnixListener::bind(dead.join("plugin")).unwrap());
    let us = open(Some(base.path())).unwrap();
    us.sweep_neighbours();
    assert!(!dead.exists());
    UnixStream::connect(living.path()).unwrap();
    assert!(us.path().exists());
}

#[test]
fn a_neighbour_with_files_that_are_not_ours_is_left_alone() {
    let base = tempfile::tempdir().unwrap();
    let us = open(Some(base.path())).unwrap();
    let odd = us.parent.join("odd");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("letter"), "dear").unwrap();
    us.sweep_neighbours();
    assert!(odd.join("letter").exists());
}

#[test]
fn a_parent_that_others_can_enter_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let parent = base.path().join(parent_name());
    fs::create_dir(&parent).unwrap();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o755)).unwrap();
    let error = open(Some(base.path())).unwrap_err();
    assert!(
        matches!(error, SocketError::Nowhere(_, ref e) if e.kind() == io::ErrorKind::PermissionDenied),
        "{error:?}"
    );
}

#[test]
fn a_parent_that_is_a_link_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let target = base.path().join("elsewhere");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&target, base.path().join(parent_name())).unwrap();
    assert!(open(Some(base.path())).is_err());
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
}

#[test]
fn a_directory_without_room_for_an_address_is_told() {
    let base = tempfile::tempdir().unwrap();
    let long = base.path().join("x".repeat(90));
    fs::create_dir(&long).unwrap();
    assert!(matches!(open(Some(&long)), Err(SocketError::Demanded(_))));
    let barred = base.path().join("a|b");
    fs::create_dir(&barred).unwrap();
    assert!(matches!(open(Some(&barred)), Err(SocketError::Demanded(_))));
}

#[test]
fn many_at_once_do_not_take_each_others_directories() {
    let base = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let socket = open(Some(base.path())).unwrap();
                    socket.sweep_neighbours();
                    UnixStream::connect(socket.path()).unwrap();
                }
            });
        }
    });
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}
