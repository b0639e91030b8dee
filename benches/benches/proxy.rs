//! Rangelight beside a bare proxy: what a request costs, what a large body costs, what it needs when idle, how fast it
//! starts. Numbers and aims are explained in `benches/README.md`.
//!
//! Without arguments the program measures; as `node` and `bare` it is what is measured against, in processes of their
//! own, and as `load` it makes work for a profiler. Rangelight is the real program, built here with the bench profile, which is that of
//! releases with the names left in for profilers.
#![allow(clippy::print_stdout, reason = "the table is the point of the program")]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use rangelight_benches::Outcome;
use rangelight_benches::bare::Bare;
use rangelight_benches::child::{Core, Cores, Running, free_port};
use rangelight_benches::load::{Caller, Load};
use rangelight_benches::node::{self, BIG, BIG_BYTES, HOT};
use rangelight_benches::numbers::{Rounds, Table};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// Rounds of small requests, and of starts.
const ROUNDS: usize = 11;

/// Rounds of the large body.
const BIG_ROUNDS: usize = 5;

/// A node is found ready within this time, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where things are.
struct Stage {
    cores: Cores,
    folder: PathBuf,
    program: PathBuf,
    nodes: Vec<SocketAddr>,
}

/// A Rangelight under test.
struct Proxy {
    running: Running,
    listen: SocketAddr,
    started_in: Duration,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    match words[..] {
        ["node"] => role(node_role()),
        ["bare", node] => role(bare_role(node.parse()?)),
        ["load", to] => Builder::new_current_thread().enable_all().build()?.block_on(load_role(to.parse()?)),
        _ => {
            let stage = Stage::set()?;
            Builder::new_current_thread().enable_all().build()?.block_on(measure(stage))
        }
    }
}

// === the roles ===

/// Runs until whoever started us is gone.
fn role(work: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn node_role() -> Outcome<()> {
    let tell = |addresses: &[SocketAddr]| {
        let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        say(&words.join(" "));
    };
    match node::run(tell).await? {}
}

async fn bare_role(node: SocketAddr) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.to_string());
    Bare::new(node)?.serve(listener).await
}

/// For a profiler: requests over sixteen connections to whatever listens there.
async fn load_role(to: SocketAddr) -> Outcome<()> {
    let length = Caller::connect(to).await?.read(HOT[1]).await?.len();
    let load = Load { target: HOT[1].to_owned(), connections: 16, requests: 10_000, length };
    let begun = Instant::now();
    let middle = middle(&load.run(to).await?);
    let each = begun.elapsed() / u32::try_from(load.total())?;
    println!("{} requests, one each {:.1} µs, median latency {:.0} µs", load.total(), micros(each), micros(middle));
    Ok(())
}

fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

// === the measurements ===

async fn measure(mut stage: Stage) -> Outcome<()> {
    println!("{}\n", machine(stage.cores));
    let (_node, line) = Running::role(stage.cores, Core::First, &["node"])?;
    stage.nodes = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let (bare, line) = Running::role(stage.cores, Core::Last, &["bare", &stage.nodes[0].to_string()])?;
    let bare_listens: SocketAddr = line.trim().parse()?;

    let proxy = stage.start(&stage.nodes[..1])?;
    ready(proxy.listen, HOT[1]).await?;
    small(&stage, &bare, bare_listens, &proxy).await?;
    large(bare_listens, &proxy).await?;
    drop(proxy);
    idle(&stage).await?;
    starts(&stage)?;
    std::fs::remove_dir_all(&stage.folder)?;
    Ok(())
}

