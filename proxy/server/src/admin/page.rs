//! What a path of the admin listener means.
//!
//! Paths are few and have one spelling: no slash at the end, no percent-encoding (names of nodes need none). A beacon
//! node's path here is the sign of a VC that was pointed at the wrong port, so its refusal says which port is meant.

use http::{Method, StatusCode};

use super::{MOST_EVIDENCE, USUAL_EVIDENCE};
use crate::reply::Refusal;

/// What `GET /` says.
pub(super) const INDEX: &str = "\
Rangelight, admin listener

GET  /status                  nodes, view, network, mode; JSON
GET  /health                  200 if a node is ready, else 503; JSON
GET  /metrics                 Prometheus text
GET  /evidence?limit=100      who was asked, who answered what, newest first; JSON
POST /nodes/{name}/cordon     takes a node out of reads, says whether it is safe to stop it
POST /nodes/{name}/uncordon   lets it take part again
";

/// The longest name of a node that is looked for; configured ones are shorter.
const LONGEST_NAME: usize = 64;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The list of pages.
    Index,
    /// Everything that is known.
    Status,
    /// Whether duties can be done.
    Health,
    /// For Prometheus.
    Metrics,
    /// The newest stories of races.
    Evidence,
    /// Takes a node out of reads, or lets it in again.
    Cordon {
        /// The node's name as it was typed.
        node: String,
        /// True = taken out.
        cordoned: bool,
    },
}

impl Page {
    /// What a method and a raw path mean.
    pub(super) fn find(method: &Method, path: &str) -> Result<Self, Refusal> {
        let (page, takes) = match path {
            "/" => (Self::Index, Method::GET),
            "/status" => (Self::Status, Method::GET),
            "/health" => (Self::Health, Method::GET),
            "/metrics" => (Self::Metrics, Method::GET),
            "/evidence" => (Self::Evidence, Method::GET),
            _ => (Self::cordon(path).ok_or_else(|| not_here(path))?, Method::POST),
        };
        match (&takes, method) {
            (&Method::GET, &Method::GET | &Method::HEAD) | (&Method::POST, &Method::POST) => Ok(page),
            (&Method::GET, _) => Err(Refusal::wrong_method(method, path, "GET, HEAD")),
            _ => Err(Refusal::wrong_method(method, path, "POST")),
        }
    }

    fn cordon(path: &str) -> Option<Self> {
        let (node, what) = path.strip_prefix("/nodes/")?.split_once('/')?;
        let cordoned = match what {
            "cordon" => true,
            "uncordon" => false,
            _ => return None,
        };
        let plain = !node.is_empty() && node.len() <= LONGEST_NAME;
        plain.then(|| Self::Cordon { node: node.to_owned(), cordoned })
    }
}

/// How many records `/evidence` is asked for. Other parameters are passed over.
pub(super) fn limit(query: &str) -> Result<usize, Refusal> {
    let Some(limit) = query.split('&').find_map(|pair| pair.strip_prefix("limit=")) else { return Ok(USUAL_EVIDENCE) };
    match limit.parse() {
        Ok(limit @ 1..=MOST_EVIDENCE) => Ok(limit),
        _ => Err(Refusal::bad_request(format!("limit must be a number from 1 to {MOST_EVIDENCE}"))),
    }
}

/// 404: no node of this name.
pub(super) fn no_such_node(name: &str, names: &[&str]) -> Refusal {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let message = format!("no node is called {name:?}; the nodes are {}", names.join(", "));
    Refusal::new(StatusCode::NOT_FOUND, message)
}

fn not_here(path: &str) -> Refusal {
    if path.starts_with("/eth/") {
        let message = "this is the admin listener; the Beacon API is at the address that [listen] sets, by default \
                       port 5055";
        return Refusal::new(StatusCode::NOT_FOUND, message);
    }
    let path: String = path.chars().take(80).collect();
    Refusal::new(StatusCode::NOT_FOUND, format!("no such page: {path}; GET / lists what is here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paths_mean() {
        let cordon = |node: &str, cordoned| Ok(Page::Cordon { node: node.to_owned(), cordoned });
        for (method, path, wanted) in [
            ("GET", "/", Ok(Page::Index)),
            ("GET", "/status", Ok(Page::Status)),
            ("HEAD", "/status", Ok(Page::Status)),
            ("GET", "/health", Ok(Page::Health)),
            ("GET", "/metrics", Ok(Page::Metrics)),
            ("GET", "/evidence", Ok(Page::Evidence)),
            ("POST", "/nodes/attic/cordon", cordon("attic", true)),
            ("POST", "/nodes/attic/uncordon", cordon("attic", false)),
            ("POST", "/status", Err((405, "GET, HEAD"))),
            ("GET", "/nodes/attic/cordon", Err((405, "POST"))),
            ("DELETE", "/", Err((405, "GET, HEAD"))),
            ("GET", "/status/", Err((404, "GET / lists"))),
            ("POST", "/nodes//cordon", Err((404, "GET / lists"))),
            ("POST", "/nodes/attic/drain", Err((404, "GET / lists"))),
            ("POST", "/nodes/attic/cordon/x", Err((404, "GET / lists"))),
            ("GET", "*", Err((404, "GET / lists"))),
            ("GET", "/eth/v1/node/syncing", Err((404, "admin listener"))),
        ] {
            match (Page::find(&Method::from_bytes(method.as_bytes()).expect("a method"), path), wanted) {
                (Ok(page), Ok(wanted)) => assert_eq!(page, wanted, "{method} {path}"),
                (Err(refusal), Err((status, words))) => {
                    assert_eq!(refusal.status().as_u16(), status, "{method} {path}");
                    assert!(refusal.message().contains(words), "{method} {path}: {}", refusal.message());
                }
                (got, _) => unreachable!("{method} {path}: {got:?}"),
            }
        }
    }

    #[test]
    fn how_much_evidence() {
        for (query, wanted) in [
            ("", Some(USUAL_EVIDENCE)),
            ("other=1", Some(USUAL_EVIDENCE)),
            ("limit=1", Some(1)),
            ("a=b&limit=7", Some(7)),
            ("limit=1024", Some(1024)),
            ("limit=1025", None),
            ("limit=0", None),
            ("limit=", None),
            ("limit=-1", None),
        ] {
            assert_eq!(limit(query).ok(), wanted, "{query}");
        }
    }

    #[test]
    fn the_list_of_pages_is_whole() {
        for line in INDEX.lines().skip(2) {
            let (method, rest) = line.split_once(' ').expect("a method");
            let path = rest.trim().split(' ').next().unwrap_or_default().replace("{name}", "attic");
            let path = path.split('?').next().unwrap_or_default();
            let found = Page::find(&Method::from_bytes(method.as_bytes()).expect("a method"), path);
            assert!(found.is_ok(), "{line}: {found:?}");
        }
    }
}
