//! Programs that are measured from outside: started, pinned to a core, accounted by the kernel, killed at the end.
//!
//! Processor time comes from the kernel's own accounting of the process, so that neither the load nor the node counts.
//! `/proc/PID/task/*/schedstat` has it in nanoseconds, but only of threads that still live; the programs measured here
//! keep theirs. Where a kernel has no such file, `/proc/PID/stat` gives it in hundredths of a second.
//!
//! Everything under test runs on the last core, load and node on the first, if there are two and `taskset` is there:
//! otherwise the scheduler's moods would be measured. A program that is killed with the harness dies with it: those of
//! ours end when their standard input does, and Rangelight runs under `timeout`.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A program is listening within this time, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest life of a program under test, in seconds.
const LIFE: &str = "900";

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The program itself: behind `timeout` it is a child of our child, and 0 until that is known.
    pid: u32,
}

/// The cores of this machine, shared out.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// How many there are.
    pub count: usize,
    pinned: bool,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug)]
pub enum Core {
    /// With the load.
    First,
    /// Under test.
    Last,
}

impl Cores {
    /// Takes the first core for the calling thread, which makes the load. Before the first runtime, since threads
    /// started later inherit it.
    #[must_use]
    pub fn share_out() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let ourselves = std::process::id().to_string();
        let pin = || Command::new("taskset").args(["-p", "-c", "0", &ourselves]).stdout(Stdio::null()).status();
        Self { count, pinned: count > 1 && pin().is_ok_and(|status| status.success()) }
    }

    fn command(self, core: Core, program: &str) -> Command {
        if !self.pinned {
            return Command::new(program);
        }
        let core = match core {
            Core::First => 0,
            Core::Last => self.count - 1,
        };
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string(), program]);
        command
    }
}

impl Running {
    /// Starts ourselves in another role, and gives the line that it prints when it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started or says nothing.
    pub fn role(cores: Cores, core: Core, arguments: &[&str]) -> Outcome<(Self, String)> {
        let program = std::env::current_exe()?;
        let mut command = cores.command(core, &program.to_string_lossy());
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the role has a standard output")?;
        let pid = child.id();
        let running = Self { child, pid };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() { Err("a role ended before it listened".into()) } else { Ok((running, line)) }
    }

    /// Starts Rangelight and waits until it listens; gives how long that took, too.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not listen; the end of its log is in the words.
    pub fn rangelight(cores: Cores, program: &Path, config: &Path, listen: SocketAddr) -> Outcome<(Self, Duration)> {
        let log = config.with_extension("log");
        let mut command = cores.command(Core::Last, "timeout");
        command.args(["--signal=KILL", LIFE]).arg(program).args(["run", "--config"]).arg(config);
        command.stdin(Stdio::null()).stdout(fs::File::create(&log)?).stderr(fs::File::create(&log)?);
        let begun = Instant::now();
        let mut running = Self { child: command.spawn()?, pid: 0 };
        while TcpStream::connect(listen).is_err() {
            if begun.elapsed() > PATIENCE || running.child.try_wait()?.is_some() {
                let said = fs::read_to_string(&log)?;
                return Err(format!("Rangelight does not listen: {said}").into());
            }
            std::thread::sleep(Duration::from_micros(250));
        }
        let took = begun.elapsed();
        running.pid = only_child(running.child.id())?;
        Ok((running, took))
    }

    /// Processor time used so far, user and system, all threads.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn cpu(&self) -> Outcome<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            match fs::read_to_string(task?.path().join("schedstat")) {
                Ok(line) => nanos += line.split(' ').next().unwrap_or_default().parse::<u64>()?,
                Err(_) => return self.cpu_in_ticks(),
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    fn cpu_in_ticks(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name in parentheses may hold spaces; utime and stime are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| -> Outcome<u64> { Ok(fields.get(index).ok_or("a field is missing")?.parse()?) };
        Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
    }

    /// A line of its `/proc/PID/status`, in MiB: `VmRSS`, `VmHWM`, `RssAnon`.
    ///
    /// # Errors
    ///
    /// When it has ended, or the kernel has no such line.
    pub fn memory(&self, line: &str) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let value = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
        let kib: f64 = value.ok_or("no such line")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Before its process is known `timeout` is told to end, which passes that on; afterwards nothing is drained.
        let (signal, pid) = if self.pid == 0 { ("TERM", self.child.id()) } else { ("KILL", self.pid) };
        let _ = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
        let _ = self.child.wait();
    }
}

fn only_child(pid: u32) -> Outcome<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(children.split_whitespace().next().ok_or("timeout has started nothing")?.parse()?)
}

/// A port on loopback that was free a moment ago.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