/// Small requests: latency and processor time.
async fn small(stage: &Stage, bare: &Running, bare_listens: SocketAddr, proxy: &Proxy) -> Outcome<()> {
    let mut table = Table::new(&[
        "operation",
        "connections",
        "direct, µs",
        "bare adds, µs",
        "Rangelight adds, µs",
        "bare CPU, µs",
        "Rangelight CPU, µs",
        "CPU ratio",
    ]);
    for path in HOT {
        let target = if path.ends_with("attestation_data") {
            format!("{path}?slot={}&committee_index=0", head_slot(stage.nodes[0]).await?)
        } else {
            path.to_owned()
        };
        let length = Caller::connect(stage.nodes[0]).await?.read(&target).await?.len();
        for (connections, requests) in [(1, 4_000), (16, 1_000)] {
            let load = Load { target: target.clone(), connections, requests, length };
            let mut direct = Vec::new();
            let [mut adds, mut costs] = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
            for _ in 0..ROUNDS {
                let alone = micros(middle(&load.run(stage.nodes[0]).await?));
                direct.push(alone);
                for (index, (running, listens)) in
                    [(bare, bare_listens), (&proxy.running, proxy.listen)].into_iter().enumerate()
                {
                    let before = running.cpu()?;
                    let latencies = load.run(listens).await?;
                    let used = running.cpu()? - before;
                    adds[index].push(micros(middle(&latencies)) - alone);
                    costs[index].push(micros(used) / count(load.total() + connections));
                }
            }
            let ratio = Rounds::ratio(&costs[1], &costs[0]);
            let [[bare_adds, adds], [bare_costs, costs]] = [adds, costs].map(|pair| pair.map(Rounds::new));
            table.row(vec![
                format!("`{}`, {length} bytes", path.trim_start_matches("/eth/v1/")),
                connections.to_string(),
                format!("{:.0}", Rounds::new(direct)),
                format!("{bare_adds:.0}"),
                format!("{adds:.0}"),
                format!("{bare_costs:.1}"),
                format!("{costs:.1}"),
                format!("{ratio:.2}"),
            ]);
        }
    }
    println!("## One small GET: median of {ROUNDS} rounds (lowest–highest)\n\n{table}");
    Ok(())
}

/// A body of 300 MiB without a length.
async fn large(bare_listens: SocketAddr, proxy: &Proxy) -> Outcome<()> {
    let before = proxy.running.memory("VmHWM")?;
    let [mut bare_rates, mut rates] = [Vec::new(), Vec::new()];
    for _ in 0..BIG_ROUNDS {
        for (listens, rates) in [(bare_listens, &mut bare_rates), (proxy.listen, &mut rates)] {
            let (length, took) = Caller::connect(listens).await?.swallow(BIG).await?;
            if length < u64::try_from(BIG_BYTES)? {
                return Err(format!("only {length} bytes came through").into());
            }
            rates.push(BIG_MIB / took.as_secs_f64());
        }
    }
    let ratio = Rounds::ratio(&rates, &bare_rates);
    let after = proxy.running.memory("VmHWM")?;
    let mut table =
        Table::new(&["bare, MiB/s", "Rangelight, MiB/s", "rate ratio", "peak RSS before, MiB", "after, MiB"]);
    table.row(vec![
        format!("{:.0}", Rounds::new(bare_rates)),
        format!("{:.0}", Rounds::new(rates)),
        format!("{ratio:.2}"),
        format!("{before:.1}"),
        format!("{after:.1}"),
    ]);
    println!("## A body of 300 MiB in chunks: median of {BIG_ROUNDS} rounds (lowest–highest)\n\n{table}");
    Ok(())
}

/// The big answer in MiB.
const BIG_MIB: f64 = 300.0;

