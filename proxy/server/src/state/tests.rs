//! The folder against other processes, sudden deaths and mistyped paths.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{FILE_MAX, State, StateError};
use crate::config::tests::Folder;

fn rights(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn it_is_created_for_its_owner_only() {
    let folder = Folder::new();
    let path = folder.path().join("a/b");
    let state = State::open(&path).expect("a new folder");
    state.write("small.json", &1).expect("writes");
    assert_eq!((rights(&path), rights(&state.path("small.json")), rights(&state.path("lock"))), (0o700, 0o600, 0o600));
}

#[test]
fn a_folder_that_lets_others_in_is_closed_only_if_it_is_ours() {
    let folder = Folder::new();
    for (name, file, opens) in [("empty", None, true), ("ours", Some("lock"), true), ("foreign", Some("photo"), false)]
    {
        let path = folder.path().join(name);
        fs::create_dir(&path).expect("a new folder");
        if let Some(file) = file {
            fs::write(path.join(file), "").expect("writes");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        match State::open(&path) {
            Ok(_) => assert!(opens && rights(&path) == 0o700, "{name}"),
            Err(error) => {
                assert!(!opens && error.to_string().contains("chmod 700"), "{name}: {error}");
                assert_eq!(rights(&path), 0o755, "{name} is left as it was");
            }
        }
    }
}

#[test]
fn one_at_a_time_and_the_message_names_the_other() {
    let folder = Folder::new();
    let path = folder.path().join("state");
    let first = State::open(&path).expect("nobody has it");
    let second = State::open(&path).expect_err("somebody has it").to_string();
    assert!(second.contains(&format!("(process {})", std::process::id())), "{second}");
    drop(first);
    State::open(&path).expect("nobody has it any more");
}

#[test]
fn a_holder_that_is_killed_leaves_no_lock_behind() {
    let folder = Folder::new();
    let path = folder.path().join("state");
    drop(State::open(&path).expect("nobody has it"));
    let script = "exec 9<>\"$0\" && flock 9 && echo held && exec sleep 1000000";
    let mut other = Command::new("sh")
        .args(["-c", script])
        .arg(path.join("lock"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell runs");
    let mut line = String::new();
    BufReader::new(other.stdout.take().expect("it is piped")).read_line(&mut line).expect("it speaks");
    assert_eq!(line, "held\n");
    assert!(matches!(State::open(&path), Err(StateError::Locked { .. })));
    other.kill().expect("kill -9");
    other.wait().expect("it is dead");
    State::open(&path).expect("the kernel let go");
}

#[test]
fn files_are_read_whole_or_not_at_all() {
    let folder = Folder::new();
    let state = State::open(&folder.path().join("state")).expect("a new folder");
    assert_eq!(state.read::<Vec<u32>>("list.json").expect("nothing is no error"), None);
    state.write("list.json", &vec![0_u32; 20_000]).expect("writes");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=50_u32 {
                let list = vec![round; usize::try_from(round).expect("small") * 400];
                state.write("list.json", &list).expect("writes");
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let list = state.read::<Vec<u32>>("list.json").expect("whole").expect("there");
            assert!(!list.is_empty() && list.iter().all(|number| *number == list[0]));
        }
    });
    assert_eq!(state.read::<Vec<u32>>("list.json").expect("whole").expect("there")[0], 50);
}

#[test]
fn what_a_sudden_death_left_is_replaced_and_what_is_garbled_is_named() {
    let folder = Folder::new();
    let state = State::open(&folder.path().join("state")).expect("a new folder");
    state.write("a.json", &1).expect("writes");
    fs::write(state.path("a.json.new"), "[1, 2").expect("a write that was cut off");
    assert_eq!(state.read::<u32>("a.json").expect("the old one"), Some(1));
    state.write("a.json", &2).expect("writes");
    assert_eq!(state.read::<u32>("a.json").expect("the new one"), Some(2));
    assert!(!state.path("a.json.new").exists());

    for (name, content) in
        [("cut", "{\"a\":".to_owned()), ("long", " ".repeat(usize::try_from(FILE_MAX).expect("small") + 1))]
    {
        fs::write(state.path("a.json"), content).expect("writes");
        let error = state.read::<u32>("a.json").expect_err(name).to_string();
        assert!(error.contains("a.json cannot be understood") && error.contains("remove it"), "{name}: {error}");
    }
}

#[test]
fn a_path_that_cannot_be_a_folder_is_named() {
    let folder = Folder::new();
    let file = folder.write("file", "");
    for path in [file.clone(), file.join("below")] {
        let error = State::open(&path).expect_err("no folder").to_string();
        assert!(error.contains("file") && error.contains("set `state`"), "{error}");
    }
}
