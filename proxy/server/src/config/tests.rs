//! Tables of what people type, and what comes of it.

use super::{Loaded, Problems, load};

mod documents;
pub(crate) mod folder;
mod garbage;
mod layers;
mod problems;

pub(crate) use folder::Folder;

/// Loads a `config.toml` beside good secret files.
pub(crate) fn typed(text: &str, environment: &[(&str, &str)]) -> (Folder, Result<Loaded, Problems>) {
    let folder = Folder::new();
    folder.write("config.toml", text);
    folder.write("good.token", "s3cret-token\n");
    folder.write("empty.token", " \n");
    folder.write("two.token", "one\ntwo\n");
    folder.write("ca.pem", "# ours\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
    folder.write("key.pem", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
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
