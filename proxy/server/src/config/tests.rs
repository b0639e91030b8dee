//! Tables of what people type, and what comes of it.

use std::sync::OnceLock;

use super::{Loaded, Problems, load};

mod documents;
pub(crate) mod folder;
mod garbage;
mod layers;
mod problems;

pub(crate) use folder::Folder;

/// A certificate and its key, in PEM form.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Signed {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec!["node".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// The pair beside every `config.toml` here.
pub(crate) fn ours() -> &'static Signed {
    static OURS: OnceLock<Signed> = OnceLock::new();
    OURS.get_or_init(Signed::new)
}

/// Loads a `config.toml` beside good secret files.
pub(crate) fn typed(text: &str, environment: &[(&str, &str)]) -> (Folder, Result<Loaded, Problems>) {
    let folder = Folder::new();
    folder.write("config.toml", text);
    folder.write("good.token", "s3cret-token\n");
    folder.write("empty.token", " \n");
    folder.write("two.token", "one\ntwo\n");
    folder.write("ca.pem", &format!("# ours\n{}", ours().certificate));
    folder.write("key.pem", &ours().key);
    std::fs::write(folder.path().join("binary.token"), [0xff, 0xfe]).expect("the folder can be written");
    let result = load(&folder.sources(environment));
    (folder, result)
}

/// The problems as printed, without the folder they are in.
fn lines(folder: &Folder, result: &Result<Loaded, Problems>) -> Vec<String> {
    let folder = format!("{}/", folder.path().display());
    match result {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(|line| line.replace(&folder, "")).collect(),
    }
}
