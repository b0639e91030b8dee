//! The real binary, in a process of its own.
//!
//! Cargo tells the path of a package's binary only to the tests of that package. So this package builds the very same
//! `main.rs` once more, as `rangelight-as-tested`: it is built by `cargo test` itself, also in a fresh clone, and is
//! never older than the sources. [`program!`](crate::program) gives its path.
//!
//! The process sees an empty environment and the test's folder as its current one. Its ports cannot be told by the
//! system before it runs, so each gets an address of its own in 127.0.0.0/8, made from our process id and a counter:
//! nobody else on this machine takes it, and no outgoing connection does either.

use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::call::Caller;
use crate::folder::Folder;
use crate::wait::{PATIENCE, until};
use crate::wiring::Wiring;

/// The path of the binary; for use in the suite.
#[macro_export]
macro_rules! program {
    () => {
        env!("CARGO_BIN_EXE_rangelight-as-tested")
    };
}

/// A running `rangelight run`.
#[derive(Debug)]
pub struct Program {
    child: Child,
    folder: Folder,
    own: Caller,
    admin: Caller,
}

impl Program {
    /// Starts it over this wiring, whose `[listen]` and `[admin]` lines are replaced, and waits until it listens.
    ///
    /// # Panics
    ///
    /// If it ends instead; its log is in the message.
    pub async fn start(path: &str, folder: Folder, wiring: &Wiring) -> Self {
        let (own, admin) = (address(), address());
        let wiring = wiring.clone().listen(&format!("address = \"{own}\"")).admin(&format!("address = \"{admin}\""));
        folder.write("config.toml", &wiring.text());
        let log = std::fs::File::create(folder.path().join("log")).expect("the folder can be written");
        let mut command = command(path, &folder, &["run"]);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("the binary was built");
        let (own, admin) = (format!("http://{own}"), format!("http://{admin}"));
        let mut program = Self { child, folder, own: Caller::of_listener(&own), admin: Caller::of_admin(&admin) };
        until("the program listens", async || {
            if let Some(status) = program.child.try_wait().expect("it is our own process") {
                panic!("the program ended with {status}:\n{}", program.log());
            }
            let asked = program.admin.request(http::Method::GET, "/status", &[], "");
            program.admin.try_send(asked).await.is_ok()
        })
        .await;
        program
    }

    /// Who calls its own listener.
    #[must_use]
    pub fn own(&self) -> &Caller {
        &self.own
    }

    /// Who calls its admin listener.
    #[must_use]
    pub fn admin(&self) -> &Caller {
        &self.admin
    }

    /// What it has written to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.folder.path().join("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Its folder; a changed `config.toml` in it is a reload.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The number of its process, for `/proc`; `None` once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal, by the name that `kill` knows: `TERM`, `HUP`, `KILL`, `STOP`.
    ///
    /// # Panics
    ///
    /// If it cannot be sent.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the program still runs");
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name} {id} failed");
    }

    /// Waits for its end; how it ended, and its folder.
    ///
    /// # Panics
    ///
    /// If it does not end within [`PATIENCE`].
    pub async fn ended(mut self) -> (ExitStatus, Folder) {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the program did not end:\n{}", self.log()));
        (ended.expect("it is our own process"), self.folder)
    }

    /// Runs a command that ends by itself, in a folder.
    ///
    /// # Panics
    ///
    /// If it does not end within [`PATIENCE`].
    pub async fn once(path: &str, folder: &Folder, arguments: &[&str]) -> Output {
        let output = timeout(PATIENCE, command(path, folder, arguments).output()).await;
        output
            .unwrap_or_else(|_| panic!("{arguments:?} did not end within {PATIENCE:?}"))
            .expect("the binary was built")
    }
}

fn command(path: &str, folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).current_dir(folder.path()).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// An address that only this test uses.
fn address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    format!("127.{}.{b}.{c}:{}", 64 + a % 64, NEXT.fetch_add(1, Ordering::Relaxed))
}