/// Three nodes and a validator client that listens for events.
async fn idle(stage: &Stage) -> Outcome<()> {
    let proxy = stage.start(&stage.nodes)?;
    ready(proxy.listen, HOT[1]).await?;
    let mut caller = Caller::connect(proxy.listen).await?;
    let mut stream = caller.ask("/eth/v1/events?topics=head,block,finalized_checkpoint").await?.into_body();
    // Two heads: by then every probe has had its turn.
    let mut heads = 0;
    let listen = async {
        while heads < 2 {
            let frame = stream.frame().await.ok_or("the event stream ended")??;
            let text = frame.data_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
            heads += text.matches("event: head").count() + text.matches("event:head").count();
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(PATIENCE, listen).await??;
    let (before, begun) = (proxy.running.cpu()?, Instant::now());
    let _ = tokio::time::timeout(Duration::from_secs(8), async { while stream.frame().await.is_some() {} }).await;
    let share = 100.0 * (proxy.running.cpu()? - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    let mut table = Table::new(&["RSS, MiB", "of it anonymous, MiB", "CPU, % of a core at 4 s slots"]);
    table.row(vec![
        format!("{:.1}", proxy.running.memory("VmRSS")?),
        format!("{:.1}", proxy.running.memory("RssAnon")?),
        format!("{share:.2}"),
    ]);
    println!("## Idle with three nodes and an open event stream\n\n{table}");
    Ok(())
}

/// From the start of the process to the first connection taken.
fn starts(stage: &Stage) -> Outcome<()> {
    let nobody = (0..3).map(|_| free_port()).collect::<Result<Vec<_>, _>>()?;
    let mut table = Table::new(&["nodes", "start to listening, ms"]);
    for (name, nodes) in [("three that answer", &stage.nodes), ("three that do not", &nobody)] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(micros(stage.start(nodes)?.started_in) / 1_000.0);
        }
        table.row(vec![name.to_owned(), format!("{:.1}", Rounds::new(times))]);
    }
    println!("## Start: median of {ROUNDS} rounds (lowest–highest)\n\n{table}");
    Ok(())
}

// === what they need ===

impl Stage {
    /// Builds Rangelight and makes a folder for its state.
    fn set() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has a folder")?;
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--profile", "bench", "--package", "rangelight"])
            .current_dir(root)
            .status()?;
        if !built.success() {
            return Err("Rangelight was not built".into());
        }
        // Beside the folder `deps` that this program lies in, wherever the target directory is.
        let target = std::env::current_exe()?;
        let target = target.ancestors().nth(3).ok_or("a bench lies in target/PROFILE/deps")?;
        let folder = std::env::temp_dir().join(format!("rangelight-bench-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let program = target.join("release/rangelight");
        Ok(Self { cores: Cores::share_out(), folder, program, nodes: Vec::new() })
    }

    /// Starts Rangelight over these nodes.
    fn start(&self, nodes: &[SocketAddr]) -> Outcome<Proxy> {
        let (listen, admin) = (free_port()?, free_port()?);
        let mut text = format!("state = \"state\"\n[listen]\naddress = \"{listen}\"\n[admin]\naddress = \"{admin}\"\n");
        for (index, node) in nodes.iter().enumerate() {
            text += &format!("[[node]]\nname = \"node{index}\"\nurl = \"http://{node}\"\n");
        }
        let config = self.folder.join("config.toml");
        std::fs::write(&config, text)?;
        let (running, started_in) = Running::rangelight(self.cores, &self.program, &config, listen)?;
        Ok(Proxy { running, listen, started_in })
    }
}

/// Waits until Rangelight passes an answer on, and makes sure that it is a node's.
async fn ready(listen: SocketAddr, target: &str) -> Outcome<()> {
    let begun = Instant::now();
    loop {
        let response = Caller::connect(listen).await?.ask(target).await?;
        if response.status().is_success() && response.headers().contains_key("x-rangelight-node") {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let (head, body) = response.into_parts();
            return Err(format!("{}: {:?}", head.status, body.collect().await?.to_bytes()).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn head_slot(node: SocketAddr) -> Outcome<u64> {
    let body = Caller::connect(node).await?.read("/eth/v1/node/syncing").await?;
    let text = std::str::from_utf8(&body)?;
    let rest = text.split("\"head_slot\":\"").nth(1).ok_or("syncing has a head_slot")?;
    Ok(rest.split('"').next().unwrap_or_default().parse()?)
}

fn machine(cores: Cores) -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{} cores of {}; load before: {load}", cores.count, model.trim_start_matches([':', '\t', ' ']))
}

fn middle(latencies: &[Duration]) -> Duration {
    latencies[latencies.len() / 2]
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// A number of requests; exact below 2^53.
#[allow(clippy::cast_precision_loss)]
fn count(requests: usize) -> f64 {
    requests as f64
}
