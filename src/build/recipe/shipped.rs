//! The recipes that come with this program: the folder `recipes/` of its source.

use super::load::{Entry, Origin};
use super::read::RecipeFile;

macro_rules! shipped {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../recipes/", $name, ".toml")))
    };
}

/// Name and text.
pub(super) const ALL: &[(&str, &str)] = &[
    shipped!("anyjson"),
    shipped!("bitarray"),
    shipped!("demjson"),
    shipped!("future"),
    shipped!("jsmin"),
    shipped!("kerberos"),
    shipped!("markupsafe"),
    shipped!("mysqlclient"),
    shipped!("psycopg2"),
    shipped!("pyaudio"),
    shipped!("pybluez"),
    shipped!("pycairo"),
    shipped!("pycrypto"),
    shipped!("pylibmc"),
    shipped!("python-snappy"),
    shipped!("pyyaml"),
];

pub(super) fn entry(name: &str, text: &str) -> Entry {
    let no_files = |_: &str| Err("a shipped recipe holds its patches in '''…'''".to_owned());
    let file = RecipeFile::parse(&format!("recipes/{name}.toml"), name, text, &no_files);
    let file = file.map_err(|e| e.to_string());
    Entry { name: name.to_owned(), origin: Origin::Shipped, text: text.to_owned(), file }
}
