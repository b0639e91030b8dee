//! Who overrides whom, where paths are meant from, and what a good configuration means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rangelight_policy::family::{ConsensusFamily, ExecutionFamily};
use rangelight_policy::node::{Participation, Trust};

use super::{Folder, lines, typed};
use crate::config::{Loaded, Mode, NetworkChoice, Origin, load};

const NODE: &str = "[[node]]\nname = \"attic\"\nurl = \"http://attic:5052\"\n";

/// One effective setting as `value (origin)`, without the folder.
fn effective(folder: &Folder, loaded: &Loaded, key: &str) -> String {
    let setting = loaded.effective.iter().find(|setting| setting.key == key).expect(key);
    format!("{} ({})", setting.value, setting.origin).replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn each_layer_overrides_the_one_before() {
    let folder = Folder::new();
    folder.write(
        "config.toml",
        &format!("mode = \"observe\"\n[listen]\naddress = \"127.0.0.1:1\"\nbudget = \"2s\"\n{NODE}"),
    );
    let two = [("RANGELIGHT_LISTEN__ADDRESS", "[::1]:2")];
    let empty = [("RANGELIGHT_LISTEN__ADDRESS", "")];
    for (environment, flag, expected) in [
        (&[][..], None, "127.0.0.1:1 (config.toml:3)"),
        (&two, None, "[::1]:2 (environment RANGELIGHT_LISTEN__ADDRESS)"),
        (&empty, None, "127.0.0.1:1 (config.toml:3)"),
        (&two, Some("127.0.0.1:3"), "127.0.0.1:3 (--listen)"),
    ] {
        let mut sources = folder.sources(environment);
        sources.overrides.listen = flag.map(str::to_owned);
        let loaded = load(&sources).expect("a good configuration");
        assert_eq!(effective(&folder, &loaded, "listen.address"), expected);
        assert_eq!(loaded.config.listens[0].budget, Some(Duration::from_secs(2)), "the rest of the table stays");
        assert_eq!(effective(&folder, &loaded, "mode"), "observe (config.toml:1)");
        assert_eq!(effective(&folder, &loaded, "admin.address"), "127.0.0.1:5056 (default)");
    }
}

#[test]
fn the_file_is_looked_for_in_order() {
    let folder = Folder::new();
    let file = |name: &str| folder.write(name, &NODE.replace("attic", name.trim_end_matches(".toml")));
    let first = |environment: &[(&str, &str)], flag: Option<&str>| {
        let mut sources = folder.sources(environment);
        sources.overrides.config = flag.map(PathBuf::from);
        load(&sources).map(|loaded| loaded.config.nodes[0].name.to_string()).map_err(|problems| problems.to_string())
    };
    let nowhere = first(&[], None).expect_err("there is no file");
    assert!(nowhere.contains("no configuration file was found") && nowhere.contains("[[node]]"), "{nowhere}");
    file("system.toml");
    assert_eq!(first(&[], None), Ok("system".to_owned()));
    file("config.toml");
    assert_eq!(first(&[], None), Ok("config".to_owned()));
    file("variable.toml");
    let variable = [("RANGELIGHT_CONFIG", "variable.toml")];
    assert_eq!(first(&variable, None), Ok("variable".to_owned()));
    file("flag.toml");
    assert_eq!(first(&variable, Some("flag.toml")), Ok("flag".to_owned()));
    let missing = first(&variable, Some("missing.toml")).expect_err("a named file must be there");
    assert!(missing.starts_with("--config: ") && missing.contains("missing.toml cannot be read"), "{missing}");
    let missing = first(&[("RANGELIGHT_CONFIG", "gone.toml")], None).expect_err("a named file must be there");
    assert!(missing.starts_with("environment RANGELIGHT_CONFIG: "), "{missing}");
    let folder_named = first(&[], Some(".")).expect_err("a folder is no file");
    assert!(folder_named.contains("it is not a file"), "{folder_named}");
    folder.write("long.toml", &"#".repeat((1 << 20) + 1));
    let long = first(&[], Some("long.toml")).expect_err("too long");
    assert!(long.contains("more than 1024 KiB"), "{long}");
}

#[test]
fn one_table_in_single_brackets_is_one_node() {
    let (_folder, result) = typed(&NODE.replace("[[node]]", "[node]"), &[]);
    let (_folder, double) = typed(NODE, &[]);
    assert_eq!(result.expect("as good as [[node]]").config.nodes, double.expect("good").config.nodes);
}

#[test]
fn the_environment_alone_is_enough() {
    for (name, environment, nodes) in [
        (
            "the only node",
            [("RANGELIGHT_NODE__NAME", "a"), ("RANGELIGHT_NODE__URL", "http://a:5052"), ("RANGELIGHT_MODE", "observe")],
            "a=http://a:5052",
        ),
        (
            "a list",
            [
                (
                    "RANGELIGHT_NODE",
                    r#"[{name="a",url="http://a:5052"},{name="1",url="http://b",headers={X-Key="k"}}]"#,
                ),
                ("RANGELIGHT_LISTEN__HOSTS", "[a.example, b.example]"),
                ("RANGELIGHT_ADMIN__HOSTS", "a.example"),
            ],
            "a=http://a:5052 1=http://b",
        ),
        (
            "a name that looks like a number",
            [
                ("RANGELIGHT_NODE__NAME", "1"),
                ("RANGELIGHT_NODE__URL", "http://a"),
                ("RANGELIGHT_PORT", "tcp://10.0.0.1:5055"),
            ],
            "1=http://a",
        ),
    ] {
        let loaded = load(&Folder::new().sources(&environment)).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let read: Vec<String> = loaded.config.nodes.iter().map(|node| format!("{}={}", node.name, node.url)).collect();
        assert_eq!(read.join(" "), nodes, "{name}");
        assert_eq!(loaded.file, None, "{name}");
    }
}

#[test]
fn problems_of_the_environment_name_the_variable() {
    let deep = "[".repeat(5000);
    let two = format!("{NODE}{}[[listen]]\n[[listen]]\naddress = \"127.0.0.1:1\"\n", NODE.replace("attic", "hut"));
    for (text, name, value, expected) in [
        (
            NODE,
            "RANGELIGHT_LISTEN__ADRESS",
            "x",
            "environment RANGELIGHT_LISTEN__ADRESS: listen.adress: unknown option; did you mean \"address\"?",
        ),
        (NODE, "RANGELIGHT_NOD", "x", "environment RANGELIGHT_NOD: nod: unknown option; did you mean \"node\"?"),
        (NODE, "RANGELIGHT_LISTEN_PORT", "5055", "environment RANGELIGHT_LISTEN_PORT: listen_port: unknown option"),
        (NODE, "RANGELIGHT_MODE", "fast", "environment RANGELIGHT_MODE: mode: \"fast\" is not known"),
        (
            NODE,
            "RANGELIGHT_NODE__URL",
            "http://u:s3cret@a b",
            "environment RANGELIGHT_NODE__URL: node.attic.url: a URL has no spaces",
        ),
        (
            "",
            "RANGELIGHT_NODE__URL",
            "http://a",
            "environment RANGELIGHT_NODE__URL: node.name: a node needs a name; set RANGELIGHT_NODE__NAME",
        ),
        (
            "",
            "RANGELIGHT_NODE__NAME",
            "a",
            "environment RANGELIGHT_NODE__NAME: node.a.url: a node needs a url; set RANGELIGHT_NODE__URL",
        ),
        (
            "",
            "RANGELIGHT_NODE",
            r#"[{url="http://a"}]"#,
            "environment RANGELIGHT_NODE: node.name: a node needs a name; write name = \"…\"",
        ),
        (NODE, "RANGELIGHT_NODE", &deep, "environment RANGELIGHT_NODE: the value nests deeper"),
        (&two, "RANGELIGHT_NODE__URL", "http://a", "environment RANGELIGHT_NODE__URL: node: there are 2 [[node]]"),
        (
            &two,
            "RANGELIGHT_LISTEN__ADDRESS",
            "[::1]:1",
            "environment RANGELIGHT_LISTEN__ADDRESS: listen: there are 2 [[listen]]",
        ),
    ] {
        let (folder, result) = typed(text, &[(name, value)]);
        let printed = lines(&folder, &result);
        assert!(printed.len() == 1 && printed[0].starts_with(expected), "{name}: {printed:?}");
        assert!(!printed[0].contains("s3cret"), "{name}: {printed:?}");
    }
}

#[test]
fn variables_that_are_no_options_are_passed_over() {
    for (name, value) in [
        ("RANGELIGHT_LOG", "debug"),
        ("RANGELIGHT_SEED", "1"),
        ("RANGELIGHT_SERVICE_HOST", "10.0.0.1"),
        ("RANGELIGHT_SERVICE_PORT_HTTP", "5055"),
        ("RANGELIGHT_PORT", "tcp://10.0.0.1:5055"),
        ("RANGELIGHT_PORT_5055_TCP_ADDR", "10.0.0.1"),
        ("RANGELIGHT_METRICS_SERVICE_HOST", "10.0.0.1"),
        ("RANGELIGHT_METRICS_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("RANGELIGHTS", "x"),
    ] {
        let (folder, result) = typed(NODE, &[(name, value)]);
        assert!(result.is_ok(), "{name}: {:?}", lines(&folder, &result));
    }
}

#[test]
fn everything_that_can_be_said_means_something() {
    let root = format!("0x{}", "4b".repeat(32));
    let text = format!(
        "network = \"{root}\"\nstate = \"mine\"\nmode = \"pass-through\"\n\
         [[listen]]\naddress = \"unix:vc.sock\"\nhosts = [\"VC.Example\"]\norigins = [\"https://Dash.Example:443\"]\n\
         token_file = \"good.token\"\nbudget = \"1.8s\"\n[[listen]]\naddress = \"0.0.0.0:7\"\n[admin]\naddress = \"[::]:8\"\ntoken_file = \"good.token\"\n\
         [[node]]\nname = \"a\"\nurl = \"https://a/p/\"\ntrust = \"friend\"\nparticipation = \"standby\"\nconsensus = \"teku\"\n\
         execution = \"besu\"\noperator = \"alice\"\ntoken_file = \"good.token\"\nheaders = {{ X-Api-Key = \"s3cret-key\" }}\n\
         fingerprint = \"{}\"\nclient_cert_file = \"ca.pem\"\nclient_key_file = \"key.pem\"\n\
         [[node]]\nname = \"b\"\nurl = \"http://u:s3cret-pass@b\"\n",
        "AB:".repeat(32).trim_end_matches(':'),
    );
    let (folder, result) = typed(&text, &[]);
    let loaded = result.expect("a good configuration");
    let config = &loaded.config;
    assert_eq!(config.network, Some(NetworkChoice::Root(root.parse().expect("a root"))));
    assert_eq!(config.state, folder.path().join("mine"), "from the folder of the file");
    assert_eq!(config.mode, Mode::PassThrough);
    let listen = &config.listens[0];
    assert_eq!(listen.address.to_string(), format!("unix:{}/mine/vc.sock", folder.path().display()));
    assert_eq!((&*listen.hosts[0], &*listen.origins[0]), ("vc.example", "https://dash.example"));
    assert_eq!(listen.token.as_ref().map(|token| token.expose()), Some("s3cret-token"));
    assert_eq!(listen.budget, Some(Duration::from_millis(1800)));
    assert_eq!(config.admin.token.as_ref().map(|token| token.expose()), Some("s3cret-token"));
    let [a, b] = &config.nodes[..] else { panic!("two nodes") };
    assert_eq!((a.trust, a.participation), (Trust::Friend, Participation::Standby));
    assert_eq!((a.consensus, a.execution), (Some(ConsensusFamily::Teku), Some(ExecutionFamily::Besu)));
    assert_eq!((a.operator.as_deref(), a.url.to_string()), (Some("alice"), "https://a/p".to_owned()));
    assert_eq!(a.authorization.as_ref().map(|secret| secret.expose()), Some("Bearer s3cret-token"));
    assert_eq!((a.headers[0].0.as_str(), a.headers[0].1.expose()), ("x-api-key", "s3cret-key"));
    assert_eq!(a.tls.fingerprint, Some([0xab; 32]));
    assert_eq!(a.tls.client_key_file.as_deref(), Some(&*folder.path().join("key.pem")));
    assert_eq!(b.authorization.as_ref().map(|secret| secret.expose()), Some("Basic dTpzM2NyZXQtcGFzcw=="));
    assert_eq!((b.trust, b.participation), (Trust::Own, Participation::Full));

    assert_eq!(loaded.warnings.len(), 1, "the listener for everybody without a token");
    assert_eq!(loaded.warnings[0].key, "listen.2.address");
    let everything = format!("{loaded:?}");
    assert!(!everything.contains("s3cret") && !everything.contains("dTpz"), "a secret can be printed: {everything}");
    assert_eq!(effective(&folder, &loaded, "node.a.headers"), "X-Api-Key: *** (config.toml:24)");
    assert_eq!(effective(&folder, &loaded, "node.b.url"), "http://***@b (config.toml:30)");
}

#[test]
fn a_file_with_a_new_content_is_a_new_configuration() {
    let text = NODE.replace("http:", "https:") + "ca_file = \"ca.pem\"\n";
    let (folder, result) = typed(&text, &[]);
    let before = result.expect("a good configuration").config;
    assert_eq!(load(&folder.sources(&[])).expect("again").config, before, "reading again changes nothing");
    folder.write("ca.pem", &super::Signed::new().certificate);
    let after = load(&folder.sources(&[])).expect("again").config;
    assert_ne!(after.nodes, before.nodes);
}

#[test]
fn state_lies_where_the_system_says() {
    let folder = Folder::new();
    folder.write("config.toml", NODE);
    let here = folder.path().join("here");
    for (name, environment, state, origin) in [
        ("systemd", [("STATE_DIRECTORY", "/var/lib/rl:/x"), ("HOME", "/h")], Some("/var/lib/rl"), "STATE_DIRECTORY"),
        ("XDG", [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "/xdg")], Some("/xdg/rangelight"), "XDG_STATE_HOME"),
        ("home", [("STATE_DIRECTORY", ""), ("HOME", "/h")], Some("/h/.local/state/rangelight"), "HOME"),
        ("nowhere", [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "relative")], None, ""),
        ("said", [("HOME", "/h"), ("RANGELIGHT_STATE", "here")], here.to_str(), "RANGELIGHT_STATE"),
    ] {
        match (load(&folder.sources(&environment)), state) {
            (Ok(loaded), Some(state)) => {
                assert_eq!(loaded.config.state, Path::new(state), "{name}");
                let shown = loaded.effective.iter().find(|setting| setting.key == "state").expect("it is listed");
                assert_eq!((&*shown.value, &shown.origin), (state, &Origin::Environment(origin.into())), "{name}");
            }
            (Err(problems), None) => assert!(problems.to_string().contains("set it to a folder"), "{name}: {problems}"),
            (result, _) => panic!("{name}: {result:?}"),
        }
    }
}

#[test]
fn the_admin_listener_is_found_in_spite_of_problems() {
    for (name, text, address, token, problems) in [
        (
            "good",
            "[admin]\naddress = \"127.0.0.1:9\"\n[[node]]\nname = \"a\"\nurl = \"http://a\"\n",
            "127.0.0.1:9",
            false,
            0,
        ),
        (
            "a problem elsewhere",
            "mod = 1\n[admin]\naddress = \"127.0.0.1:9\"\ntoken_file = \"good.token\"\n",
            "127.0.0.1:9",
            true,
            2,
        ),
        ("its own address is bad", "[admin]\naddress = \"nowhere\"\n", "127.0.0.1:5056", false, 2),
        ("no TOML", "[admin\n", "127.0.0.1:5056", false, 1),
    ] {
        let (folder, _) = typed(text, &[]);
        let (admin, found) = crate::config::admin(&folder.sources(&[]));
        assert_eq!((admin.address.to_string().as_str(), admin.token.is_some()), (address, token), "{name}");
        assert_eq!(found.map_or(0, |found| found.0.len()), problems, "{name}");
    }
}
